package rank

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/lexical"
)

// Vectors is what a ranking asks of an index of vectors. The methods are those of index.Searcher, which serves;
// server/cmd/eval stands exact float32 vectors behind them.
type Vectors interface {
	Search(ctx context.Context, q *index.Query, dst []index.Candidate) ([]index.Candidate, index.Report, error)
	Scores(vector []float32, slots []uint32, dst []float32) error
	Vector(slot uint32, dst []float32) error
	Dims() int
}

// Words is what a ranking asks of an index of words. The methods are those of lexical.Index, which serves; package
// shard stands what shards have answered behind them.
type Words interface {
	PrepareBy(q *lexical.Query, t *embed.Terms, k1 float64, s *lexical.Statistics)
	Top(ctx context.Context, q *lexical.Query, k int, accept index.Accept, dst []index.Candidate) (
		[]index.Candidate, error)
	Estimates(q *lexical.Query, slots []uint32, dst []float64)
	Match(q *lexical.Query, slots []uint32, bm25 []float64, shared []uint32)
	Features(slot uint32, dst []uint32) []uint32
}

// Corpus is the papers that a query is ranked against: the same slot means the same paper in both.
type Corpus struct {
	Vectors Vectors
	Words   Words
	Model   *embed.Model // that the vectors are of, for its rows of words; nil: none are compared

	// Fetch is told which candidates a stage is about to read something of, one by one. Nil: all of it is at hand.
	Fetch func(what Part, slots []uint32) error
}

// Part is a part of a paper that stages read of a few candidates.
type Part uint8

// The parts.
const (
	VectorPart   Part = iota // by Vectors.Vector
	FeaturesPart             // by Words.Features
)

// Query is what papers are ranked by.
type Query struct {
	Vector  []float32    // len Dims, L2 norm 1, or all zero when no word is known
	Terms   *embed.Terms // the words, for BM25; nil: none, and the cosine is all there is
	Weights Weights

	// Statistics weigh the words, of a whole that the corpus is a part of; nil: the corpus's own.
	Statistics *lexical.Statistics
}

// Find says which candidates are wanted.
type Find struct {
	Depth       int          // how many by cosine; those by BM25 follow from the query's weights
	Reach       int          // papers that Extend finds by cosine; up to Depth: no others than candidates; 0: it adds none
	Ef          int          // width of a walk; 0: the index's default
	Exact, Walk bool         // as in index.Query
	Accept      index.Accept // which papers may be found; nil: all
	Spare       bool         // a second core is idle: the words are looked up on it

	Observe func(stage string, begin time.Time) // told when a stage ends, from any goroutine of the query; nil: no one
}

// Stages of a ranking, as Find.Observe names them.
const (
	StageWalk  = "walk"  // candidates by cosine
	StageWords = "words" // candidates by BM25
	StageFuse  = "fuse"  // both scores of every candidate, and the one they make together
)

// Ended tells the observer of a stage that has just ended.
func (f *Find) Ended(stage string, begin time.Time) {
	if f.Observe != nil {
		f.Observe(stage, begin)
	}
}

// Candidates finds the nearest accepted papers, and those of the highest BM25. The two take about as long as each
// other, so that an idle core halves the time. Where no paper is near, because the model knows none of the words or no
// accepted paper has a vector, words find as many as vectors would have.
func (r *Ranker) Candidates(ctx context.Context, c Corpus, q *Query, f Find) (index.Report, error) {
	r.dense, r.byWords = r.dense[:0], r.byWords[:0]
	words := 0
	var lookup <-chan outcome
	if q.Terms != nil {
		c.Words.PrepareBy(&r.words, q.Terms, q.Weights.K1, q.Statistics)
		if words = f.Depth * q.Weights.Words / Depth; words > 0 && f.Spare {
			lookup = aside(func() error { return r.topByWords(ctx, c, words, &f) })
			defer func() { <-lookup }() // a fault below must not leave the scratch to two queries
		}
	}
	var report index.Report
	var err error
	begin := time.Now()
	r.dense, report, err = c.Vectors.Search(ctx, f.query(q, f.Depth), r.dense)
	f.Ended(StageWalk, begin)
	if lookup != nil {
		err = errors.Join(err, (<-lookup).get())
	}
	if err != nil || q.Terms == nil {
		return report, err
	}
	if len(r.dense) == 0 && words < f.Depth {
		return report, r.topByWords(ctx, c, f.Depth, &f)
	}
	if lookup == nil {
		err = r.topByWords(ctx, c, words, &f)
	}
	return report, err
}

// Extend adds to Ranked the candidates that were not looked at closely and the papers that a deeper search finds, up to
// f.Reach of them. They are scored as Place scores, but no higher than those that are there: the order of these stays,
// however far their list is paged through. It follows Fuse.
func (r *Ranker) Extend(ctx context.Context, c Corpus, q *Query, f Find) (err error) {
	if f.Reach == 0 || q.Terms == nil {
		return nil
	}
	if f.Reach > f.Depth {
		var further []index.Candidate
		if len(r.dense) > 0 {
			further, _, err = c.Vectors.Search(ctx, f.query(q, f.Reach), nil)
		} else {
			further, err = c.Words.Top(ctx, &r.words, f.Reach, f.Accept, nil)
		}
		if err != nil {
			return err
		}
		for _, found := range further {
			if !r.has(found.Slot) && !slices.Contains(r.behind, found.Slot) {
				r.behind = append(r.behind, found.Slot)
			}
		}
	}
	least, n := math.Inf(1), len(r.Ranked)
	for i := range r.Ranked {
		least = min(least, r.Ranked[i].Score)
	}
	if err := r.place(c, q, r.behind); err != nil {
		return err
	}
	behind := r.Ranked[n:]
	slices.SortFunc(behind, byScore)
	for i := range behind {
		behind[i].Score = min(behind[i].Score, math.Nextafter(least, math.Inf(-1)))
		least = behind[i].Score
	}
	return nil
}

// query asks for the k nearest.
func (f *Find) query(q *Query, k int) *index.Query {
	return &index.Query{Vector: q.Vector, K: k, Ef: f.Ef, Exact: f.Exact, Walk: f.Walk, Accept: f.Accept}
}

func (r *Ranker) topByWords(ctx context.Context, c Corpus, k int, f *Find) (err error) {
	begin := time.Now()
	r.byWords, err = c.Words.Top(ctx, &r.words, k, f.Accept, r.byWords[:0])
	f.Ended(StageWords, begin)
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
	// The newest goroutine is the one that runs next here, and another processor waits some 30 us before it takes that one
	// away. A newer one, which does nothing, makes it free to be taken at once.
	go func() {}()
	return done
}
