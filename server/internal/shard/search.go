package shard

import (
	"context"
	"fmt"
	"math"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/rank"
)

// Search is engine.Search over all shards.
func (f *Front) Search(ctx context.Context, q *engine.Query) (*engine.Result, error) {
	return f.partly(q.AllowPartial, q.PageToken, func(left absent) (*engine.Result, error) {
		return again(ctx, q.PageToken, func() (*engine.Result, error) { return f.search(ctx, q, left) })
	})
}

func (f *Front) search(ctx context.Context, q *engine.Query, left absent) (*engine.Result, error) {
	counts, err := f.words(ctx, left)
	if err != nil {
		return nil, err
	}
	ask, exclude, err := f.ask(ctx, q, counts)
	if err != nil {
		return nil, err
	}
	if ask.Terms != nil {
		ask.Statistics = counts.Of(ask.Terms.IDs)
	}
	model := ask.Embedder.Fingerprint()
	p, err := f.begin(q.PageToken, q.Hash(), q.PageSize, model)
	if err != nil {
		return nil, err
	}
	u := &union{ctx: ctx, front: f, model: ask.Embedder}
	depth, reach := q.Reach(&ask.Weights, int(p.offset)+q.PageSize, int(p.depth))
	s, err := f.gather(ctx, u, left, max(depth, reach), &ask.Weights, func(shard, depth int) *engine.ShardQuery {
		return &engine.ShardQuery{
			Query: ask.Query, Model: model, Revision: p.revisions[shard], Exclude: exclude[shard],
			Reach: engine.Reach{Depth: depth, Filter: q.Filter, Mode: q.Mode, Ef: q.Ef},
		}
	})
	if err != nil {
		return nil, err
	}
	var r rank.Ranker
	find := rank.Find{Depth: depth, Reach: reach}
	if _, err := r.Candidates(ctx, u.corpus(), &ask.Query, find); err != nil {
		return nil, err
	}
	if err := r.Fuse(u.corpus(), &ask.Query); err != nil {
		return nil, err
	}
	if err := r.Extend(ctx, u.corpus(), &ask.Query, find); err != nil {
		return nil, err
	}
	result, _, err := f.onePage(&r, u, s, &q.Options, ask.Scale, p, q.PageSize, q.Hash())
	if err != nil {
		return nil, err
	}
	result.DenseWeight, result.UnknownWords, result.Parts = ask.Weights.Dense, ask.Unknown, q.Parts
	return result, nil
}

