package shard

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/akin-search/akin/server/internal/engine"
)

// mute is a node that tells nothing of itself but what fails it.
type mute struct {
	Node
	stats func(ctx context.Context) error
}

func (n *mute) Stats(ctx context.Context) (engine.Stats, error) { return engine.Stats{}, n.stats(ctx) }

// TestStatisticsNameTheShardsThatDoNotAnswer, and count the papers of the others, whatever keeps them from answering.
func TestStatisticsNameTheShardsThatDoNotAnswer(t *testing.T) {
	f := openFleet(t, 3, false)
	whole, err := f.front.Stats(t.Context())
	if err != nil || whole.Papers != len(f.papers) || whole.MissingShards != nil {
		t.Fatalf("%+v, %v", whole, err)
	}
	lost, err := f.shards[1].Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fails := func(err error) []Node {
		return []Node{&mute{stats: func(context.Context) error { return err }}}
	}
	for what, replicas := range map[string][]Node{
		"no node is up": nil,
		"refused":       fails(errors.New("connection refused")),
		"behind":        fails(engine.ErrLagging),
		"silent": {&mute{stats: func(ctx context.Context) error {
			if _, bounded := ctx.Deadline(); !bounded {
				t.Error("a shard that hangs is waited for without an end")
			}
			return context.DeadlineExceeded
		}}},
	} {
		cfg := f.front.cfg
		cfg.Replicas = func(shard int) []Node {
			if shard == 1 {
				return replicas
			}
			return []Node{Local{f.shards[shard]}}
		}
		got, err := New(cfg).Stats(t.Context())
		if err != nil || got.Papers != len(f.papers)-lost.Papers || got.Vectors != whole.Vectors-lost.Vectors ||
			!slices.Equal(got.MissingShards, []int{2}) || got.Model != whole.Model {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
}

// TestStatisticsOfNoShardAreAnError that names one, and those of a caller who has gone its own.
func TestStatisticsOfNoShardAreAnError(t *testing.T) {
	f := openFleet(t, 2, false)
	cfg := f.front.cfg
	cfg.Replicas = func(int) []Node { return nil }
	front := New(cfg)
	var told *engine.ShardError
	if _, err := front.Stats(t.Context()); !errors.As(err, &told) || told.Shard != 1 {
		t.Errorf("%v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.front.Stats(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
