package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

func TestReadersAmongWritersSeeWholeBatches(t *testing.T) {
	defer goleak.VerifyNone(t)
	var sunk []uint64
	s := open(t, t.TempDir(), Options{Sink: func(b []Entry) {
		for _, e := range b {
			if !e.Unchanged {
				sunk = append(sunk, e.Revision) // one goroutine, so no lock
			}
		}
	}})
	const pair = 2 // papers of one batch, always of the same version
	var stop atomic.Bool
	var readers, writers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			ids := []string{"left", "right"}
			ordinals := make([]uint64, pair)
			for !stop.Load() {
				if err := s.Ordinals(ids, ordinals); err != nil {
					t.Error(err)
					return
				}
				if (ordinals[0] == 0) != (ordinals[1] == 0) || ordinals[0] != 0 && ordinals[1] != ordinals[0]+1 {
					t.Errorf("half a batch: %v", ordinals)
					return
				}
				if _, err := s.Papers(ordinals, true, nil); err != nil {
					t.Error(err)
					return
				}
				if _, err := s.IDs("", 10); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	readers.Go(func() {
		for !stop.Load() {
			if err := s.Compact(context.Background()); err != nil {
				t.Error(err)
				return
			}
			if err := s.Collect(context.Background(), s.Revision()); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for w := range 4 {
		writers.Go(func() {
			for v := range rounds(25) {
				version := w*1_000_000 + v
				if _, err := tryWrite(s, put(sample("left", version)), put(sample("right", version))); err != nil {
					t.Error(err)
					return
				}
				if _, err := tryWrite(s, put(sample(fmt.Sprintf("own-%d", w), version))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	stop.Store(true)
	readers.Wait()
	shut(t, s)
	if !slices.IsSorted(sunk) || len(sunk) != 4*rounds(25)*3 {
		t.Errorf("the sink saw %d revisions, in order: %t", len(sunk), slices.IsSorted(sunk))
	}
}

func TestAFullQueueHoldsSubmittersBack(t *testing.T) {
	release := make(chan struct{})
	s := open(t, t.TempDir(), Options{QueueBytes: 4096, Sink: func([]Entry) { <-release }})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var pending []*Pending
	for i := range 100 {
		if i == 50 {
			cancel()
		}
		p, err := s.Submit(ctx, []Mutation{put(sample(fmt.Sprint(i), 1))})
		if err != nil {
			if !errors.Is(err, ErrQueueFull) || !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			break
		}
		if pending = append(pending, p); len(pending) == 2 {
			cancel() // 4 KiB are full with about two of them: the next one would wait
		}
	}
	if len(pending) > 10 {
		t.Errorf("%d batches went into a queue of 4 KiB", len(pending))
	}
	close(release)
	for _, p := range pending {
		if _, err := p.Wait(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func TestCloseCommitsWhatWasSubmitted(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	var pending []*Pending
	for i := range 200 {
		p, err := s.Submit(context.Background(), []Mutation{put(sample(fmt.Sprint(i), 1))})
		if err != nil {
			t.Fatal(err)
		}
		pending = append(pending, p)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, p := range pending {
		if _, err := p.Wait(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if s = open(t, dir, Options{}); s.Count() != 200 {
		t.Errorf("%d papers", s.Count())
	}
}
