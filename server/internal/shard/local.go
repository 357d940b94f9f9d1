package shard

import (
	"context"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/paper"
)

// Local is the engine of this process as a node. What begins a read waits for the writes that the read must include
// (engine.WithLeast); what goes on with it is of the same papers.
type Local struct{ *engine.Engine }

// Find implements Node, as all that follows.
func (l Local) Find(ctx context.Context, q *engine.ShardQuery) (*engine.ShardFound, error) {
	if err := l.AwaitLeast(ctx); err != nil {
		return nil, err
	}
	return l.Engine.Find(ctx, q)
}

// Rate finds and rates candidates.
func (l Local) Rate(ctx context.Context, q *engine.ShardTaste) (*engine.ShardRated, error) {
	if err := l.AwaitLeast(ctx); err != nil {
		return nil, err
	}
	return l.Engine.Rate(ctx, q)
}

// Newest tells of the newest papers.
func (l Local) Newest(ctx context.Context, q *engine.ShardTaste) (*engine.ShardNewest, error) {
	if err := l.AwaitLeast(ctx); err != nil {
		return nil, err
	}
	return l.Engine.Newest(ctx, q)
}

// ExplainStored compares a query with a stored paper.
func (l Local) ExplainStored(ctx context.Context, q *engine.ShardQuery, target string, text []string, maxTerms int) (
	*engine.ShardExplained, error) {
	if err := l.AwaitLeast(ctx); err != nil {
		return nil, err
	}
	return l.Engine.ExplainStored(ctx, q, target, text, maxTerms)
}

// Subjects returns what stored papers say.
func (l Local) Subjects(ctx context.Context, model string, ids []string) ([]engine.Subject, error) {
	if err := l.AwaitLeast(ctx); err != nil {
		return nil, err
	}
	return l.Engine.Subjects(ctx, model, ids)
}

// Get returns stored papers.
func (l Local) Get(ctx context.Context, ids []string, abstracts bool) ([]*paper.Paper, error) {
	if err := l.AwaitLeast(ctx); err != nil {
		return nil, err
	}
	return l.Engine.Get(ctx, ids, abstracts)
}

// List returns a page of stored papers.
func (l Local) List(ctx context.Context, q engine.ListQuery) (engine.ListPage, error) {
	if err := l.AwaitLeast(ctx); err != nil {
		return engine.ListPage{}, err
	}
	return l.Engine.List(ctx, q)
}

// Purge deletes, or counts, what a filter accepts.
func (l Local) Purge(ctx context.Context, f *filter.Filter, force bool) (engine.Purged, error) {
	if err := l.AwaitLeast(ctx); err != nil {
		return engine.Purged{}, err
	}
	return l.Engine.Purge(ctx, f, force)
}

// Stats describes what serves.
func (l Local) Stats(ctx context.Context) (engine.Stats, error) {
	if err := l.AwaitLeast(ctx); err != nil {
		return engine.Stats{}, err
	}
	return l.Engine.Stats(ctx)
}

// Sample returns papers of a sample.
func (l Local) Sample(ctx context.Context, share float64, after string, limit int) ([]*paper.Paper, string, error) {
	return l.SamplePapers(ctx, func(id string) bool { return Sampled(id, share) }, after, limit)
}
