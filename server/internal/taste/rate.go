package taste

import (
	"context"
	"math"
	"slices"
)

// Rating is what a paper gets.
type Rating struct {
	Score   float64 // b, less the penalty: higher is better, about -1 to 1
	Penalty float64 // taken away for dislikes, from 0
	Cosine  float32 // with the nearest like; 0 without likes
}

// Rater is the scratch of one goroutine that rates. The zero value is ready.
type Rater struct {
	likeness, shares []float32
	best             [ranks]ranked
}

// ranked is a like by its likeness.
type ranked struct {
	likeness float32
	like     int32
}

// checkEvery is the number of ratings between two looks at the context.
const checkEvery = 64

// Rate rates papers: rows holds their vectors, len(slots) rows of Dims, and dst has the length of slots. It allocates
// nothing in the steady state and ends early, with the context's error, when the context does.
func (t *Taste) Rate(ctx context.Context, r *Rater, slots []uint32, rows []float32, dst []Rating) error {
	for i, slot := range slots {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		dst[i] = t.rate(r, slot, rows[i*t.dims:(i+1)*t.dims])
	}
	return nil
}

func (t *Taste) rate(r *Rater, slot uint32, row []float32) Rating {
	best, cosine := t.rank(r, slot, row)
	if len(best) == 0 {
		return Rating{}
	}
	rating := Rating{Cosine: cosine, Penalty: t.penalty(r, slot, row, best[0].likeness)}
	rating.Score = t.mean(best) - rating.Penalty
	return rating
}

// rank returns the likes nearest to a paper, nearest first, in the rater's memory, and the largest cosine.
func (t *Taste) rank(r *Rater, slot uint32, row []float32) ([]ranked, float32) {
	n := t.Likes()
	if n == 0 {
		return nil, 0
	}
	r.size(n)
	cosine := t.likeness(&t.likes, slot, row, r.likeness, r.shares)
	best := r.best[:0]
	for i, s := range r.likeness {
		if len(best) == ranks && s <= best[ranks-1].likeness {
			continue
		}
		at := len(best)
		for at > 0 && best[at-1].likeness < s {
			at--
		}
		if len(best) < ranks {
			best = best[:len(best)+1]
		}
		copy(best[at+1:], best[at:])
		best[at] = ranked{s, int32(i)}
	}
	return best, cosine
}

func (r *Rater) size(n int) {
	r.likeness = slices.Grow(r.likeness[:0], n)[:n]
	r.shares = slices.Grow(r.shares[:0], n)[:n]
}

// mean is b of the likes in their order.
func (t *Taste) mean(best []ranked) float64 {
	sum, weights, factor := 0., 0., 1.
	for _, like := range best {
		w := factor * t.likes.weights[like.like]
		sum += w * float64(like.likeness)
		weights += w
		factor *= t.recipe.Decay
	}
	return sum / weights
}

// penalty is what dislikes take from a paper whose nearest like has a likeness.
func (t *Taste) penalty(r *Rater, slot uint32, row []float32, liked float32) float64 {
	n := len(t.dislikes.weights)
	if n == 0 || t.recipe.Dislike == 0 {
		return 0
	}
	r.size(n)
	t.likeness(&t.dislikes, slot, row, r.likeness, r.shares)
	worst := math.Inf(-1)
	for i, s := range r.likeness {
		worst = max(worst, t.dislikes.weights[i]*float64(s))
	}
	return t.recipe.Dislike * max(0, worst-float64(liked))
}
