package taste

import (
	"math"

	"github.com/akin-search/akin/embed/vector"
)

// Probe is a place to look for candidates at.
type Probe struct {
	Vector []float32 // len Dims, L2 norm 1; the taste's own memory
	K      int       // papers nearest to it
	Width  int       // of the walk that looks for them; 0: the index's own
}

// Probes appends to dst the places to look for candidates at: the mean of the likes, weighted, and each like, or of
// many likes those that cover the others. Likes without a known word are left out. mean, of length Dims, is memory for
// the mean.
func (t *Taste) Probes(mean []float32, dst []Probe) []Probe {
	clear(mean)
	known := 0
	for i := range t.Likes() {
		row := t.like(i)
		if vector.Dot(row, row) > 0 {
			known++
			vector.Axpy(mean, float32(t.likes.weights[i]), row)
		}
	}
	if length := math.Sqrt(float64(vector.Dot(mean, mean))); length > 1e-6 && t.recipe.NearMean > 0 {
		vector.Scale(mean, float32(1/length))
		dst = append(dst, Probe{Vector: mean, K: t.recipe.NearMean})
	}
	if t.recipe.NearEach <= 0 {
		return dst
	}
	for _, i := range t.cover(min(known, t.recipe.Probes)) {
		dst = append(dst, Probe{Vector: t.like(i), K: t.recipe.NearEach, Width: t.recipe.EachWidth})
	}
	return dst
}

func (t *Taste) like(i int) []float32 { return t.likes.vectors[i*t.dims : (i+1)*t.dims] }

// cover chooses n likes with a vector: the heaviest first, then always the one that is farthest from those chosen
// (Gonzalez 1985, whose largest distance to a chosen one is at most twice the least possible).
func (t *Taste) cover(n int) []int {
	nearest := make([]float32, t.Likes()) // cosine with the nearest chosen like; above 1: chosen, or without a vector
	chosen := make([]int, 0, n)
	next := -1
	for i := range nearest {
		nearest[i] = -1
		if row := t.like(i); vector.Dot(row, row) == 0 {
			nearest[i] = 2
		} else if next < 0 || t.likes.weights[i] > t.likes.weights[next] {
			next = i
		}
	}
	for len(chosen) < n && next >= 0 {
		chosen = append(chosen, next)
		row := t.like(next)
		nearest[next] = 2
		next = -1
		for i := range nearest {
			if nearest[i] > 1 {
				continue
			}
			nearest[i] = min(1, max(nearest[i], vector.Dot(row, t.like(i))))
			if next < 0 || nearest[i] < nearest[next] {
				next = i
			}
		}
	}
	return chosen
}
