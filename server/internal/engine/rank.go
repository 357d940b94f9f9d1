package engine

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/paper"
)

// ranked is a candidate with its scores.
type ranked struct {
	slot                uint32
	score, cosine, bm25 float64
}

// ranker is what one query needs, reused from query to query.
type ranker struct {
	analyzer *embed.Analyzer
	analysis embed.Analysis
	terms    embed.Terms
	words    lexical.Query

	vector   []float32
	found    []index.Candidate // by cosine
	worded   []index.Candidate // by BM25
	ranking  lexical.Ranking
	ranked   []ranked
	rows     []float32
	ordinals []uint64
	papers   []*paper.Paper
}

func newRankerPool(cfg embed.Config) *sync.Pool {
	return &sync.Pool{New: func() any { return &ranker{analyzer: embed.NewAnalyzer(cfg)} }}
}

// candidates fills r.found with the nearest accepted slots, and r.worded with those of the highest BM25. The two take
// about as long as each other: when spare is true, a second core looks for one while this one looks for the other.
func (r *ranker) candidates(ctx context.Context, v *view, ask question, o *paper.Options, depth int, spare bool) (index.Report, error) {
	words := 0
	var worded <-chan outcome
	if ask.terms != nil {
		v.gen.words.PrepareK1(&r.words, ask.terms, ask.weights.K1)
		if words = depth * ask.weights.Words / lexical.Depth; words > 0 && spare {
			worded = aside(func() error { return r.topByWords(ctx, v, words) })
			defer func() { <-worded }() // a fault below must not leave the scratch to two queries
		}
	}
	var report index.Report
	var err error
	r.found, report, err = v.gen.vectors.Search(ctx, &index.Query{
		Vector: ask.vector,
		K:      depth,
		Ef:     o.Ef,
		Exact:  o.Mode == paper.ModeExact,
		Walk:   o.Mode == paper.ModeApproximate,
		Accept: v,
	}, r.found[:0])
	if worded != nil {
		err = errors.Join(err, (<-worded).get())
	}
	if err != nil || ask.terms == nil {
		return report, err
	}
	if len(r.found) == 0 && words < depth {
		// No word that the model knows: what shares a word is all there is.
		return report, r.topByWords(ctx, v, depth)
	}
	if worded == nil {
		err = r.topByWords(ctx, v, words)
	}
	return report, err
}

func (r *ranker) topByWords(ctx context.Context, v *view, k int) (err error) {
	r.worded, err = v.gen.words.Top(ctx, &r.words, k, v, r.worded[:0])
	return err
}

// outcome is what a function ended with.
type outcome struct {
	err   error
	panic any
}

// get returns the error, or panics as the function did: a fault in one query is for its caller to catch.
func (o outcome) get() error {
	if o.panic != nil {
		panic(o.panic)
	}
	return o.err
}

// aside runs a function on a goroutine of its own. The channel gives its outcome once and is closed then.
func aside(f func() error) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			o.panic = recover()
			done <- o
			close(done)
		}()
		o.err = f()
	}()
	return done
}

// score fills r.ranked from r.found and r.worded, best first: the blend of cosine and BM25, halved by age, thinned by likeness. Only
// the first limit places need be in their final order.
func (r *ranker) score(v *view, ask question, o *paper.Options, limit int, now time.Time) error {
	if ask.terms == nil {
		r.ranking.Resize(len(r.found))
		clear(r.ranking.BM25)
		for i, c := range r.found {
			r.ranking.Slots[i], r.ranking.Cosines[i], r.ranking.Scores[i] = c.Slot, c.Score, float64(c.Score)
		}
	} else {
		n, m := r.ranking.Merge(r.found, r.worded)
		if err := v.gen.vectors.Scores(ask.vector, r.ranking.Slots[n:], r.ranking.Cosines[n:]); err != nil {
			return err
		}
		v.gen.words.Scores(&r.words, r.ranking.Slots[:m], r.ranking.BM25[:m])
		r.ranking.Blend(ask.weights.Dense)
		if ask.weights.Phrase > 0 {
			r.ranking.Phrases(v.gen.words, &r.words, ask.weights.Dense, ask.weights.Phrase)
		}
	}
	r.ranked = r.ranked[:0]
	for i, slot := range r.ranking.Slots {
		hit := ranked{slot: slot, score: r.ranking.Scores[i], cosine: float64(r.ranking.Cosines[i]), bm25: r.ranking.BM25[i]}
		if o.MinScore == nil || hit.cosine >= *o.MinScore {
			r.ranked = append(r.ranked, hit)
		}
	}
	if o.RecencyHalfLife > 0 {
		r.age(v, o.RecencyHalfLife, now)
	}
	if o.Diversity > 0 {
		slices.SortFunc(r.ranked, byScore)
		return r.diversify(v.gen, o.Diversity, limit)
	}
	sortBest(r.ranked, limit)
	return nil
}

