package rank

import (
	"math/rand/v2"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

func TestMergeIsTheUnionWithWhatIsKnown(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func(n int) []index.Candidate {
		out := make([]index.Candidate, 0, n)
		for _, slot := range rng.Perm(60)[:n] {
			out = append(out, index.Candidate{Slot: uint32(slot) * 32, Score: rng.Float32()})
		}
		return out
	}
	var r list
	for range 200 {
		dense, words := draw(rng.IntN(30)), draw(rng.IntN(30))
		cosines, bm25 := map[uint32]float32{}, map[uint32]float32{}
		union := map[uint32]bool{}
		for _, c := range dense {
			cosines[c.Slot], union[c.Slot] = c.Score, true
		}
		for _, c := range words {
			bm25[c.Slot], union[c.Slot] = c.Score, true
		}
		n, m := r.merge(dense, words)
		if len(r.slots) != len(union) || n != len(dense) || len(r.slots)-m != len(words) {
			t.Fatalf("%d candidates, %d with cosine, %d with BM25; want %d, %d, %d", len(r.slots), n, len(r.slots)-m, len(union),
				len(dense), len(words))
		}
		for i, slot := range r.slots {
			delete(union, slot)
			cosine, inDense := cosines[slot]
			score, inWords := bm25[slot]
			if inDense != (i < n) || inWords != (i >= m) || inDense && cosine != r.cosines[i] ||
				inWords && float64(score) != r.bm25[i] {
				t.Fatalf("candidate %d, slot %d, is in the wrong place or has wrong scores", i, slot)
			}
		}
		if len(union) != 0 {
			t.Fatalf("missing: %v", union)
		}
	}
}
