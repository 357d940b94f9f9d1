package shard

import (
	"context"
	"fmt"
	"io"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/profile"
)

// A front answers the calls of the contract as an engine does. Here is what it has its own engine do, since that goes
// through the log or is alike on every node, and what it refuses, since an engine would answer it from one shard alone.

// Prepare makes papers ready to be written, as engine.Prepare.
func (f *Front) Prepare(ctx context.Context, papers []*paper.Paper) (*engine.Batch, error) {
	if err := f.upFor(papers); err != nil {
		return nil, err
	}
	return f.local.Prepare(ctx, papers)
}

// Upsert writes papers all or none.
func (f *Front) Upsert(ctx context.Context, papers []*paper.Paper) (engine.Written, error) {
	if err := f.upFor(papers); err != nil {
		return engine.Written{}, err
	}
	return f.local.Upsert(ctx, papers)
}

// upFor refuses papers of a shard that nobody would answer for, so that what is acknowledged can be read.
func (f *Front) upFor(papers []*paper.Paper) error {
	ids := make([]string, len(papers))
	for i, p := range papers {
		ids[i] = p.ID
	}
	return f.Up(ids)
}

// Delete removes a paper.
func (f *Front) Delete(ctx context.Context, id string) (paper.Position, error) {
	if err := f.Up([]string{id}); err != nil {
		return paper.Position{}, err
	}
	return f.local.Delete(ctx, id)
}

// RecordEvents stores events of profiles, which every node has.
func (f *Front) RecordEvents(ctx context.Context, owner string, events []profile.Owned) (int, error) {
	return f.local.RecordEvents(ctx, owner, events)
}

// Profile returns a profile.
func (f *Front) Profile(ctx context.Context, owner, id string) (*profile.Profile, error) {
	return f.local.Profile(ctx, owner, id)
}

// DeleteProfile removes a profile.
func (f *Front) DeleteProfile(ctx context.Context, owner, id string) error {
	return f.local.DeleteProfile(ctx, owner, id)
}

// Profiles lists profiles.
func (f *Front) Profiles(owner, token string, size int) ([]profile.Summary, string, error) {
	return f.local.Profiles(owner, token, size)
}

// Events lists the events of a profile.
func (f *Front) Events(owner, id, token string, size int) ([]profile.Event, string, error) {
	return f.local.Events(owner, id, token, size)
}

// Embed returns the vectors that the model of all shards gives to texts.
func (f *Front) Embed(ctx context.Context, texts []string) ([]engine.Embedding, string, error) {
	return f.local.Embed(ctx, texts)
}

// Writable says why writes are refused.
func (f *Front) Writable() error { return f.local.Writable() }

// Breadth is how much a search looks through on this node, for what it is charged.
func (f *Front) Breadth() (vectors, width int) { return f.local.Breadth() }

// Await returns once this node has come to a position. The shards that a read asks come to it, too, before they answer
// (engine.WithLeast).
func (f *Front) Await(ctx context.Context, p paper.Position) error { return f.local.Await(ctx, p) }

// Stored reports which of the ids are stored.
func (f *Front) Stored(ctx context.Context, ids []string) ([]bool, error) {
	papers, err := f.Get(ctx, ids, false)
	if err != nil {
		return nil, err
	}
	stored := make([]bool, len(ids))
	for i, p := range papers {
		stored[i] = p != nil
	}
	return stored, nil
}

// exportPage is how many papers of each shard an export reads at a time.
const exportPage = 200

// Export calls fn with every paper that a filter accepts, abstracts included, in ascending byte order of ids.
func (f *Front) Export(ctx context.Context, accept *filter.Filter, fn func(*paper.Paper) error) error {
	q := engine.ListQuery{PageSize: exportPage, Filter: accept, Abstracts: true}
	for {
		page, err := f.List(ctx, q)
		if err != nil {
			return err
		}
		for _, p := range page.Papers {
			if err := fn(p); err != nil {
				return err
			}
		}
		if q.PageToken = page.NextPageToken; q.PageToken == "" {
			return nil
		}
	}
}

// Duplicates is refused: papers of different shards are not compared.
func (f *Front) Duplicates(context.Context, engine.DuplicateQuery) (engine.DuplicatePage, error) {
	return engine.DuplicatePage{}, refusal("FindDuplicates")
}

// EvaluateRecall is refused: it measures one index.
func (f *Front) EvaluateRecall(context.Context, engine.RecallQuery) (engine.RecallReport, error) {
	return engine.RecallReport{}, refusal("EvaluateRecall")
}

// Backup is refused: it would be of one shard.
func (f *Front) Backup(context.Context, io.Writer, func(pinned int64)) error {
	return fmt.Errorf("%w: export the papers instead", refusal("Backup"))
}

// Train has a model learnt of all shards, where this node may begin that.
func (f *Front) Train(ctx context.Context, o engine.TrainOptions, progress func(engine.TrainProgress)) (
	engine.ModelInfo, error) {
	return f.local.Train(ctx, o, progress)
}

// Map is refused: each shard would draw its own.
func (f *Front) Map(context.Context, engine.MapQuery, func(engine.MapInfo) error, func(*engine.MapPapers) error) error {
	return refusal("GetMap")
}
