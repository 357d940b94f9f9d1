package rank

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/lexical"
)

// terms makes the Terms of features that occur once each, with a bigram for every two neighbours.
func terms(words ...uint32) *embed.Terms {
	t := &embed.Terms{IDs: slices.Sorted(slices.Values(words)), Tokens: len(words)}
	for range words {
		t.Counts = append(t.Counts, 1)
	}
	for i := 1; i < len(words); i++ {
		t.Bigrams = append(t.Bigrams, uint16(words[i-1]*31+words[i]))
	}
	return t
}

// listOf makes candidates in slots from 0 with the given figures.
func listOf(cosines []float32, bm25 []float64) *list {
	l := &list{}
	l.resize(len(cosines))
	for i := range l.slots {
		l.slots[i] = uint32(i)
	}
	copy(l.cosines, cosines)
	copy(l.bm25, bm25)
	return l
}

// fuse blends candidates by their cosines and BM25 alone.
func (l *list) fuse(q *lexical.Query, weight float64) {
	clear(l.bigrams)
	l.spread(weight)
	l.blend(q, 1-weight, 0)
}

func wantScores(t *testing.T, l *list, want ...float64) {
	t.Helper()
	for i, w := range want {
		if math.Abs(l.scores[i]-w) > 1e-6 {
			t.Errorf("candidate %d: %g, want %g", i, l.scores[i], w)
		}
	}
}

func TestBlendScalesBothToTheirRange(t *testing.T) {
	l := listOf([]float32{.5, 0, 1}, []float64{30, 10, 10})
	l.fuse(&lexical.Query{}, .25)
	wantScores(t, l, .25*.5+.75, 0, .25)
}

func TestBlendOfEqualScoresIsZero(t *testing.T) {
	l := listOf([]float32{.7, .7, .7}, []float64{0, 0, 0})
	l.fuse(&lexical.Query{}, .5)
	wantScores(t, l, 0, 0, 0)
	l.resize(0)
	l.fuse(&lexical.Query{}, .5)
}

// TestBlendDoesNotStretchNoise: cosines that hardly differ do not outweigh words.
func TestBlendDoesNotStretchNoise(t *testing.T) {
	l := listOf([]float32{.701, .7}, []float64{10, 20})
	l.fuse(&lexical.Query{}, .6)
	wantScores(t, l, .6*.001/leastCosines, .4)
}

func TestSharedBigramsAreRewarded(t *testing.T) {
	x := lexical.New()
	x.Append(terms(1, 9, 2, 3)) // 2-3 shared
	x.Append(terms(1, 2, 3))    // 1-2 and 2-3 shared
	x.Append(terms(3, 2, 1))
	var q lexical.Query
	x.Prepare(&q, terms(1, 2, 3))
	l := listOf([]float32{.2, .2, .2}, []float64{10, 8, 5})
	l.spread(.6)
	l.match(x, &q, 2)
	copy(l.bm25, []float64{10, 8, 5})
	l.blend(&q, .4, 2)
	// Blend: .4 (BM25 - 5) / 5. A bigram: .4 * 2 / 5.
	wantScores(t, l, .4+.16, .24+.32, 0)
	if p := l.parts[1]; math.Abs(p.Words-.4*8/5) > 1e-9 || math.Abs(p.Phrase-.32) > 1e-9 || p.Neighbourhood != 0 {
		t.Errorf("parts %+v", p)
	}
	l.match(x, &q, 0)
	if slices.Max(l.bigrams) != 0 {
		t.Errorf("bigrams %v where they are worth nothing", l.bigrams)
	}
}

// TestCutKeepsTheBest: of equal scores those that stand in front.
func TestCutKeepsTheBest(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 3))
	for range 300 {
		l := listOf(make([]float32, rng.IntN(40)), nil)
		for i := range l.slots {
			l.slots[i], l.cosines[i], l.scores[i] = uint32(100+i), float32(i), float64(rng.IntN(6))
		}
		order, scores := slices.Clone(l.slots), slices.Clone(l.scores)
		slices.SortStableFunc(order, func(a, b uint32) int { return int(scores[b-100] - scores[a-100]) })
		k := 1 + rng.IntN(40)
		behind := l.cut(k, nil)
		n := min(k, len(order))
		slices.Sort(order[:n])
		slices.Sort(order[n:])
		if !slices.Equal(l.slots, order[:n]) || !slices.Equal(behind, order[n:]) {
			t.Fatalf("the best %d of %v: %v, behind %v", k, scores, l.slots, behind)
		}
		for i, slot := range l.slots {
			if l.cosines[i] != float32(slot-100) {
				t.Fatalf("slot %d has the cosine of another", slot)
			}
		}
	}
}

func TestKthLargestIsThatOfASort(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	for range 500 {
		values := make([]float64, 1+rng.IntN(40))
		for i := range values {
			values[i] = float64(rng.IntN(10))
		}
		sorted := slices.Clone(values)
		slices.Sort(sorted)
		k := 1 + rng.IntN(len(values))
		if got, want := kthLargest(values, k), sorted[len(sorted)-k]; got != want {
			t.Fatalf("%v: the %d. largest is %g, got %g", sorted, k, want, got)
		}
	}
}
