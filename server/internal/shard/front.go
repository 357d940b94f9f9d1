package shard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/paper"
)

// Config says what a front stands before. Replicas and Local are required.
type Config struct {
	Map Map
	// Replicas are the nodes of a shard that are up, those to be asked first in front. It is called for each question.
	Replicas func(shard int) []Node
	Local    *engine.Engine // of this process, for the model: of any shard
	Own      int            // the shard that Local holds, where it follows the log of a cluster; -1: it does not
	Every    time.Duration  // between two counts of the words of all shards; default 10 s
	Logger   *slog.Logger   // default slog.Default()
	Now      func() time.Time
}

// Fixed are replicas that do not change, by shard.
func Fixed(shards [][]Node) func(shard int) []Node {
	return func(shard int) []Node { return shards[shard] }
}

// Front answers for all papers. Any number of goroutines use it at once.
type Front struct {
	cfg      Config
	papers   Map
	local    *engine.Engine
	now      func() time.Time
	counts   atomic.Pointer[counted]
	patience patience
	floors   []atomic.Uint64 // by shard: number of the newest write that was answered here
}

// New makes a front.
func New(cfg Config) *Front {
	if cfg.Every == 0 {
		cfg.Every = 10 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Front{
		cfg: cfg, papers: cfg.Map, local: cfg.Local, now: cfg.Now, floors: make([]atomic.Uint64, cfg.Map.Shards()),
	}
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

// counted are the counts of the words of shards.
type counted struct {
	*lexical.Counts
	left absent // not counted
	at   time.Time
}

// Refresh counts the words of all shards now.
func (f *Front) Refresh(ctx context.Context) error {
	all, err := f.count(ctx, nil)
	if err == nil {
		f.counts.Store(all)
	}
	return err
}

func (f *Front) count(ctx context.Context, left absent) (*counted, error) {
	all := &counted{Counts: new(lexical.Counts), left: left, at: time.Now()}
	parts, _, err := askRest(ctx, f, left, func(ctx context.Context, _ int, n Node) (*lexical.Counts, error) {
		return n.WordCounts(ctx)
	})
	if err != nil {
		return nil, err
	}
	for shard, part := range parts {
		if !left.has(shard) {
			all.Add(part)
		}
	}
	return all, nil
}

// words are the counts of the words of all shards, which the first question waits for. While they could not be counted
// in some, an answer without these has counts without them, as old as those of all would be.
func (f *Front) words(ctx context.Context, left absent) (*lexical.Counts, error) {
	known := f.counts.Load()
	if known != nil && (known.left == nil || slices.Equal(known.left, left) && time.Since(known.at) < f.cfg.Every) {
		return known.Counts, nil
	}
	counts, err := f.count(ctx, left)
	if err != nil {
		return nil, err
	}
	f.counts.CompareAndSwap(known, counts) // of two at a time, either serves
	return counts.Counts, nil
}

// ask asks one replica of a shard. What was written by way of this front is in the answer.
func ask[T any](ctx context.Context, f *Front, shard int, p *patience, call func(context.Context, Node) (T, error)) (
	answer T, from Node, err error) {
	replicas := f.cfg.Replicas(shard)
	if len(replicas) == 0 {
		return answer, nil, f.down(shard)
	}
	answer, from, err = anyOf(f.behind(ctx, shard), replicas, p, call)
	return answer, from, f.answered(shard, err)
}

// behind names to a shard what an answer must include.
func (f *Front) behind(ctx context.Context, shard int) context.Context {
	least := max(engine.LeastOf(ctx), f.floors[shard].Load())
	if shard == f.cfg.Own {
		least = max(least, f.local.Sequence()) // another replica shows what this one has shown
	}
	return engine.WithLeast(ctx, least)
}

// askAll asks one replica of every shard, side by side, and returns the answers and who gave them, by shard.
func askAll[T any](ctx context.Context, f *Front, call func(ctx context.Context, shard int, n Node) (T, error)) (
	answers []T, nodes []Node, err error) {
	return askSome(ctx, f, nil, call)
}

// askRest is askAll without the shards that are left out, whose answers are empty and have no node.
func askRest[T any](ctx context.Context, f *Front, left absent,
	call func(ctx context.Context, shard int, n Node) (*T, error)) (answers []*T, nodes []Node, err error) {
	answers, nodes, err = askSome(ctx, f, left, call)
	for shard := range answers {
		if left.has(shard) {
			answers[shard] = new(T)
		}
	}
	return answers, nodes, err
}

func askSome[T any](ctx context.Context, f *Front, left absent,
	call func(ctx context.Context, shard int, n Node) (T, error)) (answers []T, nodes []Node, err error) {
	answers, nodes = make([]T, f.papers.Shards()), make([]Node, f.papers.Shards())
	group, ctx := errgroup.WithContext(ctx)
	for shard := range answers {
		if left.has(shard) {
			continue
		}
		group.Go(func() (err error) {
			answers[shard], nodes[shard], err = ask(ctx, f, shard, &f.patience, func(ctx context.Context, n Node) (T, error) {
				return call(ctx, shard, n)
			})
			return err
		})
	}
	return answers, nodes, group.Wait()
}

// askOwners hands every shard those of the ids that are its own, in their order, and calls back with each answer and
// the places of its ids in the list.
func askOwners[T any](ctx context.Context, f *Front, ids []string,
	call func(ctx context.Context, n Node, ids []string) ([]T, error)) ([]T, error) {
	places, own := make([][]int, f.papers.Shards()), make([][]string, f.papers.Shards())
	for i, id := range ids {
		shard := f.papers.Of(id)
		places[shard], own[shard] = append(places[shard], i), append(own[shard], id)
	}
	all := make([]T, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	for shard := range own {
		if len(own[shard]) == 0 {
			continue
		}
		group.Go(func() error {
			part, _, err := ask(ctx, f, shard, &f.patience, func(ctx context.Context, n Node) ([]T, error) {
				return call(ctx, n, own[shard])
			})
			if err == nil && len(part) != len(own[shard]) {
				err = f.answered(shard, fmt.Errorf("%d answers to %d ids", len(part), len(own[shard])))
			}
			if err != nil {
				return err
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
	engine.ErrPageExpired, engine.ErrLagging, engine.ErrLineageChanged, context.Canceled, context.DeadlineExceeded,
}

// answered is the error of a shard in the words of a front.
func (f *Front) answered(shard int, err error) error {
	for _, known := range callers {
		if errors.Is(err, known) {
			return err
		}
	}
	if err != nil && !errors.Is(err, ErrUnavailable) {
		return &engine.ShardError{Shard: shard + 1, Shards: f.papers.Shards(), Cause: err}
	}
	return err
}

// Pauses before a question is asked anew of shards that have moved on, and how long all attempts take at most: shards
// come to another model within as long as it takes them to apply the log up to there.
const (
	firstPause = time.Millisecond
	lastPause  = 100 * time.Millisecond
	mostMoves  = 5 * time.Second
)

// again calls fn until it answers from one state of all shards, which may move on while they are asked. What a page
// token pins is gone then.
func again(ctx context.Context, token string, fn func() (*engine.Result, error)) (*engine.Result, error) {
	begin := time.Now()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		result, err := fn()
		switch {
		case !errors.Is(err, engine.ErrShardMoved):
			return result, err
		case token != "":
			return nil, fmt.Errorf("%w: a shard has moved on since the first page; search again", engine.ErrPageExpired)
		case time.Since(begin) >= mostMoves:
			return nil, fmt.Errorf("%w: for %s: %w", ErrUnavailable, mostMoves, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// least is the position of the shard that has come least far. Where shards follow one log, every write up to it is in
// the answers of all.
func least(positions []paper.Position) paper.Position {
	p := positions[0]
	for _, other := range positions[1:] {
		if other.Revision < p.Revision {
			p = other
		}
	}
	return p
}
