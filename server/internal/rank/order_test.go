package rank

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestTheBestPlacesAreThoseOfAFullSort(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		s := make([]Scored, rng.IntN(150))
		for i := range s {
			s[i] = Scored{Slot: uint32(i), Score: float64(rng.IntN(20))}
		}
		rng.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
		sorted := slices.SortedFunc(slices.Values(s), byScore)
		limit := rng.IntN(100)
		sortBest(s, limit)
		n := min(limit, len(s))
		if !slices.Equal(s[:n], sorted[:n]) {
			t.Fatalf("the best %d of %d: %v, want %v", limit, len(s), s[:n], sorted[:n])
		}
		slices.SortFunc(s, byScore)
		if !slices.Equal(s, sorted) {
			t.Fatal("something was lost")
		}
	}
}
