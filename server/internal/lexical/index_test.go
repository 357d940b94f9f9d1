package lexical

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/embed/vector"
)

func TestScoreIsBM25ByHand(t *testing.T) {
	x := New()
	x.Append(terms(1, 1, 2)) // length 3
	x.Append(terms(1, 3))    // length 2
	x.Append(terms(4))       // length 1
	var q Query
	x.Prepare(&q, terms(1, 2, 2, 9))
	// N 3, avg 2. idf(1) = ln(1+1.5/2.5) = .470004, idf(2) = ln(1+2.5/1.5) = .980829.
	// Slot 0: norm 1.2(.25+.75*3/2) = 1.65; feature 1: tf 2: 4.4/3.65 = 1.205479; feature 2: tf 1: 2.2/2.65 = .830189.
	// Slot 1: norm 1.2; feature 1: 2.2/2.2 = 1.
	want := []float64{.470004*1.205479 + 2*.980829*.830189, .470004, 0}
	got := make([]float64, 3)
	x.Scores(&q, []uint32{0, 1, 2}, got)
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-5 {
			t.Errorf("slot %d: %.6f, want %.6f", i, got[i], want[i])
		}
	}
}

func TestK1IsThatOfTheQuery(t *testing.T) {
	x := New()
	x.Append(terms(1, 1, 1)) // length 3 = avg, so the norm is k1
	var q Query
	for k1, want := range map[float64]float64{0: 3 * 2.2 / 4.2, .6: 3 * 1.6 / 3.6} {
		x.PrepareK1(&q, terms(1), k1)
		var got [1]float64
		x.Scores(&q, []uint32{0}, got[:])
		if want *= q.Weight(1); math.Abs(got[0]-want) > 1e-6 || want == 0 {
			t.Errorf("k1 %g: %g, want %g", k1, got[0], want)
		}
	}
}

func TestScoresAgreeWithTheDefinitionThroughRandomAppendsAndRemovals(t *testing.T) {
	defer func(old uint32) { arenaChunk = old }(arenaChunk)
	arenaChunk = 64
	rng := rand.New(rand.NewPCG(1, 2))
	x, m := New(), &model{gone: map[uint32]bool{}}
	var q Query
	for step := range 400 {
		if n := len(m.papers); n > 0 && rng.IntN(4) == 0 {
			slot := uint32(rng.IntN(n))
			x.Remove(slot)
			m.gone[slot] = true
		} else {
			p := randomTerms(rng, 100, 300)
			if slot := x.Append(p); int(slot) != n {
				t.Fatalf("slot %d, want %d", slot, n)
			}
			m.papers = append(m.papers, p)
		}
		if step%20 != 0 {
			continue
		}
		query := randomTerms(rng, 30, 300)
		x.Prepare(&q, query)
		slot := uint32(rng.IntN(len(m.papers)))
		var got [1]float64
		x.Scores(&q, []uint32{slot}, got[:])
		if want := m.score(query, slot); math.Abs(got[0]-want) > 1e-6*want {
			t.Fatalf("step %d: score %g, want %g", step, got[0], want)
		}
		sum := 0.
		for _, feature := range query.IDs {
			sum += x.TermScore(&q, slot, feature)
		}
		if math.Abs(sum-got[0]) > 1e-6*sum {
			t.Fatalf("step %d: the scores of the features sum to %g, the score is %g", step, sum, got[0])
		}
	}
	checkIndex(t, x)
	var got embed.Terms
	for slot, want := range m.papers {
		x.Terms(uint32(slot), &got)
		if !slices.Equal(got.IDs, want.IDs) || !slices.Equal(got.Counts, want.Counts) || got.Tokens != want.Tokens ||
			!slices.Equal(got.Bigrams, distinct(want.Bigrams)) {
			t.Fatalf("slot %d: terms %v, want %v", slot, got, want)
		}
	}
}

func TestSharedCountsDistinctBigramsInTheirOrder(t *testing.T) {
	x := New()
	x.Append(terms(1, 2, 3, 1, 2)) // 1-2, 2-3, 3-1
	x.Append(terms(2, 1))
	x.Append(terms(7))
	x.Append(&embed.Terms{Bigrams: []uint16{5, 0, 5}}) // 0 is a bigram like any other, and pads no count
	var q Query
	for _, c := range []struct {
		query *embed.Terms
		want  [4]uint32
	}{
		{terms(1, 2, 3), [4]uint32{2, 0, 0, 0}},
		{terms(1, 2, 1, 2, 1), [4]uint32{1, 1, 0, 0}},
		{terms(3), [4]uint32{}},
		{&embed.Terms{Bigrams: []uint16{0}}, [4]uint32{0, 0, 0, 1}},
	} {
		x.Prepare(&q, c.query)
		got := [4]uint32{9, 9, 9, 9}
		if x.Match(&q, []uint32{0, 1, 2, 3}, make([]float64, 4), got[:]); got != c.want {
			t.Errorf("query %v shares %d bigrams, want %d", c.query.Bigrams, got, c.want)
		}
	}
}