// gather fills a union with what the shards find. Of the depth best of all papers a shard has its share, more or less,
// so it is asked for little more than that; one of which all that it has told is among the best is asked again, for as
// many as there could be.
func (f *Front) gather(ctx context.Context, u *union, left absent, depth int, w *rank.Weights,
	query func(shard, depth int) *engine.ShardQuery) (*summary, error) {
	few := share(depth, f.papers.Shards())
	answers, nodes, err := askRest(ctx, f, left, func(ctx context.Context, shard int, n Node) (*engine.ShardFound, error) {
		return n.Find(ctx, query(shard, few))
	})
	if err != nil {
		return nil, err
	}
	u.take(answers, nodes)
	if few < depth {
		again := u.cut(depth, few, w, f.papers.Shards())
		group, ctx := errgroup.WithContext(ctx)
		for _, shard := range again {
			if left.has(shard) {
				continue
			}
			group.Go(func() (err error) {
				answers[shard], err = nodes[shard].Find(ctx, query(shard, depth))
				return f.answered(shard, err)
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		if len(again) > 0 {
			u.take(answers, nodes)
		}
	}
	s := &summary{exact: true}
	for shard, answer := range answers {
		if left.has(shard) {
			s.leaveOut()
			continue
		}
		s.add(answer.Report, answer.Position, answer.Revision, answer.Warnings)
	}
	return s, nil
}

// share is how many of the best of all papers a shard is asked for: what it has of them by chance, since ids are spread
// by a hash, and five standard deviations more, which one query in a million exceeds.
func share(depth, shards int) int {
	mean := float64(depth) / float64(shards)
	return min(depth, int(math.Ceil(mean+5*math.Sqrt(mean))))
}

// ask makes a query ready, and says by shard which papers may not be found.
func (f *Front) ask(ctx context.Context, q *engine.Query, counts *lexical.Counts) (
	*engine.Asked, [][]string, error) {
	exclude := make([][]string, f.papers.Shards())
	if q.PaperID == "" {
		ask, err := f.local.Ask(q, counts)
		return ask, exclude, err
	}
	model := f.local.Model()
	subjects, err := f.subjects(ctx, model, []string{q.PaperID})
	if err != nil {
		return nil, nil, err
	}
	if subjects[0].Vector == nil {
		return nil, nil, fmt.Errorf("%w: %q", engine.ErrNotFound, q.PaperID)
	}
	exclude[f.papers.Of(q.PaperID)] = []string{q.PaperID}
	ask, err := f.local.AskLike(&subjects[0], model, &q.Options)
	return ask, exclude, err
}

// subjects returns what stored papers say, wherever they are.
func (f *Front) subjects(ctx context.Context, model string, ids []string) ([]engine.Subject, error) {
	return askOwners(ctx, f, ids, func(ctx context.Context, n Node, ids []string) ([]engine.Subject, error) {
		return n.Subjects(ctx, model, ids)
	})
}

// summary is how the shards came to their answers.
type summary struct {
	exact     bool
	scored    int
	positions []paper.Position // that the answers include
	revisions []uint64         // by shard: that its answer is of; gone: it was left out
	warnings  []string         // that all shards have
}

func (s *summary) add(report index.Report, position paper.Position, revision uint64, warnings []string) {
	if len(s.positions) == 0 {
		s.warnings = warnings
	}
	// What one shard's papers know is no mistake of the request.
	s.warnings = slices.DeleteFunc(s.warnings, func(w string) bool { return !slices.Contains(warnings, w) })
	s.exact, s.scored = s.exact && report.Exact, s.scored+report.Scored
	s.positions, s.revisions = append(s.positions, position), append(s.revisions, revision)
}

// leaveOut takes the place of add for a shard that was not asked.
func (s *summary) leaveOut() { s.exact, s.revisions = false, append(s.revisions, gone) }

// onePage makes a page of the candidates that were scored: it orders them as the options say and reads their papers. It
// returns them as they were ranked, too, in the ranker's memory.
func (f *Front) onePage(r *rank.Ranker, u *union, s *summary, o *engine.Options, scale engine.Scale, p page, size int,
	hash uint64) (*engine.Result, []rank.Scored, error) {
	if err := o.Order(r, u.corpus(), scale, f.now(), u, int(p.offset)+size); err != nil {
		return nil, nil, err
	}
	ranked := r.Ranked[:min(len(r.Ranked), int(p.depth))]
	begin := min(int(p.offset), len(ranked))
	end := min(begin+size, len(ranked))
	pinned := s.revisions
	tokenAt := func(n int) string {
		next := page{model: p.model, depth: p.depth, offset: p.offset + uint32(n), revisions: pinned}
		return next.encode(hash)
	}
	result := &engine.Result{
		TokenAt: tokenAt, Exact: s.exact, Scored: s.scored, Model: u.model.Fingerprint(), Position: least(s.positions),
	}
	if !o.NoDoubts {
		result.Warnings = s.warnings
	}
	if end < len(ranked) {
		result.NextPageToken = tokenAt(end - begin)
	}
	var err error
	result.Hits, err = u.hits(ranked[begin:end], o, scale)
	return result, ranked[begin:end], err
}

// hits reads the papers of ranked candidates where they were found.
func (u *union) hits(ranked []rank.Scored, o *engine.Options, scale engine.Scale) ([]engine.Hit, error) {
	hits, slots, place := make([]engine.Hit, len(ranked)), make([]uint32, len(ranked)), map[uint32]int{}
	for i := range ranked {
		hits[i].Likeness = scale.Likeness(&ranked[i])
		slots[i] = ranked[i].Slot
		place[slots[i]] = i
	}
	err := u.eachNode(slots, func(ctx context.Context, node Node, slots []uint32, ordinals []uint64) error {
		papers, err := node.ShardPapers(ctx, ordinals, o.Abstracts, o.Brief)
		if err == nil && len(papers) != len(slots) {
			err = fmt.Errorf("%d of %d papers", len(papers), len(slots))
		}
		if err != nil {
			return err
		}
		for i, slot := range slots {
			hits[place[slot]].Paper = papers[i]
		}
		return nil
	})
	return hits, err
}
