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
