package shard

import (
	"context"
	"sync"
	"time"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
)

// statsPatience is how long statistics wait for a shard that hangs, longer than one that is behind takes to say so. It
// is missing then: whoever asks for statistics often wants to know what does not answer.
const statsPatience = 6 * time.Second

// Stats adds up what the shards that answer hold, and names the others; the model, the engine's name and what goes on
// are of this node. The error is that of a shard where none answers.
func (f *Front) Stats(ctx context.Context) (engine.Stats, error) {
	own, err := f.local.Stats(ctx)
	if err != nil {
		return own, err
	}
	parts, failed := f.partStats(ctx)
	if err := ctx.Err(); err != nil {
		return engine.Stats{}, err
	}
	sum := engine.Stats{
		Model: own.Model, Engine: own.Engine, Activity: own.Activity, ActivityProgress: own.ActivityProgress,
		Refusal: own.Refusal,
	}
	var positions []paper.Position
	for shard := range parts {
		if failed[shard] != nil {
			sum.MissingShards = append(sum.MissingShards, shard+1)
			continue
		}
		p := &parts[shard]
		positions = append(positions, p.Position)
		sum.Papers += p.Papers
		sum.Vectors += p.Vectors
		sum.GraphVectors += p.GraphVectors
		sum.TailVectors += p.TailVectors
		sum.Tombstones += p.Tombstones
		sum.ZeroVectors += p.ZeroVectors
		sum.IndexBytes += p.IndexBytes
		sum.DiskBytes += p.DiskBytes
	}
	if len(positions) == 0 {
		return engine.Stats{}, failed[0]
	}
	sum.Position = least(positions)
	return sum, nil
}

// partStats are the statistics of every shard, or why there are none, by shard. They are asked side by side.
func (f *Front) partStats(ctx context.Context) (parts []engine.Stats, failed []error) {
	ctx, cancel := context.WithTimeout(ctx, statsPatience)
	defer cancel()
	parts, failed = make([]engine.Stats, f.papers.Shards()), make([]error, f.papers.Shards())
	var group sync.WaitGroup
	for shard := range parts {
		group.Go(func() {
			parts[shard], _, failed[shard] = ask(ctx, f, shard, &f.patience,
				func(ctx context.Context, n Node) (engine.Stats, error) { return n.Stats(ctx) })
		})
	}
	group.Wait()
	return parts, failed
}
