package taste

import (
	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/lexical"
)

// leastWeight is what a subject counts for at least, over the heaviest of its side: sums of weights stay far from zero.
const leastWeight = 1e-6

// Subject is something liked or disliked.
type Subject struct {
	Vector []float32    // len Dims, L2 norm 1, or zero where no word is known; copied
	Words  *embed.Terms // nil: none, as of a bare vector
	Weight float64      // above 0, finite; counts against the largest of its side
}

// Taste is what someone likes and dislikes, ready to rate papers of one index. The zero value is ready for Reset; it is
// scratch that can be used again. One goroutine prepares it; then any number may read it.
type Taste struct {
	recipe   Recipe
	dims     int
	words    *lexical.Index
	by       *lexical.Statistics // of the words; nil: those of the index
	likes    side
	dislikes side
}

// side is all likes or all dislikes.
type side struct {
	vectors []float32     // a row of dims a subject
	turned  vector.Matrix // the same, a column a subject
	weights []float64     // over the largest, so in (0, 1]
	worded  []bool        // whether the subject has words
	panel   lexical.Panel
}

// Reset begins a new taste over the papers of a lexical index, whose vectors have dims dimensions.
func (t *Taste) Reset(recipe Recipe, words *lexical.Index, dims int) {
	t.ResetBy(recipe, words, dims, nil)
}

// ResetBy is Reset where the papers are a part of a whole, whose statistics weigh the words of all subjects; nil: the
// index's own.
func (t *Taste) ResetBy(recipe Recipe, words *lexical.Index, dims int, by *lexical.Statistics) {
	t.recipe, t.words, t.dims, t.by = recipe, words, dims, by
	for _, s := range []*side{&t.likes, &t.dislikes} {
		s.vectors, s.weights, s.worded = s.vectors[:0], s.weights[:0], s.worded[:0]
		words.ResetBy(&s.panel, by)
	}
}

// Like adds something liked, and Dislike something disliked. Subjects are numbered from 0 on each side.
func (t *Taste) Like(s Subject) { t.likes.add(t.words, s) }

// Dislike adds something disliked.
func (t *Taste) Dislike(s Subject) { t.dislikes.add(t.words, s) }

func (s *side) add(words *lexical.Index, subject Subject) {
	s.vectors = append(s.vectors, subject.Vector...)
	s.weights = append(s.weights, subject.Weight)
	s.worded = append(s.worded, subject.Words != nil && len(subject.Words.IDs) > 0)
	words.Add(&s.panel, subject.Words)
}

// Prepare ends the adding: weights are set over the largest of their side, so that a taste whose weights have all faded
// alike is the taste it was. Call it once, before anything below.
func (t *Taste) Prepare() {
	for _, s := range []*side{&t.likes, &t.dislikes} {
		largest := 0.
		for _, w := range s.weights {
			largest = max(largest, w)
		}
		if largest == 0 {
			largest = 1 // faded beyond what a number can tell, all alike
		}
		for i := range s.weights {
			s.weights[i] = max(s.weights[i]/largest, leastWeight)
		}
		s.turn(t.dims)
	}
}

// Likes is the number of likes.
func (t *Taste) Likes() int { return len(t.likes.weights) }

// turn fills turned, in the memory that it has.
func (s *side) turn(dims int) {
	n := len(s.weights)
	if need := vector.NewMatrix(0, n); s.turned.Stride < need.Stride || s.turned.Rows < dims {
		s.turned = vector.NewMatrix(dims, n)
	}
	vector.Transpose(s.turned, vector.Matrix{Data: s.vectors, Rows: n, Cols: dims, Stride: dims}, 0, dims)
}
