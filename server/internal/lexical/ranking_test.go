package lexical

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

func TestBlendScalesBothToTheirRange(t *testing.T) {
	var r Ranking
	r.Resize(3)
	copy(r.Slots, []uint32{5, 6, 7})
	copy(r.Cosines, []float32{.5, 0, 1})
	copy(r.BM25, []float64{30, 10, 10})
	r.Blend(.25)
	for i, want := range []float64{.25*.5 + .75, 0, .25} {
		if math.Abs(r.Scores[i]-want) > 1e-9 {
			t.Errorf("candidate %d: %g, want %g", i, r.Scores[i], want)
		}
	}
	r.Order()
	if !slices.Equal(r.Slots, []uint32{5, 7, 6}) || !slices.Equal(r.BM25, []float64{30, 10, 10}) ||
		!slices.Equal(r.Cosines, []float32{.5, 1, 0}) || r.Scores[1] != .25 {
		t.Errorf("ordered: %+v", r)
	}
}

func TestBlendOfEqualScoresIsZeroAndTiesAreOrderedBySlot(t *testing.T) {
	var r Ranking
	r.Resize(3)
	copy(r.Slots, []uint32{9, 3, 4})
	copy(r.Cosines, []float32{.7, .7, .7})
	copy(r.BM25, []float64{0, 0, 0})
	r.Blend(.5)
	r.Order()
	if !slices.Equal(r.Slots, []uint32{3, 4, 9}) || !slices.Equal(r.Scores, []float64{0, 0, 0}) {
		t.Errorf("got %v with %v", r.Slots, r.Scores)
	}
	r.Resize(0)
	r.Blend(.5)
	r.Order()
	if r.Len() != 0 {
		t.Errorf("%d candidates of none", r.Len())
	}
}

func TestPhrasesRewardSharedBigramsOfTheBest(t *testing.T) {
	x := New()
	x.Append(terms(1, 9, 2, 3)) // 2-3 shared
	x.Append(terms(1, 2, 3))    // 1-2 and 2-3 shared
	x.Append(terms(3, 2, 1))
	var q Query
	x.Prepare(&q, terms(1, 2, 3))
	var r Ranking
	r.Resize(3)
	copy(r.Slots, []uint32{0, 1, 2})
	copy(r.Cosines, []float32{.2, .2, .2})
	copy(r.BM25, []float64{10, 8, 5})
	r.Blend(.6)
	r.Phrases(x, &q, .6, 2)
	// Blend: .4 (BM25 - 5) / 5. A bigram: .4 * 2 / 5.
	for i, want := range []float64{.4 + .16, .24 + .32, 0} {
		if math.Abs(r.Scores[i]-want) > 1e-9 {
			t.Errorf("candidate %d: %g, want %g", i, r.Scores[i], want)
		}
	}
	copy(r.BM25, []float64{5, 5, 5})
	r.Blend(.6)
	r.Phrases(x, &q, .6, 2)
	if !slices.Equal(r.Scores, []float64{0, 0, 0}) {
		t.Errorf("without a range of BM25 to scale by: %v, want zeros", r.Scores)
	}
}

func TestPhrasesLookAtTheBestAlone(t *testing.T) {
	x := New()
	var r Ranking
	r.Resize(phraseDepth + 10)
	for i := range r.Slots {
		r.Slots[i] = x.Append(terms(1, 2))
		r.Cosines[i], r.BM25[i] = 0, float64(i)
	}
	var q Query
	x.Prepare(&q, terms(1, 2))
	r.Blend(0)
	before := slices.Clone(r.Scores)
	r.Phrases(x, &q, 0, 1)
	for i := range r.Scores {
		if changed := r.Scores[i] != before[i]; changed != (i >= 10) {
			t.Errorf("candidate %d of %d rising ones changed: %v", i, r.Len(), changed)
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

func TestMergeIsTheUnionWithWhatIsKnown(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	list := func(n int) []index.Candidate {
		out := make([]index.Candidate, 0, n)
		for _, slot := range rng.Perm(60)[:n] {
			out = append(out, index.Candidate{Slot: uint32(slot) * 32, Score: rng.Float32()})
		}
		return out
	}
	var r Ranking
	for range 200 {
		dense, words := list(rng.IntN(30)), list(rng.IntN(30))
		cosines, bm25 := map[uint32]float32{}, map[uint32]float32{}
		union := map[uint32]bool{}
		for _, c := range dense {
			cosines[c.Slot], union[c.Slot] = c.Score, true
		}
		for _, c := range words {
			bm25[c.Slot], union[c.Slot] = c.Score, true
		}
		n, m := r.Merge(dense, words)
		if r.Len() != len(union) || n != len(dense) || r.Len()-m != len(words) {
			t.Fatalf("%d candidates, %d with cosine, %d with BM25; want %d, %d, %d", r.Len(), n, r.Len()-m, len(union), len(dense), len(words))
		}
		for i, slot := range r.Slots {
			delete(union, slot)
			cosine, inDense := cosines[slot]
			score, inWords := bm25[slot]
			if inDense != (i < n) || inWords != (i >= m) || inDense && cosine != r.Cosines[i] || inWords && float64(score) != r.BM25[i] {
				t.Fatalf("candidate %d, slot %d, is in the wrong place or has wrong scores", i, slot)
			}
		}
		if len(union) != 0 {
			t.Fatalf("missing: %v", union)
		}
	}
}
