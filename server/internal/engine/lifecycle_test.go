package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/store"
)

// soon waits for a condition that background work brings about, and fails after a time that only a fault exceeds.
func soon(t testing.TB, what string, done func() bool) {
	t.Helper()
	for range 30_000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s did not come about within five minutes", what)
}

// patience is the deadline of calls that a fault would make wait for ever.
func patience(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestAnEmptyBatchIsAcknowledged(t *testing.T) {
	e := open(t, t.TempDir())
	written, err := e.Upsert(patience(t), nil)
	if err != nil || len(written.Results) != 0 || written.Position != e.store.Position() {
		t.Errorf("Upsert of nothing = %v, %v", written, err)
	}
}

// TestAGenerationAheadOfTheQueueTakesNoBatchTwice hands the applier a batch that the generation has replayed from the
// log already, as happens when a build ends between a commit and its application.
func TestAGenerationAheadOfTheQueueTakesNoBatchTwice(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 20)...)
	entries, err := e.store.Log(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := &Batch{engine: e, applied: make(chan struct{})}
	for i := range entries {
		it, err := e.prepare(context.Background(), e.live.Load().model, testPapers(i, i+1))
		if err != nil {
			t.Fatal(err)
		}
		it[0].batch = b
		entries[i].Payload, entries[i].Paper = it[0], it[0].paper
	}
	e.queue <- entries
	<-b.applied
	if b.err != nil {
		t.Fatal(b.err)
	}
	if s, _ := e.Stats(context.Background()); s.Papers != 20 || s.Vectors != 20 || s.Position.Revision != 20 {
		t.Errorf("%+v", s)
	}
	if err := e.Check(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestADurableBatchIsVisibleThoughTheStoreFailsBehindIt makes the store fail on one write while another is durable and
// not applied yet.
func TestADurableBatchIsVisibleThoughTheStoreFailsBehindIt(t *testing.T) {
	var failing atomic.Bool
	fault := errors.New("no space left")
	dir := t.TempDir()
	e := open(t, dir, func(c *Config) {
		c.Hook = func(point string) error {
			if point == store.PointCommitBefore && failing.Load() {
				return fault
			}
			return nil
		}
	})
	mustUpsert(t, e, testPapers(0, 10)...)

	// Keep the applier busy with a swap that waits for the test.
	release := holdApplier(t, e)
	submit := func(p *paper.Paper) (*Pending, error) {
		b, err := e.Prepare(context.Background(), []*paper.Paper{p})
		if err != nil {
			t.Fatal(err)
		}
		return b.Submit(context.Background())
	}
	durable, err := submit(testPaper(10))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := durable.store.Wait(patience(t)); err != nil {
		t.Fatal(err)
	}
	failing.Store(true)
	refused, err := submit(testPaper(11)) // which is refused at once where a write of the background's has met the fault
	if err == nil {
		_, err = refused.Wait(patience(t))
	}
	if !errors.Is(err, ErrReadOnly) {
		t.Errorf("a write to a full disk: %v, want ErrReadOnly", err)
	}
	release()
	if _, err := durable.Wait(patience(t)); err != nil {
		t.Errorf("the durable write: %v", err)
	}
	if _, err := e.Search(patience(t), &Query{PaperID: "p0010", PageSize: 3}); err != nil {
		t.Errorf("search by the durable paper: %v", err)
	}
	// Writes are refused, reads go on.
	if err := e.Writable(); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Writable = %v", err)
	}
	if _, err := e.Upsert(patience(t), testPapers(12, 13)); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Upsert = %v, want ErrReadOnly", err)
	}
	if _, err := e.Delete(patience(t), "p0001"); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Delete = %v, want ErrReadOnly", err)
	}
	if hits := search(t, e, Query{Text: "graph neural network"}).Hits; len(hits) == 0 {
		t.Error("no hits after the fault")
	}
	if page, err := e.List(patience(t), ListQuery{PageSize: 100, Filter: parse(t, `categories:"topic0"`)}); err != nil ||
		len(page.Papers) != 3 {
		t.Errorf("list of %d papers, %v", len(page.Papers), err)
	}
	if err := e.Close(context.Background()); err != nil {
		t.Errorf("Close after the fault: %v", err)
	}
	failing.Store(false)
	e = open(t, dir)
	if err := e.Check(context.Background()); err != nil {
		t.Error(err)
	}
	if s, _ := e.Stats(context.Background()); s.Papers != 11 {
		t.Errorf("%d papers after the restart, 11 were acknowledged", s.Papers)
	}
	mustUpsert(t, e, testPaper(11))
}

