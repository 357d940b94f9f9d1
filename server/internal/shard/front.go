package shard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/paper"
)

// Config says what a front stands before. Shards and Local are required.
type Config struct {
	Map    Map
	Shards [][]Node       // by shard: its replicas, those to be asked first in front
	Local  *engine.Engine // of this process, for the model: of any shard
	Every  time.Duration  // between two counts of the words of all shards; default 10 s
	Logger *slog.Logger   // default slog.Default()
	Now    func() time.Time
}

// Front answers for all papers. Any number of goroutines use it at once.
type Front struct {
	cfg      Config
	papers   Map
	shards   [][]Node
	local    *engine.Engine
	now      func() time.Time
	counts   atomic.Pointer[lexical.Counts]
	patience patience
}

// New makes a front, which has counted the words of all shards once.
func New(ctx context.Context, cfg Config) (*Front, error) {
	if len(cfg.Shards) != cfg.Map.Shards() {
		return nil, fmt.Errorf("a map of %d shards with nodes of %d", cfg.Map.Shards(), len(cfg.Shards))
	}
	if cfg.Every == 0 {
		cfg.Every = 10 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	f := &Front{cfg: cfg, papers: cfg.Map, shards: cfg.Shards, local: cfg.Local, now: cfg.Now}
	return f, f.Refresh(ctx)
}

// Run counts the words of all shards now and then, until ctx ends. After a failure the counts before stay.
func (f *Front) Run(ctx context.Context) {
	tick := time.NewTicker(f.cfg.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := f.Refresh(ctx); err != nil && ctx.Err() == nil {
				f.cfg.Logger.Warn("the words of all shards were not counted; earlier counts serve on", "error", err)
			}
		}
	}
}

// Refresh counts the words of all shards now.
func (f *Front) Refresh(ctx context.Context) error {
	parts, _, err := askAll(ctx, f, func(ctx context.Context, _ int, n Node) (*lexical.Counts, error) {
		return n.WordCounts(ctx)
	})
	if err != nil {
		return err
	}
	var all lexical.Counts
	for _, part := range parts {
		all.Add(part)
	}
	f.counts.Store(&all)
	return nil
}

// askAll asks one replica of every shard, side by side, and returns the answers and who gave them, by shard.
func askAll[T any](ctx context.Context, f *Front, call func(ctx context.Context, shard int, n Node) (T, error)) (
	answers []T, nodes []Node, err error) {
	answers, nodes = make([]T, len(f.shards)), make([]Node, len(f.shards))
	group, ctx := errgroup.WithContext(ctx)
	for shard, replicas := range f.shards {
		group.Go(func() (err error) {
			answers[shard], nodes[shard], err = anyOf(ctx, replicas, &f.patience, func(ctx context.Context, n Node) (T, error) {
				return call(ctx, shard, n)
			})
			return answered(shard, err)
		})
	}
	return answers, nodes, group.Wait()
}

// askOwners hands every shard those of the ids that are its own, in their order, and calls back with each answer and
// the places of its ids in the list.
func askOwners[T any](ctx context.Context, f *Front, ids []string,
	call func(ctx context.Context, n Node, ids []string) ([]T, error)) ([]T, error) {
	places, own := make([][]int, len(f.shards)), make([][]string, len(f.shards))
	for i, id := range ids {
		shard := f.papers.Of(id)
		places[shard], own[shard] = append(places[shard], i), append(own[shard], id)
	}
	all := make([]T, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	for shard, replicas := range f.shards {
		if len(own[shard]) == 0 {
			continue
		}
		group.Go(func() error {
			part, _, err := anyOf(ctx, replicas, &f.patience, func(ctx context.Context, n Node) ([]T, error) {
				return call(ctx, n, own[shard])
			})
			if err == nil && len(part) != len(own[shard]) {
				err = fmt.Errorf("%d answers to %d ids", len(part), len(own[shard]))
			}
			if err != nil {
				return answered(shard, err)
			}
			for i, place := range places[shard] {
				all[place] = part[i]
			}
			return nil
		})
	}
	return all, group.Wait()
}

// callers are the errors of a shard that say something about the request, and not about the shard.
var callers = []error{
	engine.ErrShardMoved, engine.ErrNotFound, engine.ErrNoWords, engine.ErrInvalidVector, engine.ErrInvalidPageToken,
	engine.ErrPageExpired, context.Canceled, context.DeadlineExceeded,
}

// answered is the error of a shard in the words of a front.
func answered(shard int, err error) error {
	for _, known := range callers {
		if errors.Is(err, known) {
			return err
		}
	}
	if err != nil && !errors.Is(err, ErrUnavailable) {
		return fmt.Errorf("%w: shard %d: %w", ErrUnavailable, shard, err)
	}
	return err
}

// again calls fn until it answers from one state of all shards, which may move on while they are asked. What a page
// token pins is gone then.
func again(token string, fn func() (*engine.Result, error)) (*engine.Result, error) {
	const tries = 3
	for try := 1; ; try++ {
		result, err := fn()
		switch {
		case !errors.Is(err, engine.ErrShardMoved):
			return result, err
		case token != "":
			return nil, fmt.Errorf("%w: a shard has moved on since the first page; search again", engine.ErrPageExpired)
		case try == tries:
			return nil, fmt.Errorf("%w: after %d attempts: %w", ErrUnavailable, tries, err)
		}
	}
}

// least is the position of the shard that has come least far: every write up to it is in the answers of all.
func least(positions []paper.Position) paper.Position {
	p := positions[0]
	for _, other := range positions[1:] {
		if other.Revision < p.Revision {
			p = other
		}
	}
	return p
}
