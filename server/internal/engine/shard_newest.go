package engine

import (
	"context"
	"slices"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/taste"
)

// ShardNewest is what a shard tells of its newest papers and of its middle, for someone of whom nothing is known. A
// front finds the centre of all shards, and which papers are the newest of all, and asks for the nearest to the centre
// (Central), of the same revision.
type ShardNewest struct {
	Newest   []ShardRating  // newest first, without a rating
	Mean     []float32      // of the vectors of an even sample of the accepted papers; nil where there are none
	Accepted int            // papers
	Revision uint64         // answered from
	Position paper.Position // that the answer includes
	Warnings []string       // about the filter
}

// Newest tells of the newest papers of a shard. Likes and dislikes do not count.
func (e *Engine) Newest(ctx context.Context, q *ShardTaste) (*ShardNewest, error) {
	reached := e.Sequence()
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	v, err := e.tasteView(ctx, q)
	if err != nil {
		return nil, err
	}
	slots, sample, accepted, err := v.newest(ctx, q.Depth)
	if err != nil {
		return nil, err
	}
	n := &ShardNewest{Accepted: accepted, Revision: v.revision, Warnings: v.gen.columns.Doubts(q.Filter)}
	for _, slot := range slots {
		n.Newest = append(n.Newest, v.rating(slot, taste.Rating{}))
	}
	if len(sample) > 0 {
		if n.Mean, err = v.sum(sample); err != nil {
			return nil, err
		}
		vector.Scale(n.Mean, 1/float32(len(sample)))
	}
	n.Position, err = e.positionOf(v.revision, reached)
	return n, err
}

// Central returns the papers of a shard nearest to a centre, and those of some ordinals, with their cosines.
func (e *Engine) Central(ctx context.Context, q *ShardTaste, centre []float32, newest []uint64) (*ShardRated, error) {
	reached := e.Sequence()
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	v, err := e.tasteView(ctx, q)
	if err != nil {
		return nil, err
	}
	var known []uint32
	for _, ordinal := range newest {
		slot, ok := v.gen.slots.find(ordinal)
		if !ok {
			return nil, ErrShardMoved
		}
		known = append(known, v.gen.slots.carrier(slot))
	}
	rated := &ShardRated{Revision: v.revision, Report: index.Report{Exact: true}}
	if v.slots > 0 {
		o := Options{Mode: q.Mode, Ef: q.Ef}
		slots, cosines, report, err := v.nearCentre(ctx, centre, known, e.find(ctx, v, &o, q.Depth, 0))
		if err != nil {
			return nil, err
		}
		rated.Report = report
		for i, slot := range slots {
			rated.Ratings = append(rated.Ratings, v.rating(slot, taste.Rating{Cosine: cosines[i]}))
		}
	}
	rated.Warnings = v.gen.columns.Doubts(q.Filter)
	rated.Position, err = e.positionOf(v.revision, reached)
	return rated, err
}

// tasteView begins the view of a front's call about a taste.
func (e *Engine) tasteView(ctx context.Context, q *ShardTaste) (*view, error) {
	seen, err := e.seenBy(ctx, q)
	if err != nil {
		return nil, err
	}
	v, err := e.shardView(ctx, q.Model, q.Revision, &q.Reach, seen, q.Exclude)
	if err != nil {
		return nil, err
	}
	v.behind(q.Behind)
	return v, nil
}

// rating is what a shard tells of a slot.
func (v *view) rating(slot uint32, r taste.Rating) ShardRating {
	row := v.row(slot)
	return ShardRating{r, row.ordinal, row.born, row.publish}
}

// Centre is the mean of the vectors that shards have told of, of length 1; zero where there are none.
func Centre(parts []*ShardNewest, dims int) []float32 {
	sum := make([]float32, dims)
	all := 0
	for _, p := range parts {
		all += p.Accepted
	}
	for _, p := range parts {
		if len(p.Mean) == dims {
			vector.Axpy(sum, float32(p.Accepted)/float32(all), p.Mean)
		}
	}
	unit(sum)
	return slices.Clip(sum)
}
