package engine

import (
	"context"
	"errors"
	"runtime"
	"time"
)

// activity is what GetIndexStats says about background work.
type activity struct {
	name     string
	progress float64
}

// setActivity reports what goes on; an empty name means nothing does.
func (e *Engine) setActivity(name string, progress float64) {
	if name == "" {
		e.activity.Store(nil)
		return
	}
	e.activity.Store(&activity{name, progress})
}

func (e *Engine) wakeCatchup() { signal(e.catchup) }

// signal wakes a goroutine that waits on a channel of capacity one, without waiting.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// retryAfter is how long background work that failed is left alone; tests shrink it.
var retryAfter = time.Minute

// runBackground does what the planner says until the engine closes.
func (e *Engine) runBackground() {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	collected := uint64(0)
	var retry [tasks]time.Time // when a task that failed may be tried again; the others go on meanwhile
	for {
		var begin time.Time
		select {
		case <-e.background.Done():
			return
		case begin = <-tick.C:
		}
		s := e.state()
		for t, at := range retry {
			s.avoid[t] = begin.Before(at)
		}
		t := plan(s)
		if err := e.run(t); err != nil && e.background.Err() == nil {
			retry[t] = time.Now().Add(retryAfter)
			e.log.Error("background work failed; it is tried again", "task", t.String(), "after", retryAfter, "error", err)
		}
		collected = e.collect(collected)
	}
}

// state gathers what the planner decides by.
func (e *Engine) state() state {
	g := e.live.Load()
	space := e.store.Space()
	return state{
		file:     space.File,
		free:     space.Free,
		papers:   g.papers(),
		slots:    g.slots.len(),
		learnt:   g.model.Papers(),
		trained:  g.model.Trained(),
		trainAt:  e.cfg.TrainAt,
		idle:     e.idle(),
		needIdle: e.cfg.Idle,
		behind:   e.behind(),
		unsaved:  e.unsavedGraph(),
		tail:     g.tailLength(),
		every:    e.cfg.CheckpointEvery,
		keeps:    !e.cfg.NoCheckpoints,
	}
}

// idle is how long ago the last write was. A clock that jumped back says that it is still to come: then the wait begins
// anew, instead of lasting until the clock has caught up.
func (e *Engine) idle() time.Duration {
	now, last := e.now(), e.lastWrite.Load()
	idle := now.Sub(time.Unix(0, last))
	if idle < 0 {
		e.lastWrite.CompareAndSwap(last, now.UnixNano())
		return 0
	}
	return idle
}

// run executes one task.
func (e *Engine) run(t task) error {
	switch t {
	case nothing:
		return nil
	case snapshot:
		return e.writeCheckpoint(e.background)
	case shrink:
		e.setActivity("compacting the store", 0)
		defer e.setActivity("", 0)
		return e.store.Compact(e.background)
	}
	select {
	case e.building <- struct{}{}:
		defer func() { <-e.building }()
	default:
		return nil // someone trains on request: look again later
	}
	defer e.setActivity("", 0)
	report := func(stage string, share float64) { e.setActivity(stage, share) }
	g := e.live.Load()
	switch t {
	case train:
		if !e.training.CompareAndSwap(false, true) {
			return nil
		}
		defer e.training.Store(false)
		_, err := e.train(e.background, TrainOptions{}, func(p TrainProgress) { e.setActivity("training", p.Progress) })
		return err
	case refit:
		model, err := e.fit(e.background, nil)
		if err != nil {
			return err
		}
		return e.replaceLive(e.background, model, e.now(), report)
	default: // compact
		return e.replaceLive(e.background, g.model, g.created, report)
	}
}

// collect removes superseded records that no query can see any more, and returns the revision through which it did.
func (e *Engine) collect(done uint64) uint64 {
	revision := e.live.Load().revision()
	if revision == done || e.Writable() != nil {
		return done
	}
	if err := e.readers.settle(e.background); err != nil {
		return done
	}
	if err := e.store.Collect(e.background, revision); err != nil {
		if !errors.Is(err, context.Canceled) {
			e.log.Warn("superseded records were not removed; it is tried again", "error", err)
		}
		return done
	}
	if e.cfg.NoCheckpoints {
		if err := e.trimLog(revision); err != nil {
			e.log.Warn("the change log was not trimmed; it is tried again", "error", err)
		}
	}
	return revision
}

// backgroundWorkers leaves a core to queries.
func backgroundWorkers() int { return max(1, runtime.GOMAXPROCS(0)-1) }

// runCatchup moves the tail of the live generation into its graph whenever there is one, until the engine closes.
func (e *Engine) runCatchup() {
	for {
		select {
		case <-e.background.Done():
			return
		case <-e.catchup:
		}
		if err := e.catchUpLive(); err != nil && e.background.Err() == nil {
			e.log.Error("the graph does not take in the tail; searches go on scanning it", "error", err)
		}
	}
}

// catchUpLive moves the tail of the live generation into its graph. It gives up without an error when another generation
// takes over: that one has a tail of its own.
func (e *Engine) catchUpLive() error {
	e.graphMu.Lock()
	defer e.graphMu.Unlock()
	g := e.live.Load()
	ctx, cancel := context.WithCancel(e.background)
	defer cancel()
	defer context.AfterFunc(g.serving, cancel)()
	err := g.vectors.Catchup(ctx, backgroundWorkers())
	if g.serving.Err() != nil {
		return nil
	}
	return err
}

// catchUpGraph moves the tail of a generation into its graph, telling how far it is.
func (e *Engine) catchUpGraph(ctx context.Context, g *Generation, report func(share float64)) error {
	done := make(chan error, 1)
	go func() { done <- g.vectors.Catchup(ctx, backgroundWorkers()) }()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			info := g.vectors.Info()
			report(float64(info.Graph) / float64(max(1, info.Vectors)))
		}
	}
}

// tailLength is the number of vectors that wait for the graph.
func (g *Generation) tailLength() int {
	info := g.vectors.Info()
	return info.Vectors - info.Graph
}

// waitForTail holds writers back while the tail is full.
func (e *Engine) waitForTail(ctx context.Context) error {
	for e.live.Load().tailLength() >= e.cfg.TailLimit {
		e.wakeCatchup()
		select {
		case <-e.background.Done():
			return ErrClosed
		case <-ctx.Done():
			return errors.Join(ErrOverloaded, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}
