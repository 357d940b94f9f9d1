package engine

import (
	"context"
	"sync"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/rank"
)

// ranker is what one query needs, reused from query to query.
type ranker struct {
	rank.Ranker
	analyzer *embed.Analyzer
	analysis embed.Analysis
	terms    embed.Terms
	vector   []float32
	ordinals []uint64
	papers   []*paper.Paper
}

func newRankerPool(cfg embed.Config) *sync.Pool {
	return &sync.Pool{New: func() any { return &ranker{analyzer: embed.NewAnalyzer(cfg)} }}
}

// corpus is what queries are ranked against.
func (g *Generation) corpus() rank.Corpus { return rank.Corpus{Vectors: g.vectors, Words: g.words} }

// published is when the paper of a slot was published.
func (g *Generation) published(slot uint32) (unix int64, known bool) {
	unix = g.slots.row(slot).publish
	return unix, unix != unknownTime
}

// rank fills r.Ranked with the answer to a question, from depth candidates: the first limit places are in order.
func (e *Engine) rank(ctx context.Context, r *ranker, v *view, ask *question, o *Options, depth, limit int, spare bool) (
	index.Report, error) {
	c := v.gen.corpus()
	report, err := r.Candidates(ctx, c, &ask.Query, rank.Find{
		Depth:  depth,
		Ef:     o.Ef,
		Exact:  o.Mode == ModeExact,
		Walk:   o.Mode == ModeApproximate,
		Accept: v,
		Spare:  spare,
	})
	if err != nil {
		return report, err
	}
	if err := r.Fuse(c, &ask.Query); err != nil {
		return report, err
	}
	if o.MinScore != nil {
		r.AtLeast(*o.MinScore)
	}
	if o.RecencyHalfLife > 0 {
		r.Age(o.RecencyHalfLife, e.now(), v.gen.published)
	}
	if o.Diversity > 0 {
		return report, r.Diversify(c.Vectors, o.Diversity, limit)
	}
	r.Best(limit)
	return report, nil
}
