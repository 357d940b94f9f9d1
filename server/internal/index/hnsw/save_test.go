package hnsw

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

// TestLevelsAreThoseOfTheLogarithm compares the drawn levels with the formula, at random and around every cut.
func TestLevelsAreThoseOfTheLogarithm(t *testing.T) {
	for _, m := range []int{2, 4, 16, 64} {
		g := newGraph(m)
		for l, cut := range g.cuts {
			if below, at := drawLevel(cut-1, m), drawLevel(cut, m); below < l+1 || at >= l+1 {
				t.Errorf("M %d: layer %d begins at %d, where the formula says %d and %d", m, l+1, cut, below, at)
			}
		}
		for slot := range uint32(100_000) {
			h := (uint64(slot) + 1) * 0x9e3779b97f4a7c15
			h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
			h = (h ^ h>>27) * 0x94d049bb133111eb
			h ^= h >> 31
			if got, want := g.level(slot), min(drawLevel(h>>11, m), g.levels); got != want {
				t.Fatalf("M %d: slot %d is on layer %d, want %d", m, slot, got, want)
			}
		}
	}
}

// TestASavedListHasNoLinkTwice saves and loads an index over and over while one list turns around, as a list does that
// is chosen anew: what Save reads is never half the old list and half the new one.
func TestASavedListHasNoLinkTwice(t *testing.T) {
	x := build(t, 8, clustered(rand.New(rand.NewPCG(3, 3)), 8, 400), Config{})
	tables := x.graph.tables()
	slot := x.entry.Load()
	list := x.graph.list(&tables, slot, 0)
	links := append([]uint32(nil), list[:length(list)]...)
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		lock := x.graph.lock(slot)
		for !stop.Load() {
			links = append(links[1:], links[0])
			lock.Lock()
			store(list, links)
			lock.Unlock()
		}
	}()
	for range 300 {
		var file bytes.Buffer
		if err := x.Save(context.Background(), &file, index.Span{To: 400}); err != nil {
			t.Fatal(err)
		}
		if err := New(8, Config{}).Load(&file, int64(file.Len())); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	<-done
}

// TestASaveThatNobodyEndedCountsForNothing has one with links followed by one without that is kept: the links are saved
// by the next.
func TestASaveThatNobodyEndedCountsForNothing(t *testing.T) {
	x := build(t, 8, clustered(rand.New(rand.NewPCG(12, 12)), 8, 300), Config{})
	y := New(8, Config{})
	for _, step := range []struct {
		span  index.Span
		ended bool
	}{
		{index.Span{To: 100}, true},
		{index.Span{From: 100, To: 300, Links: true}, false},
		{index.Span{From: 100, To: 200}, true},
		{index.Span{From: 200, To: 300, Links: true}, true},
	} {
		var file bytes.Buffer
		if err := x.Save(t.Context(), &file, step.span); err != nil {
			t.Fatal(err)
		}
		if !step.ended {
			continue
		}
		x.Saved(true)
		if err := y.Load(&file, int64(file.Len())); err != nil {
			t.Fatalf("%+v: %v", step.span, err)
		}
	}
	catchUp(t, y)
	check(t, y)
	if got := y.Info().Graph; got != 300 {
		t.Errorf("%d slots in the loaded graph, want 300", got)
	}
}

// TestALinkLeftOutIsSavedLater saves half of an index: lists with links to the other half are written again with it.
func TestALinkLeftOutIsSavedLater(t *testing.T) {
	vectors := clustered(rand.New(rand.NewPCG(4, 3)), 8, 600)
	x := build(t, 8, vectors, Config{})
	y := New(8, Config{})
	for _, span := range []index.Span{{To: 300}, {From: 300, To: 600, Links: true}} {
		var file bytes.Buffer
		if err := x.Save(context.Background(), &file, span); err != nil {
			t.Fatal(err)
		}
		x.Saved(true)
		if err := y.Load(&file, int64(file.Len())); err != nil {
			t.Fatal(err)
		}
	}
	a, b := x.graph.tables(), y.graph.tables()
	for slot := range uint32(600) {
		want, got := x.graph.list(&a, slot, 0), y.graph.list(&b, slot, 0)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("slot %d: links %v, want %v", slot, got, want)
			}
		}
	}
}

// stopAt ends a context after some bytes.
type stopAt struct {
	left int
	stop context.CancelFunc
}

func (s *stopAt) Write(b []byte) (int, error) {
	if s.left -= len(b); s.left < 0 {
		s.stop()
	}
	return len(b), nil
}

func TestSaveEndsWithItsContext(t *testing.T) {
	x := build(t, 8, clustered(rand.New(rand.NewPCG(5, 3)), 8, 5000), Config{})
	var whole bytes.Buffer
	if err := x.Save(t.Context(), &whole, index.Span{To: 5000}); err != nil {
		t.Fatal(err)
	}
	for _, left := range []int{0, whole.Len() / 3, whole.Len() / 2} {
		ctx, stop := context.WithCancel(t.Context())
		w := &stopAt{left: left, stop: stop}
		if err := x.Save(ctx, w, index.Span{To: 5000}); !errors.Is(err, context.Canceled) {
			t.Errorf("stopped after %d bytes: got %v", left, err)
		}
		stop()
	}
	if err := x.Save(t.Context(), io.Discard, index.Span{To: 5000}); err != nil {
		t.Error(err)
	}
}
