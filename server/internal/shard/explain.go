package shard

import (
	"context"
	"fmt"
	"slices"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/rank"
)

// Explain is engine.Explain over all shards: the shard of the target splits its cosine and its BM25 into words, and the
// front places it among the candidates of all.
func (f *Front) Explain(ctx context.Context, q engine.ExplainQuery) (x *engine.Explanation, err error) {
	_, err = again(ctx, "", func() (*engine.Result, error) {
		x, err = f.explain(ctx, &q)
		return nil, err
	})
	return x, err
}

func (f *Front) explain(ctx context.Context, q *engine.ExplainQuery) (*engine.Explanation, error) {
	counts, err := f.words(ctx, nil)
	if err != nil {
		return nil, err
	}
	asked, exclude, err := f.ask(ctx, &engine.Query{Text: q.Text, PaperID: q.PaperID, Options: q.Options}, counts)
	if err != nil {
		return nil, err
	}
	if asked.Terms != nil {
		asked.Statistics = counts.Of(asked.Terms.IDs)
	}
	text := []string{q.Text}
	if q.PaperID != "" {
		papers, err := f.Get(ctx, []string{q.PaperID}, true)
		if err != nil {
			return nil, err
		}
		if papers[0] == nil {
			return nil, fmt.Errorf("%w: %q", engine.ErrNotFound, q.PaperID)
		}
		text = []string{papers[0].Title, papers[0].Abstract}
	}
	question := func(shard, depth int) *engine.ShardQuery {
		return &engine.ShardQuery{
			Query: asked.Query, Model: asked.Embedder.Fingerprint(), Exclude: exclude[shard],
			Reach: engine.Reach{Depth: depth, Filter: q.Filter, Mode: q.Mode, Ef: q.Ef},
		}
	}
	owner := f.papers.Of(q.Target)
	told := func(ctx context.Context, n Node) (*engine.ShardExplained, error) {
		return n.ExplainStored(ctx, question(owner, 0), q.Target, text, q.MaxTerms)
	}
	target, node, err := ask(ctx, f, owner, &f.patience, told)
	if err != nil {
		return nil, err
	}
	u := &union{ctx: ctx, front: f, model: asked.Embedder}
	depth, reach := q.Reach(&asked.Weights, rank.Close, engine.Depth(1))
	if _, err := f.gather(ctx, u, nil, depth, &asked.Weights, question); err != nil {
		return nil, err
	}
	is := func(c found) bool { return c.shard == owner && c.Born == target.Candidate.Born }
	if !slices.ContainsFunc(u.found, is) { // in no list, so that it is no candidate
		u.found = append(u.found, found{ShardCandidate: target.Candidate, shard: owner, node: node})
		u.number()
	}
	var r rank.Ranker
	find := rank.Find{Depth: depth, Reach: reach}
	if _, err := r.Candidates(ctx, u.corpus(), &asked.Query, find); err != nil {
		return nil, err
	}
	if err := r.Fuse(u.corpus(), &asked.Query); err != nil {
		return nil, err
	}
	if err := r.Extend(ctx, u.corpus(), &asked.Query, find); err != nil {
		return nil, err
	}
	slot := uint32(slices.IndexFunc(u.found, is))
	if err := r.Place(u.corpus(), &asked.Query, slot); err != nil {
		return nil, err
	}
	if q.RecencyHalfLife > 0 {
		r.Age(q.RecencyHalfLife, f.now(), u.Published)
	}
	r.Finish()
	placed := &r.Ranked[slices.IndexFunc(r.Ranked, func(hit rank.Scored) bool { return hit.Slot == slot })]
	x := target.Explanation
	x.Score, x.Parts, x.OneIn = placed.Score, placed.Parts, asked.Odds.OneIn(asked.Kind, x.Cosine)
	return &x, nil
}
