package shard

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/paper"
)

// Writes go from any node into the one log, as one message whatever shards their papers belong to: the engine of this
// process does that. Here is what is asked of other shards about them.

// Outcomes is engine.Part.Elsewhere: what became of papers of a write, once a replica of each shard shows it. Whoever
// reads by way of this front sees it from then on.
func (f *Front) Outcomes(ctx context.Context, sequence uint64, ids []string) ([]engine.Outcome, error) {
	all, err := askOwners(ctx, f, ids, func(ctx context.Context, n Node, ids []string) ([]engine.Outcome, error) {
		return n.Outcomes(ctx, sequence, ids)
	})
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		f.raise(f.papers.Of(id), sequence)
	}
	return all, nil
}

// raise has later reads by way of this front include a write, where they ask a shard.
func (f *Front) raise(shard int, sequence uint64) {
	floor := &f.floors[shard]
	for present := floor.Load(); present < sequence && !floor.CompareAndSwap(present, sequence); present = floor.Load() {
	}
}

// Up is an error that names a shard which no node is up for, if papers of ids belong to it; nil ids: if there is one.
func (f *Front) Up(ids []string) error {
	for shard := range f.papers.Shards() {
		if len(f.cfg.Replicas(shard)) > 0 {
			continue
		}
		for _, id := range ids {
			if f.papers.Of(id) == shard {
				return f.down(shard)
			}
		}
		if ids == nil {
			return f.down(shard)
		}
	}
	return nil
}

// down is the error of a shard that no node is up for.
func (f *Front) down(shard int) error {
	return &engine.ShardError{Shard: shard + 1, Shards: f.papers.Shards(), Cause: errNoNode}
}

// Purge is engine.Purge over all shards, side by side: in each, one replica purges.
func (f *Front) Purge(ctx context.Context, accept *filter.Filter, force bool) (engine.Purged, error) {
	if err := f.Up(nil); err != nil { // before anything is deleted
		return engine.Purged{}, err
	}
	var mu sync.Mutex
	all := engine.Purged{Position: paper.Position{}}
	group, ctx := errgroup.WithContext(ctx)
	for shard := range f.papers.Shards() {
		group.Go(func() error {
			one, _, err := ask(ctx, f, shard, nil, func(ctx context.Context, n Node) (engine.Purged, error) {
				return n.Purge(ctx, accept, force)
			})
			mu.Lock()
			defer mu.Unlock()
			all.Count += one.Count
			all.Sample = append(all.Sample, one.Sample...)
			if one.Position.Revision > all.Position.Revision {
				all.Position = one.Position
			}
			f.raise(shard, one.Position.Revision)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		if all.Count > 0 && force {
			return all, fmt.Errorf("after %d papers of other shards: %w", all.Count, err)
		}
		return all, err
	}
	all.Sample = all.Sample[:min(len(all.Sample), engine.PurgeSample)]
	return all, nil
}
