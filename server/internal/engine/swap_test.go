package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/store"
)

// TestASwapCatchesUpWithFewRevisions has writers go on at full speed while a generation is put in place, and a burst
// come at the worst moment. What the applier catches up with, while every write waits, stays within its bound.
func TestASwapCatchesUpWithFewRevisions(t *testing.T) {
	lower(t, &swapRest, 40)
	burst := func() {}
	e := open(t, t.TempDir(), func(c *Config) {
		c.NoCheckpoints = true
		c.Hook = func(point string) error {
			if point == PointSwapBefore {
				burst()
			}
			return nil
		}
	})
	mustUpsert(t, e, testPapers(0, 200)...)
	at := 200
	burst = func() { // on the goroutine that builds, so that all of it is behind the next generation
		mustUpsert(t, e, testPapers(at, at+400)...)
		at += 400
	}
	ctx := patience(t)
	var writers sync.WaitGroup
	var written atomic.Int64
	var stop atomic.Bool
	for w := range 3 {
		writers.Go(func() {
			for n := 0; !stop.Load(); n++ {
				papers := make([]*paper.Paper, 10)
				for i := range papers {
					papers[i] = testPaper(n*10 + i)
					papers[i].ID = fmt.Sprintf("w%d-%03d", w, (n*10+i)%50) // another text every time
				}
				if _, err := e.Upsert(ctx, papers); err != nil {
					t.Error(err)
					return
				}
				written.Add(int64(len(papers)))
			}
		})
	}
	for range 2 {
		before := written.Load()
		if _, err := e.Train(ctx, TrainOptions{Epochs: 1}, nil); err != nil {
			t.Fatal(err)
		}
		if got := e.live.Load().caughtUp; got > swapRest {
			t.Errorf("the applier caught up with %d revisions, the bound is %d", got, swapRest)
		}
		soon(t, "writes go on", func() bool { return written.Load() > before })
	}
	stop.Store(true)
	writers.Wait()
	if err := e.Check(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestTheApplierRefusesAGenerationThatIsFarBehind asks for a swap as it would be asked for when a burst has come since
// the generation was near: the old one goes on serving, and the swap is made once the next one has come near again.
func TestTheApplierRefusesAGenerationThatIsFarBehind(t *testing.T) {
	lower(t, &swapRest, 40)
	e := open(t, t.TempDir(), func(c *Config) { c.NoCheckpoints = true })
	live := e.live.Load()
	next, err := newGeneration(e.cfg.Index, live.model, e.now())
	if err != nil {
		t.Fatal(err)
	}
	next.publish(e.holdLog())
	defer e.releaseLog()
	mustUpsert(t, e, testPapers(0, int(swapRest)+1)...)
	s := swap{next: next, done: make(chan error, 1)}
	e.swaps <- s
	if err := <-s.done; !errors.Is(err, errBehind) || e.live.Load() != live {
		t.Fatalf("a swap %d revisions behind: %v, the bound is %d", swapRest+1, err, swapRest)
	}
	if err := e.putLive(patience(t), next); err != nil || e.live.Load() != next || next.caughtUp > swapRest {
		t.Errorf("after coming near: %v, %d revisions caught up", err, next.caughtUp)
	}
}

// TestWritersStandStillForTheLastStretchOnly lets a generation come near from far away and adds up how much writers
// could have written meanwhile: half of what was replayed, but for the last stretch.
func TestWritersStandStillForTheLastStretchOnly(t *testing.T) {
	e := open(t, t.TempDir(), func(c *Config) { c.NoCheckpoints = true })
	next, err := newGeneration(e.cfg.Index, e.live.Load().model, e.now())
	if err != nil {
		t.Fatal(err)
	}
	next.publish(e.holdLog())
	defer e.releaseLog()
	const runs = 8
	for i := range runs {
		mustUpsert(t, e, testPapers(i*pacedRun, (i+1)*pacedRun)...)
	}
	if err := e.approach(patience(t), next, true); err != nil {
		t.Fatal(err)
	}
	e.pace.mu.Lock()
	credit := e.pace.credit
	e.pace.mu.Unlock()
	if least := (runs - 2) * pacedRun / 2; credit < least {
		t.Errorf("writers were granted %d revisions for %d that were replayed, "+
			"of which they stood still for the rest; want %d",
			credit, runs*pacedRun, least)
	}
}

// TestABatchThatWaitedForASwapIsEmbeddedBeforeTheApplier prepares a batch under a model that is replaced before the
// batch is submitted, and looks at it when it comes to the store.
func TestABatchThatWaitedForASwapIsEmbeddedBeforeTheApplier(t *testing.T) {
	var batch *Batch
	var stale atomic.Int64
	var e *Engine
	e = open(t, t.TempDir(), func(c *Config) {
		c.NoCheckpoints = true
		c.Hook = func(point string) error {
			if point == store.PointCommitBefore && batch != nil {
				for i := range batch.mutations {
					if batch.mutations[i].Payload.(*item).model != e.live.Load().model.Fingerprint() {
						stale.Add(1)
					}
				}
			}
			return nil
		}
	})
	mustUpsert(t, e, testPapers(0, 200)...)
	ctx := patience(t)
	prepared, err := e.Prepare(ctx, testPapers(200, 250))
	if err != nil {
		t.Fatal(err)
	}
	before := e.live.Load().model.Fingerprint()
	if _, err := e.Train(ctx, TrainOptions{Epochs: 1}, nil); err != nil {
		t.Fatal(err)
	}
	if before == e.live.Load().model.Fingerprint() {
		t.Fatal("the training made no other model")
	}
	batch = prepared
	p, err := prepared.Submit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	if n := stale.Load(); n > 0 {
		t.Errorf("%d papers came to the store with the vector of a model that no longer serves", n)
	}
}

func TestPaceHoldsWritersToTheirCredit(t *testing.T) {
	var p pace
	ctx := patience(t)
	if err := p.take(ctx, 1000); err != nil {
		t.Fatal(err)
	}
	p.hold()
	passed := make(chan int, 10)
	for range 4 {
		go func() {
			if err := p.take(ctx, 250); err == nil {
				passed <- 250
			}
		}()
	}
	p.grant(100) // one batch passes, whole, and leaves a debt of 150
	<-passed
	p.grant(150) // which this pays
	if p.mu.Lock(); p.credit != 0 {
		t.Errorf("credit %d", p.credit)
	}
	p.mu.Unlock()
	p.grant(1)
	<-passed
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := p.take(ended, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("a wait that was given up: %v", err)
	}
	select {
	case <-passed:
		t.Error("passed without credit")
	default:
	}
	p.free()
	<-passed
	<-passed
	if err := p.take(ctx, 1); err != nil {
		t.Error(err)
	}
}

// BenchmarkSwapDuringAnImport reports the longest time that a batch of 250 papers waited while a generation was built
// and put in place, and how many revisions the applier caught up with.
func BenchmarkSwapDuringAnImport(b *testing.B) {
	for b.Loop() {
		e := open(b, b.TempDir())
		next := 0
		batch := func() []*paper.Paper {
			papers := make([]*paper.Paper, 250)
			for i := range papers {
				p := longPaper(next)
				papers[i] = p
				next++
			}
			return papers
		}
		for next < 10_000 {
			mustUpsert(b, e, batch()...)
		}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		var longest time.Duration
		go func() {
			defer close(done)
			for ctx.Err() == nil {
				prepared, err := e.Prepare(ctx, batch())
				if err != nil {
					return
				}
				begin := time.Now()
				p, err := prepared.Submit(ctx)
				if err == nil {
					_, err = p.Wait(ctx)
				}
				if err != nil {
					return
				}
				longest = max(longest, time.Since(begin))
			}
		}()
		if err := e.startBuilding(ctx); err != nil {
			b.Fatal(err)
		}
		g := e.live.Load()
		err := e.replaceLive(ctx, g.model, e.now(), func(string, float64) {})
		e.endBuilding()
		if err != nil {
			b.Fatal(err)
		}
		caughtUp := e.live.Load().caughtUp
		stop()
		<-done
		b.ReportMetric(float64(longest.Milliseconds()), "ms-longest-wait")
		b.ReportMetric(float64(caughtUp), "revisions-caught-up")
	}
}

// longPaper has as many words as an abstract of arXiv, 150, drawn from as many as a corpus has.
func longPaper(i int) *paper.Paper {
	p := testPaper(i)
	p.ID = fmt.Sprintf("long-%08d", i)
	state := uint64(i)*0x9e3779b97f4a7c15 + 1
	for range 150 {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		p.Abstract += fmt.Sprintf(" w%d", (state%997)*(state>>32%97)%20_000)
	}
	return p
}

// TestAFullTailEbbsWhileWritersGoOn has writers of batches of many sizes at a tail far above its limit.
func TestAFullTailEbbsWhileWritersGoOn(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var p tailPace
		const limit, largest = 1000, 50
		graph, vectors, written := 0, 5000, 0
		for round := range 100_000 {
			tail := vectors - graph
			if tail < limit {
				break
			}
			graph += rng.IntN(20)
			batch := 1 + rng.IntN(largest)
			if p.pass(7, graph, batch) {
				vectors, written = vectors+batch, written+batch
			}
			if vectors-graph > 5000+largest {
				t.Fatalf("seed %d: the tail has grown to %d", seed, vectors-graph)
			}
			if round == 99_999 {
				t.Fatalf("seed %d: a tail of %d does not ebb", seed, vectors-graph)
			}
		}
		if share := float64(written) / float64(graph); share < .3 || share > .9 {
			t.Errorf("seed %d: %d papers were written while the graph took %d in", seed, written, graph)
		}
		if p.pass(8, 0, 10) || p.pass(8, 11, 10) || !p.pass(8, 12, 10) || p.pass(8, 12, 10) {
			t.Errorf("seed %d: another generation begins where it is", seed)
		}
	}
}
