package rank

import (
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/lexical"
)

// Scored is a candidate with its scores.
type Scored struct {
	Slot   uint32
	Score  float64 // what it is ranked by; higher is better; from 0 to 1 as of Finish
	Cosine float64 // with the query, -1 to 1
	BM25   float64 // of the query's words; 0 for a query without words
	Parts  Parts   // of the score, as of Finish; before, on the scale of this one query
}

// Ranker ranks one query after the other. It is scratch: what a stage returns is valid until the next query. The zero
// value is ready; one goroutine uses it at a time.
type Ranker struct {
	Ranked []Scored // of Fuse and the stages behind it

	words   lexical.Query
	dense   []index.Candidate // by cosine
	byWords []index.Candidate // by BM25
	list    list
	reading reading
	rows    []float32 // of Diversify
}

// Fuse fills Ranked from the candidates, in no order: cosine and BM25 of each, and the score they make together.
// Without words the score is the cosine.
func (r *Ranker) Fuse(c Corpus, q *Query) error {
	r.Reset()
	l := &r.list
	var err error
	if q.Terms == nil {
		r.reading = l.byCosine(r.dense)
	} else {
		r.reading, err = r.fuseWords(c, q)
	}
	for i, slot := range l.slots {
		hit := Scored{Slot: slot, Score: l.scores[i], Cosine: float64(l.cosines[i]), BM25: l.bm25[i], Parts: l.parts[i]}
		r.Ranked = append(r.Ranked, hit)
	}
	return err
}

// byCosine sets the candidates to those of one list.
func (l *list) byCosine(found []index.Candidate) reading {
	l.resize(len(found))
	clear(l.bm25)
	floor := 0. // cosines below 0 are rare, and no score is
	for _, c := range found {
		floor = min(floor, float64(c.Score))
	}
	for i, c := range found {
		l.slots[i], l.cosines[i], l.scores[i] = c.Slot, c.Score, float64(c.Score)
		l.parts[i] = Parts{Dense: float64(c.Score) - floor}
	}
	return l.read(Parts{Dense: 1 - floor})
}

// fuseWords sets the candidates to those of both lists, and scores them by everything.
func (r *Ranker) fuseWords(c Corpus, q *Query) (reading, error) {
	l := &r.list
	if _, _, err := r.facts(c, q); err != nil {
		return plain, err
	}
	l.blend(&r.words, q.Weights.Dense, q.Weights.Phrase)
	l.phrases(c.Words, &r.words)
	if q.Weights.Alike > 0 {
		if err := r.fetch(c, FeaturesPart, alikeDepth); err != nil {
			return plain, err
		}
	}
	l.alike(c.Model, c.Words, &r.words, q.Weights.Alike)
	if q.Weights.Neighbours > 0 {
		if err := r.fetch(c, VectorPart, neighbourhood); err != nil {
			return plain, err
		}
	}
	if err := l.neighbours(c.Vectors, q.Weights.Neighbours); err != nil {
		return plain, err
	}
	return l.read(Parts{
		Dense:         l.scale.dense * (1 - min(0, l.scale.lowC)),
		Words:         l.scale.words * r.words.Worth(),
		Phrase:        l.scale.phrase * float64(r.words.Bigrams()),
		Neighbourhood: q.Weights.Neighbours,
	}), nil
}

// facts sets the candidates to those of both lists, with the cosine and the BM25 of each. The first m were found by
// cosine alone, those up to n by both, and the others by words alone.
func (r *Ranker) facts(c Corpus, q *Query) (m, n int, err error) {
	l := &r.list
	n, m = l.merge(r.dense, r.byWords)
	if err := c.Vectors.Scores(q.Vector, l.slots[n:], l.cosines[n:]); err != nil {
		return m, n, err
	}
	c.Words.Scores(&r.words, l.slots[:m], l.bm25[:m])
	return m, n, nil
}

// fetch tells a corpus whose parts are elsewhere what is about to be read of the best k candidates.
func (r *Ranker) fetch(c Corpus, what Part, k int) error {
	if c.Fetch == nil {
		return nil
	}
	l := &r.list
	slots := make([]uint32, l.best(k))
	for i := range slots {
		slots[i] = l.slots[l.near.at[i]]
	}
	return c.Fetch(what, slots)
}

// Reset empties Ranked for a caller who fills it with scores from 0 to 1 of its own making, which Finish leaves as
// they are.
func (r *Ranker) Reset() { r.Ranked, r.reading = r.Ranked[:0], plain }

// Place sees to it that a paper is in Ranked. One that Fuse did not find is scored on the scale of those it found, by
// its cosine, BM25 and bigrams: it has no neighbours among them, and words like those it lacks count for the best
// alone. Place follows Fuse, of a query with words.
func (r *Ranker) Place(c Corpus, q *Query, slot uint32) error {
	for i := range r.Ranked {
		if r.Ranked[i].Slot == slot {
			return nil
		}
	}
	var cosine [1]float32
	var bm25 [1]float64
	slots := []uint32{slot}
	if err := c.Vectors.Scores(q.Vector, slots, cosine[:]); err != nil {
		return err
	}
	c.Words.Scores(&r.words, slots, bm25[:])
	hit := Scored{Slot: slot, Cosine: float64(cosine[0]), BM25: bm25[0]}
	hit.Score, hit.Parts = r.list.scale.score(hit.Cosine, hit.BM25)
	var shared [1]uint32
	c.Words.Shared(&r.words, slots, shared[:])
	hit.Parts.Phrase = r.list.scale.phrase * float64(shared[0])
	hit.Score += hit.Parts.Phrase
	r.Ranked = append(r.Ranked, hit)
	return nil
}

// Keep drops the papers of Ranked that are not wanted.
func (r *Ranker) Keep(wanted func(hit *Scored) bool) {
	kept := r.Ranked[:0]
	for i := range r.Ranked {
		if wanted(&r.Ranked[i]) {
			kept = append(kept, r.Ranked[i])
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
