package taste

import (
	"context"
	"slices"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/rank"
)

// Where papers are in shards, each rates its own candidates (Rated), for a paper's rating depends on the likes and on
// the statistics of words alone. A front puts them together (Blend), since neighbours may be in other shards.

// Rated is a candidate with its rating.
type Rated struct {
	Slot uint32
	Rating
}

// Rated appends to dst the candidates for a taste with their ratings, in no order.
func (t *Taste) Rated(ctx context.Context, c rank.Corpus, f rank.Find, w *Finder, dst []Rated) (
	[]Rated, index.Report, error) {
	report, err := t.find(ctx, c, f, w)
	if err != nil {
		return dst, report, err
	}
	for i, slot := range w.slots {
		dst = append(dst, Rated{slot, w.ratings[i]})
	}
	return dst, report, nil
}

// Blend leaves in r.Ranked what Recommend would of candidates that shards have rated. The corpus gives the vectors of
// the best.
func (recipe Recipe) Blend(c rank.Corpus, candidates []Rated, w *Finder, r *rank.Ranker) error {
	r.Ranked = r.Ranked[:0]
	w.rated = w.rated[:0]
	for _, found := range candidates {
		w.rated = append(w.rated, rated{Rating: found.Rating, slot: found.Slot})
	}
	slices.SortFunc(w.rated, byScore)
	n, dims := min(smoothDepth, len(w.rated)), c.Vectors.Dims()
	if c.Fetch != nil && recipe.Neighbours > 0 {
		slots := make([]uint32, n)
		for i := range slots {
			slots[i] = w.rated[i].slot
		}
		if err := c.Fetch(rank.VectorPart, slots); err != nil {
			return err
		}
	}
	w.best = slices.Grow(w.best[:0], n*dims)[:n*dims]
	for i := range n {
		if err := c.Vectors.Vector(w.rated[i].slot, w.best[i*dims:(i+1)*dims]); err != nil {
			return err
		}
	}
	w.smooth(&Taste{recipe: recipe, dims: dims})
	w.hand(r)
	return nil
}
