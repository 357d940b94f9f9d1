package codes

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

// bestFirst orders candidates by falling score, ties by rising slot.
func bestFirst(a, b index.Candidate) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Slot, b.Slot))
}

func TestTopKeepsTheBestInOrderHoweverTheyCome(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 12))
	orders := []func(c []index.Candidate){
		func([]index.Candidate) {},
		func(c []index.Candidate) { slices.SortFunc(c, bestFirst) },
		func(c []index.Candidate) {
			slices.SortFunc(c, func(a, b index.Candidate) int { return bestFirst(b, a) })
		},
		func(c []index.Candidate) { // nearly in order, as a walk offers them
			slices.SortFunc(c, bestFirst)
			for i := range len(c) - 4 {
				j := i + r.IntN(4)
				c[i], c[j] = c[j], c[i]
			}
		},
	}
	var top Top
	for range 50 {
		offered := make([]index.Candidate, r.IntN(300))
		for i := range offered {
			offered[i] = index.Candidate{Slot: uint32(i), Score: float32(r.IntN(40)) / 40} // many ties
		}
		r.Shuffle(len(offered), func(i, j int) { offered[i], offered[j] = offered[j], offered[i] })
		for order, arrange := range orders {
			arrange(offered)
			k := 1 + r.IntN(120)
			top.Reset(k)
			for _, c := range offered {
				top.Offer(c)
			}
			want := slices.SortedFunc(slices.Values(offered), bestFirst)
			want = want[:min(k, len(want))]
			if got := top.AppendSorted(nil); !slices.Equal(got, want) || top.Full() != (len(want) == k) {
				t.Fatalf("order %d, %d offered, k %d: %v, want %v", order, len(offered), k, got, want)
			}
			worst := float32(lowest)
			if len(want) == k {
				worst = want[k-1].Score
			}
			if top.Worst() != worst {
				t.Fatalf("order %d: worst %v, want %v", order, top.Worst(), worst)
			}
		}
	}
}
