package taste

import (
	"context"
	"math"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/lexical"
)

// Rating is what a paper gets.
type Rating struct {
	Score   float64 // b, less the penalty: higher is better, about -1 to 1
	Penalty float64 // taken away for dislikes, from 0
	Cosine  float32 // with the nearest like; 0 without likes
}

// Rater is the scratch of one goroutine that rates. The zero value is ready.
type Rater struct {
	block           vector.Matrix // rows of papers that are rated together
	likes, dislikes nearness
	best            [ranks]ranked
}

// nearness is how near the papers of a block are to the subjects of a side.
type nearness struct {
	cosines vector.Matrix // a row a paper, a column a subject
	read    lexical.Saturations
	short   []ranked // the subjects that count for the paper at hand
}

// ranked is a subject by its likeness, or its nearness by cosine.
type ranked struct {
	likeness float32
	subject  int32
}

// blockRows is the number of papers that are rated between two looks at the context: their cosines are one product of
// matrices, which takes a fifth of the time that a product for each pair of vectors takes.
const blockRows = 4 * vector.RowTile

// Rate rates papers: rows holds their vectors, len(slots) rows of Dims, and dst has the length of slots. It allocates
// nothing in the steady state and ends early, with the context's error, when the context does.
func (t *Taste) Rate(ctx context.Context, r *Rater, slots []uint32, rows []float32, dst []Rating) error {
	for from := 0; from < len(slots); from += blockRows {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		to := min(from+blockRows, len(slots))
		t.look(r, rows[from*t.dims:to*t.dims])
		for i := from; i < to; i++ {
			dst[i] = t.rate(r, slots[i], i-from)
		}
	}
	return nil
}

// look computes the cosines of up to blockRows papers with all subjects.
func (t *Taste) look(r *Rater, rows []float32) {
	if r.block.Rows == 0 || r.block.Cols < t.dims {
		r.block = vector.NewMatrix(blockRows, t.dims)
	}
	n := len(rows) / t.dims
	for i := range n {
		copy(r.block.Row(i), rows[i*t.dims:(i+1)*t.dims])
	}
	up := (n + vector.RowTile - 1) / vector.RowTile * vector.RowTile
	for _, side := range []struct {
		*side
		*nearness
	}{{&t.likes, &r.likes}, {&t.dislikes, &r.dislikes}} {
		if len(side.weights) == 0 {
			continue
		}
		c := &side.cosines
		if c.Rows == 0 || c.Cols != side.turned.Cols {
			*c = vector.NewMatrix(blockRows, side.turned.Cols)
		}
		vector.MatMul(*c, r.block, side.turned, t.dims, 0, up)
	}
}

// rate rates the paper in a row of the block.
func (t *Taste) rate(r *Rater, slot uint32, at int) Rating {
	best, cosine := t.rank(r, slot, at)
	if len(best) == 0 {
		return Rating{}
	}
	rating := Rating{Cosine: cosine, Penalty: t.penalty(r, slot, at, best[0].likeness)}
	rating.Score = t.mean(best) - rating.Penalty
	return rating
}

// rank returns the likes nearest to a paper, nearest first, in the rater's memory, and the largest cosine.
func (t *Taste) rank(r *Rater, slot uint32, at int) ([]ranked, float32) {
	n := t.Likes()
	if n == 0 {
		return nil, 0
	}
	cosines := r.likes.cosines.Row(at)[:n]
	var largest float32
	r.likes.short, largest = shortlist(r.likes.short[:0], cosines, nil)
	t.likeness(&t.likes, &r.likes, slot, cosines)
	best := r.best[:0]
	for _, like := range r.likes.short {
		best = insertRanked(best, like, ranks)
	}
	return best, largest
}

// shortlist appends to dst the subjects of which words are looked at: all, or of many those of the highest cosine,
// times their weight where weights are given. It returns the largest cosine as well.
func shortlist(dst []ranked, cosines []float32, weights []float64) ([]ranked, float32) {
	largest := float32(math.Inf(-1))
	if len(cosines) <= wordy {
		for i, cosine := range cosines {
			largest = max(largest, cosine)
			dst = append(dst, ranked{cosine, int32(i)})
		}
		return dst, largest
	}
	least := largest
	for i, near := range cosines {
		if near > largest {
			largest = near
		}
		if weights != nil {
			near *= float32(weights[i])
		}
		if near <= least {
			continue
		}
		if dst = insertRanked(dst, ranked{near, int32(i)}, ranks); len(dst) == ranks {
			least = dst[ranks-1].likeness
		}
	}
	return dst, largest
}

// insertRanked puts a subject in its place among at most n, highest first; of equal ones the earlier stays in front.
func insertRanked(list []ranked, s ranked, n int) []ranked {
	at := len(list)
	for at > 0 && list[at-1].likeness < s.likeness {
		at--
	}
	if at == n {
		return list
	}
	if len(list) < n {
		list = append(list, ranked{})
	}
	copy(list[at+1:], list[at:])
	list[at] = s
	return list
}

// likeness replaces, in the shortlist, the nearness of each subject by its likeness with a paper.
func (t *Taste) likeness(s *side, near *nearness, slot uint32, cosines []float32) {
	dense := float32(t.recipe.Dense)
	if dense < 1 {
		t.words.Read(&s.panel, slot, &near.read)
	}
	for i := range near.short {
		subject := &near.short[i]
		subject.likeness = cosines[subject.subject]
		if dense < 1 && s.worded[subject.subject] {
			share := min(1, s.panel.Share(&near.read, int(subject.subject)))
			subject.likeness = dense*subject.likeness + (1-dense)*share
		}
	}
}

// mean is b of the likes in their order.
func (t *Taste) mean(best []ranked) float64 {
	sum, weights, factor := 0., 0., 1.
	for _, like := range best {
		w := factor * t.likes.weights[like.subject]
		sum += w * float64(like.likeness)
		weights += w
		factor *= t.recipe.Decay
	}
	return sum / weights
}

// penalty is what dislikes take from a paper whose nearest like has a likeness.
func (t *Taste) penalty(r *Rater, slot uint32, at int, liked float32) float64 {
	n := len(t.dislikes.weights)
	if n == 0 || t.recipe.Dislike == 0 {
		return 0
	}
	cosines := r.dislikes.cosines.Row(at)[:n]
	r.dislikes.short, _ = shortlist(r.dislikes.short[:0], cosines, t.dislikes.weights)
	t.likeness(&t.dislikes, &r.dislikes, slot, cosines)
	worst := math.Inf(-1)
	for _, dislike := range r.dislikes.short {
		worst = max(worst, t.dislikes.weights[dislike.subject]*float64(dislike.likeness))
	}
	return t.recipe.Dislike * max(0, worst-float64(liked))
}