func TestRemovingTwiceCountsOnce(t *testing.T) {
	x := New()
	x.Append(terms(1, 2))
	x.Append(terms(2))
	x.Remove(0)
	x.Remove(0)
	if x.Papers() != 1 || x.Frequency(1) != 0 || x.Frequency(2) != 1 {
		t.Errorf("papers %d, df %d and %d; want 1, 0 and 1", x.Papers(), x.Frequency(1), x.Frequency(2))
	}
	checkIndex(t, x)
}

func TestQueriesWithoutKnownWordsScoreZero(t *testing.T) {
	x := New()
	var q Query
	x.Prepare(&q, terms(5))
	if !q.Empty() {
		t.Error("a query of an empty index is not empty")
	}
	x.Append(terms())
	x.Append(terms(1))
	x.Remove(1)
	x.Prepare(&q, terms(1, 5))
	got := []float64{7, 7}
	x.Scores(&q, []uint32{0, 1}, got)
	if !q.Empty() || got[0] != 0 || got[1] != 0 {
		t.Errorf("empty %v, scores %v; want no live word and zeros", q.Empty(), got)
	}
}

func TestCountsSaturate(t *testing.T) {
	x := New()
	x.Append(&embed.Terms{IDs: []uint32{features - 1}, Counts: []uint16{math.MaxUint16}, Tokens: 1 << 20})
	var got embed.Terms
	x.Terms(0, &got)
	if got.IDs[0] != features-1 || got.Counts[0] != maxCount || got.Tokens != 1<<20 {
		t.Errorf("terms %v, want count %d", got, maxCount)
	}
}

func TestPreparingAndScoringAllocateNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	x := New()
	slots := make([]uint32, 200)
	for i := range slots {
		slots[i] = x.Append(randomTerms(rng, 200, 2000))
	}
	query, dst, shared := randomTerms(rng, 300, 2000), make([]float64, len(slots)), make([]uint32, len(slots))
	var q Query
	x.Prepare(&q, query)
	if n := testing.AllocsPerRun(20, func() {
		x.Prepare(&q, query)
		x.Match(&q, slots, dst, shared)
	}); n != 0 {
		t.Errorf("%v allocations a query, want 0", n)
	}
}

// TestReadersSeeWholePapersBesideTheAppender is for -race above all: what a reader finds, it can read in full.
func TestReadersSeeWholePapersBesideTheAppender(t *testing.T) {
	defer func(old uint32) { arenaChunk = old }(arenaChunk)
	arenaChunk = 256
	x := New()
	var wg sync.WaitGroup
	done := make(chan struct{})
	for reader := range 3 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(reader), 0))
			var q Query
			var got embed.Terms
			for {
				select {
				case <-done:
					return
				default:
				}
				x.Prepare(&q, randomTerms(rng, 10, 100))
				n := x.Len()
				found, err := x.Top(t.Context(), &q, 10, nil, nil)
				if err != nil {
					t.Error(err)
					return
				}
				for _, c := range found {
					var score [1]float64
					x.Scores(&q, []uint32{c.Slot}, score[:])
					if c.Score <= 0 || float64(c.Score) > mostEstimate(&q, score[0]) {
						t.Errorf("slot %d: Top says %g, Scores %g", c.Slot, c.Score, score[0])
					}
				}
				if n > 0 {
					x.Terms(uint32(n-1), &got)
					sum := 0
					for _, c := range got.Counts {
						sum += int(c)
					}
					if sum != got.Tokens {
						t.Errorf("slot %d: counts sum to %d, tokens %d", n-1, sum, got.Tokens)
					}
				}
			}
		})
	}
	rng := rand.New(rand.NewPCG(9, 9))
	for range 6000 {
		slot := x.Append(randomTerms(rng, 20, 100))
		if rng.IntN(5) == 0 {
			x.Remove(uint32(rng.IntN(int(slot) + 1)))
		}
	}
	close(done)
	wg.Wait()
	checkIndex(t, x)
}

func TestScoresAreTheSameHoweverRowsAreLookedThrough(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	x := New()
	slots := make([]uint32, 500)
	for i := range slots {
		slots[i] = x.Append(randomTerms(rng, 1+i%90, 1+3*i)) // some rows of few features, so that lower bits meet
	}
	var q Query
	want, got := make([]float64, len(slots)), make([]float64, len(slots))
	for n := range 2 * fewFeatures {
		terms := randomTerms(rng, 1+n, 2000)
		undo := vector.Limit(vector.Portable)
		x.Prepare(&q, terms)
		x.Scores(&q, slots, want)
		undo()
		x.Prepare(&q, terms)
		x.Scores(&q, slots, got)
		if !slices.Equal(got, want) {
			t.Fatalf("%d words: other scores by the kernels of class %s", n+1, vector.Class())
		}
	}
}
