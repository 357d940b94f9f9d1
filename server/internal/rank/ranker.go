package rank

import (
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/lexical"
)

// Scored is a candidate with its scores.
type Scored struct {
	Slot   uint32
	Score  float64 // what it is ranked by; higher is better
	Cosine float64 // with the query, -1 to 1
	BM25   float64 // of the query's words; 0 for a query without words
}

// Ranker ranks one query after the other. It is scratch: what a stage returns is valid until the next query. The zero
// value is ready; one goroutine uses it at a time.
type Ranker struct {
	Ranked []Scored // of Fuse and the stages behind it

	words  lexical.Query
	found  []index.Candidate // by cosine
	worded []index.Candidate // by BM25
	list   list
	rows   []float32 // of Diversify
}

// Fuse fills Ranked from the candidates, in no order: cosine and BM25 of each, and the score they make together. Without
// words the score is the cosine.
func (r *Ranker) Fuse(c Corpus, q *Query) error {
	l := &r.list
	if q.Terms == nil {
		l.resize(len(r.found))
		clear(l.bm25)
		for i, c := range r.found {
			l.slots[i], l.cosines[i], l.scores[i] = c.Slot, c.Score, float64(c.Score)
		}
	} else {
		n, m := l.merge(r.found, r.worded)
		if err := c.Vectors.Scores(q.Vector, l.slots[n:], l.cosines[n:]); err != nil {
			return err
		}
		c.Words.Scores(&r.words, l.slots[:m], l.bm25[:m])
		l.blend(q.Weights.Dense)
		l.phrases(c.Words, &r.words, q.Weights.Dense, q.Weights.Phrase)
	}
	r.Ranked = r.Ranked[:0]
	for i, slot := range l.slots {
		hit := Scored{Slot: slot, Score: l.scores[i], Cosine: float64(l.cosines[i]), BM25: l.bm25[i]}
		r.Ranked = append(r.Ranked, hit)
	}
	return nil
}

// AtLeast keeps the papers whose cosine is not below a bound.
func (r *Ranker) AtLeast(cosine float64) {
	kept := r.Ranked[:0]
	for _, hit := range r.Ranked {
		if hit.Cosine >= cosine {
			kept = append(kept, hit)
		}
	}
	r.Ranked = kept
}

// resize returns s with length n, reusing its memory where it suffices.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
