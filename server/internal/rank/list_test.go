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
		cosines, byWords := map[uint32]float32{}, map[uint32]bool{}
		union := map[uint32]bool{}
		for _, c := range dense {
			cosines[c.Slot], union[c.Slot] = c.Score, true
		}
		for _, c := range words {
			byWords[c.Slot], union[c.Slot] = true, true
		}
		n := r.merge(dense, words)
		if len(r.slots) != len(union) || n != len(dense) {
			t.Fatalf("%d candidates, %d with cosine; want %d and %d", len(r.slots), n, len(union), len(dense))
		}
		for i, slot := range r.slots {
			delete(union, slot)
			cosine, inDense := cosines[slot]
			if inDense != (i < n) || r.byWords[i] != byWords[slot] || inDense && cosine != r.cosines[i] {
				t.Fatalf("candidate %d, slot %d, is in the wrong place or has a wrong score", i, slot)
			}
		}
		if len(union) != 0 {
			t.Fatalf("missing: %v", union)
		}
	}
}
