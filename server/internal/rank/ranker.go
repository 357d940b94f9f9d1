package rank

import (
	"slices"

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

// Close is how many candidates are looked at closely, the best by their cosines and by what posting lists tell of their
// BM25: the exact BM25 and the bigrams that a paper shares with the query are told by its row, far away in memory.
const Close = 56

// doubt is how much BM25 counts where it is only estimated, of what it counts otherwise.
const doubt = .5

// Ranker ranks one query after the other. It is scratch: what a stage returns is valid until the next query. The zero
// value is ready; one goroutine uses it at a time.
type Ranker struct {
	Ranked []Scored // of Fuse and the stages behind it

	words   lexical.Query
	dense   []index.Candidate // by cosine
	byWords []index.Candidate // by BM25
	list    list
	behind  []uint32 // slots of candidates that were not looked at closely
	reading reading
	rows    []float32 // of Diversify
}

// Fuse fills Ranked from the candidates, in no order: cosine and BM25 of each, and the score they make together. Where
// words have found candidates, those are the best alone, which are looked at closely. Without words the score is the
// cosine.
func (r *Ranker) Fuse(c Corpus, q *Query) error {
	r.Reset()
	r.behind = r.behind[:0]
	l := &r.list
	var err error
	if q.Terms == nil {
		r.reading = l.byCosine(r.dense)
	} else {
		r.reading, err = r.fuseWords(c, q)
	}
	r.take()
	return err
}

// take appends the list to Ranked.
func (r *Ranker) take() {
	l := &r.list
	for i, slot := range l.slots {
		hit := Scored{Slot: slot, Score: l.scores[i], Cosine: float64(l.cosines[i]), BM25: l.bm25[i], Parts: l.parts[i]}
		r.Ranked = append(r.Ranked, hit)
	}
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
	w := &q.Weights
	if _, err := r.merge(c, q); err != nil {
		return plain, err
	}
	all := w.Words == 0 || len(l.slots) <= Close
	if !all {
		c.Words.Estimates(&r.words, l.slots, l.bm25)
		clear(l.bigrams)
		l.spread(w.Dense)
		l.blend(&r.words, doubt*(1-w.Dense), 0)
		r.behind = l.cut(Close, r.behind)
	}
	l.match(c.Words, &r.words, w.Phrase)
	if all {
		l.spread(w.Dense)
	}
	l.blend(&r.words, 1-w.Dense, w.Phrase)
	if w.Alike > 0 {
		if err := r.fetch(c, FeaturesPart, alikeDepth); err != nil {
			return plain, err
		}
	}
	l.alike(c.Model, c.Words, &r.words, w.Alike)
	if w.Neighbours > 0 {
		if err := r.fetch(c, VectorPart, neighbourhood); err != nil {
			return plain, err
		}
	}
	if err := l.neighbours(c.Vectors, w.Neighbours); err != nil {
		return plain, err
	}
	return l.read(Parts{
		Dense:         l.scale.dense * (1 - min(0, l.scale.lowC)),
		Words:         l.scale.words * r.words.Worth(),
		Phrase:        l.scale.phrase * float64(r.words.Bigrams()),
		Neighbourhood: w.Neighbours,
	}), nil
}

// merge sets the candidates to those of both lists, with the cosine of each. The first n were found by cosine.
func (r *Ranker) merge(c Corpus, q *Query) (n int, err error) {
	l := &r.list
	n = l.merge(r.dense, r.byWords)
	return n, c.Vectors.Scores(q.Vector, l.slots[n:], l.cosines[n:])
}

// match sets BM25 and, where they are worth something, the shared bigrams of all candidates.
func (l *list) match(x Words, q *lexical.Query, bonus float64) {
	if bonus == 0 || q.Bigrams() == 0 {
		clear(l.bigrams)
		x.Match(q, l.slots, l.bm25, nil)
		return
	}
	x.Match(q, l.slots, l.bm25, l.bigrams)
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

// Place sees to it that a paper is in Ranked. One that is not is scored on the scale of those that Fuse has looked at
// closely, by its cosine, BM25 and bigrams: it has no neighbours among them, and words like those it lacks count for
// the best alone. Place follows Fuse, of a query with words.
func (r *Ranker) Place(c Corpus, q *Query, slot uint32) error {
	if r.has(slot) {
		return nil
	}
	return r.place(c, q, []uint32{slot})
}

func (r *Ranker) has(slot uint32) bool {
	return slices.ContainsFunc(r.Ranked, func(hit Scored) bool { return hit.Slot == slot })
}

// place adds papers to Ranked that are not there.
func (r *Ranker) place(c Corpus, q *Query, slots []uint32) error {
	l := &r.list
	l.resize(len(slots))
	copy(l.slots, slots)
	if err := c.Vectors.Scores(q.Vector, l.slots, l.cosines); err != nil {
		return err
	}
	l.match(c.Words, &r.words, q.Weights.Phrase)
	l.rate()
	r.take()
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
