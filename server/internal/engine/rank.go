package engine

import (
	"context"
	"sync"
	"time"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/rank"
	"github.com/akin-search/akin/server/internal/store"
	"github.com/akin-search/akin/server/internal/taste"
)

// ranker is what one query needs, reused from query to query.
type ranker struct {
	rank.Ranker
	analyzer *embed.Analyzer
	analysis embed.Analysis
	terms    embed.Terms
	vector   []float32
	taste    taste.Taste
	finder   taste.Finder
	rater    taste.Rater
	ordinals []uint64
	papers   []*paper.Paper
	read     []store.Brief // of briefPapers
}

func newRankerPool(cfg embed.Config) *sync.Pool {
	return &sync.Pool{New: func() any { return &ranker{analyzer: embed.NewAnalyzer(cfg)} }}
}

// corpus is what queries are ranked against.
func (g *Generation) corpus() rank.Corpus {
	return rank.Corpus{Vectors: g.vectors, Words: g.words, Model: g.model}
}

// Published is when the paper of an accepted slot was published.
func (v *view) Published(slot uint32) (unix int64, known bool) {
	unix = v.row(slot).publish
	return unix, unix != unknownTime
}

// find says how candidates are looked for.
func (e *Engine) find(ctx context.Context, v *view, o *Options, depth, reach int) rank.Find {
	f := rank.Find{
		Depth:  depth,
		Reach:  reach,
		Ef:     o.Ef,
		Exact:  o.Mode == ModeExact,
		Walk:   o.Mode == ModeApproximate,
		Accept: v,
		Spare:  e.readers.alone(),
	}
	if e.cfg.Observe != nil {
		f.Observe = func(stage string, begin time.Time) { e.cfg.Observe(ctx, stage, begin) }
	}
	return f
}

// Stages of a query beside those of rank, as Config.Observe names them.
const (
	StageEmbed = "embed" // the query's text becomes a vector and words, or a stored paper's are read
	StageHeads = "heads" // the hits' papers are read from the store
)

// ended tells the observer of a stage that has just ended.
func (e *Engine) ended(ctx context.Context, stage string, begin time.Time) {
	if e.cfg.Observe != nil {
		e.cfg.Observe(ctx, stage, begin)
	}
}

// rank fills r.Ranked with the candidates for a question and their scores.
func (r *ranker) rank(ctx context.Context, v *view, ask *question, f rank.Find) (index.Report, error) {
	c := v.gen.corpus()
	report, err := r.Candidates(ctx, c, &ask.Query, f)
	if err != nil {
		return report, err
	}
	begin := time.Now()
	err = r.Fuse(c, &ask.Query)
	f.Ended(rank.StageFuse, begin)
	if err == nil {
		err = r.Extend(ctx, c, &ask.Query, f)
	}
	return report, err
}

// order applies what the caller chose to the scored candidates, puts the first limit places in order, and makes the
// scores readable.
func (e *Engine) order(r *ranker, v *view, ask *pageRequest, limit int) error {
	return ask.options.Order(&r.Ranker, v.gen.corpus(), Scale{v.gen.odds, ask.kind}, e.now(), v, limit)
}

// Scale says how rare a cosine is: under which model, and with which kind of query.
type Scale struct {
	Odds *rank.Odds // nil: nothing is known
	Kind rank.Kind
}

// Likeness is what a hit says of itself.
func (s Scale) Likeness(hit *rank.Scored) Likeness {
	return Likeness{
		Score: hit.Score, Parts: hit.Parts, Cosine: hit.Cosine, BM25: hit.BM25, OneIn: s.Odds.OneIn(s.Kind, hit.Cosine),
	}
}

// Dates says when the papers of slots were published, in Unix seconds.
type Dates interface {
	Published(slot uint32) (unix int64, known bool)
}

// Order makes of scored candidates what the options say: it drops some, lets the others age or move apart, puts the
// first limit places in order, and makes the scores readable.
func (o *Options) Order(r *rank.Ranker, c rank.Corpus, scale Scale, now time.Time, dates Dates, limit int) error {
	if o.MinCosine != nil {
		r.Keep(func(hit *rank.Scored) bool { return hit.Cosine >= *o.MinCosine })
	}
	if o.MinOneIn > 0 && scale.Odds.Known(scale.Kind) {
		r.Keep(func(hit *rank.Scored) bool { return scale.Odds.OneIn(scale.Kind, hit.Cosine) >= o.MinOneIn })
	}
	if o.RecencyHalfLife > 0 {
		r.Age(o.RecencyHalfLife, now, dates.Published)
	}
	var err error
	if o.Diversity > 0 {
		err = r.Diversify(c, o.Diversity, limit)
	} else {
		r.Best(limit)
	}
	r.Finish()
	return err
}
