package hnsw

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/index/indextest"
)

// TestAWalkThatFallsShortIsFollowedByAScan accepts only the vectors farthest from the query, behind more rejected ones
// than a beam holds: a walk alone gives up before it gets there.
func TestAWalkThatFallsShortIsFollowedByAScan(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a graph larger than a beam")
	}
	vectors := clustered(rand.New(rand.NewPCG(11, 11)), 8, beamLimit+6_000)
	x := build(t, 8, vectors, Config{M: 4, EfConstruction: 16})
	query := vectors[0]
	slots := make([]uint32, len(vectors))
	for i := range slots {
		slots[i] = uint32(i)
	}
	slices.SortFunc(slots, func(a, b uint32) int { return cmp.Compare(dot(query, vectors[a]), dot(query, vectors[b])) })
	for _, listed := range []bool{true, false} {
		q := index.Query{Vector: query, K: 20, Walk: true, Accept: indextest.NewSet(slots[:20], listed)}
		hits, report, err := x.Search(t.Context(), &q, nil)
		if err != nil || len(hits) != 20 || !report.Exact {
			t.Errorf("listed %v: %d hits of 20, report %+v, %v", listed, len(hits), report, err)
		}
	}
}

// dot is the dot product of two vectors of one length.
func dot(a, b []float32) float32 {
	var sum float32
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}