// byScore orders by falling score, ties by rising slot.
func byScore(a, b ranked) int {
	switch {
	case a.score > b.score:
		return -1
	case a.score < b.score:
		return 1
	}
	return cmp.Compare(a.slot, b.slot)
}

// sortBest puts the first limit places in order. The others are behind them, in any order.
func sortBest(s []ranked, limit int) {
	const insertable = 64 // a page longer than this is sorted with all the rest
	if limit > insertable || limit >= len(s) {
		slices.SortFunc(s, byScore)
		return
	}
	best := s[:limit]
	slices.SortFunc(best, byScore)
	for i := limit; i < len(s) && limit > 0; i++ {
		hit := s[i]
		if byScore(hit, best[limit-1]) > 0 {
			continue
		}
		place, _ := slices.BinarySearchFunc(best, hit, byScore)
		s[i] = best[limit-1]
		copy(best[place+1:], best[place:limit-1])
		best[place] = hit
	}
}

// age halves scores for every half-life of a paper's age. A paper of unknown age counts as old as the oldest candidate,
// one from the future as new.
func (r *ranker) age(v *view, halfLife time.Duration, now time.Time) {
	factor := func(publish int64) float64 {
		age := max(0, float64(now.Unix()-publish))
		return math.Exp2(-age / halfLife.Seconds())
	}
	oldest := 1.0
	for i := range r.ranked {
		if t := v.gen.slots.row(r.ranked[i].slot).publish; t != unknownTime {
			oldest = min(oldest, factor(t))
		}
	}
	for i := range r.ranked {
		f := oldest
		if t := v.gen.slots.row(r.ranked[i].slot).publish; t != unknownTime {
			f = factor(t)
		}
		r.ranked[i].score *= f
	}
}

// diversify reorders the first limit places by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): each
// next hit has the highest (1-diversity)*score - diversity*(its greatest cosine with a hit before it). Scores stay as
// they were.
func (r *ranker) diversify(g *Generation, diversity float64, limit int) error {
	n, d := len(r.ranked), g.vectors.Dims()
	limit = min(limit, n)
	r.rows = resize(r.rows, n*d)
	for i := range r.ranked {
		if err := g.vectors.Vector(r.ranked[i].slot, r.rows[i*d:(i+1)*d]); err != nil {
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
			value := (1-diversity)*r.ranked[i].score - diversity*likeness[i]
			if value > bestValue {
				best, bestValue = i, value
			}
		}
		// Move the chosen one up and keep the others in their order, so that ties go to the better score.
		hit, hitRow := r.ranked[best], row[best]
		copy(r.ranked[place+1:best+1], r.ranked[place:best])
		copy(row[place+1:best+1], row[place:best])
		copy(likeness[place+1:best+1], likeness[place:best])
		r.ranked[place], row[place] = hit, hitRow
		chosen := r.rows[hitRow*d : (hitRow+1)*d]
		for i := place + 1; i < n; i++ {
			likeness[i] = max(likeness[i], float64(vector.Dot(chosen, r.rows[row[i]*d:(row[i]+1)*d])))
		}
	}
	return nil
}