// holdApplier makes the applier stand still until release is called.
func holdApplier(t *testing.T, e *Engine) (release func()) {
	t.Helper()
	g, err := e.build(context.Background(), e.store.Revision(), e.live.Load().model, e.now(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := swap{next: g, done: make(chan error)} // without a buffer, the applier waits for its reader
	e.swaps <- s
	release = sync.OnceFunc(func() {
		if err := <-s.done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(release) // before the engine is closed, which waits for the applier
	return release
}

// TestAPaperThatCannotBecomeVisibleIsAnErrorNotAWait breaks the index, so that the applier gives up.
func TestAPaperThatCannotBecomeVisibleIsAnErrorNotAWait(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 10)...)
	b, err := e.Prepare(context.Background(), testPapers(10, 11))
	if err != nil {
		t.Fatal(err)
	}
	it := b.mutations[0].Payload.(*item)
	it.vector = it.vector[:3] // which no index of this generation takes
	p, err := b.Submit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(patience(t)); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Wait = %v, want ErrReadOnly", err)
	}
	if _, err := e.Search(patience(t), &Query{PaperID: "p0010", PageSize: 3}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("search by the unseen paper: %v, want ErrReadOnly", err)
	}
	if hits := search(t, e, Query{PaperID: "p0003"}).Hits; len(hits) == 0 {
		t.Error("the other papers are not found any more")
	}
	// It is stored, so it is listed.
	if page, err := e.List(patience(t), ListQuery{PageSize: 100, Filter: parse(t, `categories:"topic0"`)}); err != nil ||
		len(page.Papers) != 3 {
		t.Errorf("list of %d papers, %v", len(page.Papers), err)
	}
}

// TestCloseLetsNoWriterWait closes while writers wait for room in the tail, for the store and for the applier.
func TestCloseLetsNoWriterWait(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir, func(c *Config) { c.TailLimit = 64 })
	var written atomic.Int64
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := 0; ; i++ {
				// No deadline: only Close can end the wait.
				_, err := e.Upsert(context.Background(), testPapers(w*100_000+i*8, w*100_000+i*8+8))
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				written.Add(8)
			}
		})
	}
	soon(t, "the first writes", func() bool { return written.Load() > 200 })
	if err := e.Close(context.Background()); err != nil {
		t.Error(err)
	}
	writers.Wait()
	e = open(t, dir)
	if s, _ := e.Stats(context.Background()); int64(s.Papers) < written.Load() {
		t.Errorf("%d papers after the restart, %d were acknowledged", s.Papers, written.Load())
	}
	if err := e.Check(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestAFullTailEndsWithTheWritersDeadlineOrTheEngine fills the tail and stops the graph.
func TestAFullTailEndsWithTheWritersDeadlineOrTheEngine(t *testing.T) {
	e := open(t, t.TempDir(), func(c *Config) { c.TailLimit = 4 })
	e.graphMu.Lock() // the graph takes nothing in
	unlock := sync.OnceFunc(e.graphMu.Unlock)
	defer unlock()
	mustUpsert(t, e, testPapers(0, 8)...)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b, err := e.Prepare(context.Background(), testPapers(8, 9))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Submit(ctx); !errors.Is(err, ErrOverloaded) {
		t.Errorf("Submit = %v, want ErrOverloaded", err)
	}
	done := make(chan error, 1)
	go func() { _, err := b.Submit(context.Background()); done <- err }()
	closed := make(chan error, 1)
	go func() { closed <- e.Close(context.Background()) }()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("Submit = %v, want ErrClosed", err)
	}
	unlock()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestCloseEndsATrainingAndKeepsItsPapers(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir)
	mustUpsert(t, e, testPapers(0, 300)...)
	begun, trained := make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() {
		_, err := e.Train(context.Background(), TrainOptions{Epochs: 10_000}, func(TrainProgress) {
			once.Do(func() { close(begun) })
		})
		trained <- err
	}()
	<-begun
	if err := e.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-trained; !errors.Is(err, ErrClosed) {
		t.Errorf("Train = %v, want ErrClosed", err)
	}
	if _, err := e.Train(context.Background(), TrainOptions{}, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Train of a closed engine = %v, want ErrClosed", err)
	}
	e = open(t, dir)
	if s, _ := e.Stats(context.Background()); s.Papers != 300 || s.Model.Trained {
		t.Errorf("%+v", s)
	}
}

// TestTheCollectorLeavesRunningQueriesTheirRecords runs queries that read their papers late.
func TestTheCollectorLeavesRunningQueriesTheirRecords(t *testing.T) {
	lower(t, &pinFor, 0)
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 30)...)
	epoch := e.readers.enter()
	v := e.look()
	for round := range 3 {
		for i := range 30 {
			p := testPaper(i)
			p.Title += fmt.Sprintf(" round%d", round)
			mustUpsert(t, e, p)
		}
	}
	for range 3 {
		if err := e.collect(); err != nil {
			t.Fatal(err)
		}
		for slot := range v.slots {
			papers, err := e.store.Papers([]uint64{v.gen.slots.row(slot).ordinal}, true, nil)
			if err != nil || papers[0] == nil {
				t.Fatalf("the record of slot %d is gone: %v", slot, err)
			}
		}
	}
	e.readers.leave(epoch)
	soon(t, "the removal of superseded records", func() bool {
		papers, err := e.store.Papers([]uint64{v.gen.slots.row(0).ordinal}, true, nil)
		if err != nil {
			t.Fatal(err)
		}
		return papers[0] == nil
	})
}

func TestAStartMovesEverythingIntoTheGraph(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir)
	mustUpsert(t, e, testPapers(0, 50)...)
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	e = open(t, dir, func(c *Config) { c.NoCheckpoints = true })
	soon(t, "a graph of all papers", func() bool { s, _ := e.Stats(context.Background()); return s.GraphVectors == 50 })
}
