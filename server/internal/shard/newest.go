package shard

import (
	"cmp"
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/rank"
)

// newestAndCentral fills r.Ranked for someone of whom nothing is known, as an engine does: with the newest papers of
// all shards and those nearest to the centre of all.
//
//	Newest    every shard tells of its newest papers and of its mean     first round
//	Central   the front knows the centre, and which papers are newest    second round
func (f *Front) newestAndCentral(ctx context.Context, ask *engine.ShardTaste, p page, exclude [][]string, left absent,
	u *union, r *rank.Ranker) (*summary, error) {
	own := func(shard int, revision uint64) *engine.ShardTaste {
		q := *ask
		q.Revision, q.Exclude = revision, exclude[shard]
		return &q
	}
	parts, nodes, err := askRest(ctx, f, left, func(ctx context.Context, shard int, n Node) (*engine.ShardNewest, error) {
		return n.Newest(ctx, own(shard, p.revisions[shard]))
	})
	if err != nil {
		return nil, err
	}
	newest := newestOf(parts, ask.Depth)
	centre := engine.Centre(parts, u.model.Dims())
	answers := make([]*engine.ShardRated, len(parts))
	group, within := errgroup.WithContext(ctx)
	for shard, part := range parts {
		if left.has(shard) {
			continue
		}
		group.Go(func() (err error) {
			answers[shard], err = nodes[shard].Central(within, own(shard, part.Revision), centre, newest[shard])
			return f.answered(shard, err)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	s := &summary{exact: true}
	for shard, answer := range answers {
		if left.has(shard) {
			s.leaveOut()
			continue
		}
		for _, c := range answer.Ratings {
			candidate := engine.ShardCandidate{Ordinal: c.Ordinal, Born: c.Born, Published: c.Published}
			candidate.Cosine = c.Cosine
			candidate.Dense = !slices.Contains(newest[shard], c.Ordinal)
			u.found = append(u.found, found{ShardCandidate: candidate, shard: shard, node: nodes[shard]})
		}
		s.add(answer.Report, parts[shard].Position, answer.Revision, answer.Warnings)
	}
	u.number()
	// Each shard tells of as many near the centre as there are to be of all.
	central := map[uint32]bool{}
	for _, c := range u.best(ask.Depth, nil, func(c *found) (float32, bool) { return c.Cosine, true }) {
		central[c.Slot] = true
	}
	latest := int64(engine.NoTime)
	for slot := range u.found {
		if c := &u.found[slot]; !c.Dense || central[uint32(slot)] {
			latest = max(latest, c.ShardCandidate.Published)
		}
	}
	for slot := range u.found {
		c := &u.found[slot]
		if c.Dense && !central[uint32(slot)] {
			continue
		}
		r.Ranked = append(r.Ranked, rank.Scored{
			Slot: uint32(slot), Cosine: float64(c.Cosine),
			Score: engine.NewestScore(float64(c.Cosine), c.ShardCandidate.Published, latest),
		})
	}
	return s, nil
}

// newestOf are the ordinals of the n newest papers of all shards, by shard.
func newestOf(parts []*engine.ShardNewest, n int) [][]uint64 {
	type dated struct {
		engine.ShardRating
		shard int
	}
	var all []dated
	for shard, part := range parts {
		for _, c := range part.Newest {
			all = append(all, dated{c, shard})
		}
	}
	slices.SortFunc(all, func(a, b dated) int {
		return cmp.Or(cmp.Compare(b.Published, a.Published), cmp.Compare(b.Born, a.Born), cmp.Compare(b.shard, a.shard))
	})
	newest := make([][]uint64, len(parts))
	for _, c := range all[:min(n, len(all))] {
		newest[c.shard] = append(newest[c.shard], c.Ordinal)
	}
	return newest
}
