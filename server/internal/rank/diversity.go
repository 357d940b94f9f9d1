package rank

import (
	"math"
	"slices"

	"github.com/akin-search/akin/embed/vector"
)

// Diversify puts the first limit places of Ranked in order by maximal marginal relevance (Carbonell and Goldstein,
// SIGIR 1998): each next hit has the highest (1-diversity)*score - diversity*(its greatest cosine with a hit before
// it). diversity is from 0, rank by score alone, to 1. Scores stay as they were.
func (r *Ranker) Diversify(c Corpus, diversity float64, limit int) error {
	slices.SortFunc(r.Ranked, byScore)
	vectors := c.Vectors
	n, d := len(r.Ranked), vectors.Dims()
	if c.Fetch != nil {
		slots := make([]uint32, n)
		for i := range r.Ranked {
			slots[i] = r.Ranked[i].Slot
		}
		if err := c.Fetch(VectorPart, slots); err != nil {
			return err
		}
	}
	limit = min(limit, n)
	r.rows = resize(r.rows, n*d)
	for i := range r.Ranked {
		if err := vectors.Vector(r.Ranked[i].Slot, r.rows[i*d:(i+1)*d]); err != nil {
			return err
		}
	}
	likeness := make([]float64, n) // greatest cosine with a chosen hit
	row := make([]int, n)          // where the candidate's vector stands
	for i := range row {
		row[i] = i
	}
	for place := range limit {
		best, bestValue := place, math.Inf(-1)
		for i := place; i < n; i++ {
			value := (1-diversity)*r.Ranked[i].Score - diversity*likeness[i]
			if value > bestValue {
				best, bestValue = i, value
			}
		}
		// Move the chosen one up and keep the others in their order, so that ties go to the better score.
		hit, hitRow := r.Ranked[best], row[best]
		copy(r.Ranked[place+1:best+1], r.Ranked[place:best])
		copy(row[place+1:best+1], row[place:best])
		copy(likeness[place+1:best+1], likeness[place:best])
		r.Ranked[place], row[place] = hit, hitRow
		chosen := r.rows[hitRow*d : (hitRow+1)*d]
		for i := place + 1; i < n; i++ {
			likeness[i] = max(likeness[i], float64(vector.Dot(chosen, r.rows[row[i]*d:(row[i]+1)*d])))
		}
	}
	return nil
}
