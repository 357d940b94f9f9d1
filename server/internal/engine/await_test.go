package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
)

func TestEveryWriteAnswersWithAPositionThatReadsSee(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir)
	ctx := patience(t)
	var passed []paper.Position
	note := func(p paper.Position) {
		t.Helper()
		if n := len(passed); n > 0 && p.Revision < passed[n-1].Revision {
			t.Errorf("%s follows %s", p, passed[n-1])
		}
		if err := e.Await(ctx, p); err != nil {
			t.Errorf("%s: %v", p, err)
		}
		passed = append(passed, p)
	}
	for range 3 { // three lives of one folder
		written, err := e.Upsert(ctx, testPapers(0, 5))
		if err != nil {
			t.Fatal(err)
		}
		note(written.Position)
		again, err := e.Upsert(ctx, testPapers(0, 5)) // nothing is written
		if err != nil || again.Position != written.Position {
			t.Errorf("the same again: %s after %s, %v", again.Position, written.Position, err)
		}
		position, err := e.Delete(ctx, "p0003")
		if err != nil {
			t.Fatal(err)
		}
		note(position)
		purged, err := e.Purge(ctx, parse(t, `categories:"topic1"`), true)
		if err != nil || purged.Count == 0 {
			t.Fatalf("%+v, %v", purged, err)
		}
		note(purged.Position)
		if s, err := e.Stats(ctx); err != nil || s.Position != purged.Position {
			t.Errorf("the statistics say %s, %v", s.Position, err)
		}
		if r := search(t, e, Query{Text: "protein"}); r.Position != purged.Position {
			t.Errorf("a search says %s", r.Position)
		}
		if err := e.Close(ctx); err != nil {
			t.Fatal(err)
		}
		e = open(t, dir)
	}
	for _, p := range passed {
		if err := e.Await(ctx, p); err != nil {
			t.Errorf("%s, of an earlier life: %v", p, err)
		}
	}
}

func TestAReadWaitsForThePositionItNames(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 10)...)
	release := holdApplier(t, e)
	pending := submitHeld(t, e, testPaper(10))
	arrived := make(chan error, 1)
	go func() { arrived <- e.Await(patience(t), e.store.Position()) }()
	soon(t, "a waiting read", func() bool { return e.arrivals.waiting.Load() == 1 })
	select {
	case err := <-arrived:
		t.Errorf("the read did not wait: %v", err)
	default:
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if err := e.Await(gone, e.store.Position()); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled read: %v", err)
	}
	release()
	if err := <-arrived; err != nil {
		t.Error(err)
	}
	if _, err := pending.Wait(patience(t)); err != nil {
		t.Error(err)
	}
	if n := e.arrivals.waiting.Load(); n != 0 {
		t.Errorf("%d reads are still counted as waiting", n)
	}
}

func TestAPositionThatDoesNotComeIsTold(t *testing.T) {
	lower(t, &awaitLimit, time.Millisecond)
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 3)...)
	p := e.store.Position()
	p.Revision += 5
	if err := e.Await(patience(t), p); !errors.Is(err, ErrBehind) {
		t.Errorf("got %v", err)
	}
	p = e.store.Position()
	p.Lineage[3]++
	if err := e.Await(patience(t), p); !errors.Is(err, ErrLineageChanged) {
		t.Errorf("got %v", err)
	}
}
