package shard

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/paper"
)

// Node is one replica of a shard: the engine of this process (Local), or a client of a node elsewhere (Remote). The
// methods are those of engine.Engine, which has their contracts.
type Node interface {
	WordCounts(ctx context.Context) (*lexical.Counts, error)
	Find(ctx context.Context, q *engine.ShardQuery) (*engine.ShardFound, error)
	Rate(ctx context.Context, q *engine.ShardTaste) (*engine.ShardRated, error)
	Newest(ctx context.Context, q *engine.ShardTaste) (*engine.ShardNewest, error)
	Central(ctx context.Context, q *engine.ShardTaste, centre []float32, newest []uint64) (*engine.ShardRated, error)
	Why(ctx context.Context, q *engine.ShardTaste, texts [][]string, ordinals []uint64) ([]*engine.Because, error)
	ExplainStored(ctx context.Context, q *engine.ShardQuery, target string, text []string, maxTerms int) (
		*engine.ShardExplained, error)
	ShardVectors(ctx context.Context, model string, ordinals []uint64) ([]float32, error)
	ShardFeatures(ctx context.Context, model string, ordinals []uint64) ([][]uint32, error)
	ShardPapers(ctx context.Context, ordinals []uint64, abstracts, brief bool) ([]*paper.Paper, error)
	Subjects(ctx context.Context, model string, ids []string) ([]engine.Subject, error)
	Get(ctx context.Context, ids []string, abstracts bool) ([]*paper.Paper, error)
	List(ctx context.Context, q engine.ListQuery) (engine.ListPage, error)
	Purge(ctx context.Context, f *filter.Filter, force bool) (engine.Purged, error)
	Outcomes(ctx context.Context, sequence uint64, ids []string) ([]engine.Outcome, error)
	Stats(ctx context.Context) (engine.Stats, error)
	Frequencies(ctx context.Context) (*embed.Frequencies, error)
	// Sample returns up to limit papers of a sample (Sampled) behind an id, and the id that the next call goes on behind.
	Sample(ctx context.Context, share float64, after string, limit int) (papers []*paper.Paper, last string, err error)
}

// patience is how long a front waits for a replica before it asks another one as well: about as long as 19 of 20 calls
// took of late. Any number of goroutines use it at once.
type patience struct{ nanoseconds atomic.Int64 }

const (
	firstPatience = 50 * time.Millisecond
	leastPatience = time.Millisecond
	mostPatience  = time.Second
)

// now is how long to wait.
func (p *patience) now() time.Duration {
	if d := p.nanoseconds.Load(); d > 0 {
		return time.Duration(d)
	}
	return firstPatience
}

// observe takes in how long a call took. A call that took longer than expected raises the expectation by 19 times as
// much as one that took less lowers it, so it settles where one of 20 takes longer. Of calls that end at the same
// moment some may not count.
func (p *patience) observe(took time.Duration) {
	d := p.now()
	if took > d {
		d += d / 8
	} else {
		d -= d / (8 * 19)
	}
	p.nanoseconds.Store(int64(min(max(d, leastPatience), mostPatience)))
}

// anyOf asks the replicas of a shard, in order: the next one as soon as one fails, or when the last asked takes longer
// than is usual. The first answer counts, and the other calls are cancelled. It returns the replica that answered. The
// error is the first one. patience nil: no other is asked for slowness alone.
func anyOf[T any](ctx context.Context, replicas []Node, p *patience, call func(context.Context, Node) (T, error)) (
	answer T, from Node, err error) {
	begin := time.Now()
	if len(replicas) == 1 {
		answer, err = call(ctx, replicas[0])
		return answer, replicas[0], err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		answer T
		from   Node
		err    error
	}
	outcomes := make(chan outcome, len(replicas))
	asked, running := 0, 0
	ask := func() {
		if asked == len(replicas) {
			return
		}
		node := replicas[asked]
		asked++
		running++
		go func() {
			answer, err := call(ctx, node)
			outcomes <- outcome{answer, node, err}
		}()
	}
	ask()
	var slow <-chan time.Time
	if p != nil {
		timer := time.NewTicker(p.now())
		defer timer.Stop()
		slow = timer.C
	}
	for running > 0 {
		select {
		case o := <-outcomes:
			if o.err == nil {
				if p != nil {
					p.observe(time.Since(begin))
				}
				return o.answer, o.from, nil
			}
			running--
			if err == nil {
				err = o.err
			}
			ask()
		case <-slow:
			ask()
		case <-ctx.Done():
			return answer, nil, ctx.Err()
		}
	}
	return answer, nil, err
}

// ErrUnavailable: no replica of a shard answers.
var ErrUnavailable = engine.ErrShardUnavailable

// errNoNode is why a shard does not answer that no node is up for.
var errNoNode = errors.New("no node that holds it is up")
