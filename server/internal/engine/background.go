package engine

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/store"
)

// activity is what GetIndexStats says about background work.
type activity struct {
	name     string
	progress float64
	since    time.Time
}

// setActivity reports what goes on; an empty name means nothing does.
func (e *Engine) setActivity(name string, progress float64) {
	if name == "" {
		e.activity.Store(nil)
		return
	}
	since := time.Now()
	if a := e.activity.Load(); a != nil && a.name == name {
		since = a.since
	}
	e.activity.Store(&activity{name, progress, since})
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

// tickEvery is how often the schedule looks at the clock.
const tickEvery = 500 * time.Millisecond

// scheduler is the memory of the goroutine that starts the engine's tasks.
type scheduler struct {
	engine  *Engine
	agenda  agenda
	growth  growth
	stale   staleness
	history history
	ended   chan ending
}

// ending is what a task ended with.
type ending struct {
	task task
	cost time.Duration
	err  error
}

// runBackground starts what is due, each task on a goroutine of its own, until the engine closes and all have ended.
func (e *Engine) runBackground() {
	s := &scheduler{engine: e, ended: make(chan ending, lanes)} // one task a lane: ending never waits
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for running := 0; ; {
		select {
		case <-e.background.Done():
			for ; running > 0; running-- {
				s.take(<-s.ended)
			}
			return
		case end := <-s.ended:
			running--
			s.take(end)
		case <-tick.C:
		case <-e.catchup:
			if s.agenda[link].runs {
				continue // it goes on until there is no tail, and its end is looked at
			}
		}
		running += s.start()
	}
}

// start begins what is due and says how many tasks that is.
func (s *scheduler) start() (started int) {
	e, now := s.engine, time.Now()
	s.agenda = s.agenda.note(now, plan(s.look(now)))
	for l := range lane(lanes) {
		t := s.agenda.next(now, l)
		if t == nothing {
			continue
		}
		e.log.Debug("background work begins", "task", t.String(), "waited", now.Sub(s.agenda[t].wished),
			"took_last", s.agenda[t].cost)
		s.agenda = s.agenda.begin(t)
		started++
		go func() {
			begin := time.Now()
			err := e.run(t)
			if e.cfg.Worked != nil {
				e.cfg.Worked(t.String(), begin, err)
			}
			s.ended <- ending{t, time.Since(begin), err}
		}()
	}
	return started
}

// take notes how a task ended.
func (s *scheduler) take(end ending) {
	e := s.engine
	s.agenda = s.agenda.end(end.task, time.Now(), end.cost, retryAfter, end.err != nil)
	if end.err != nil && e.background.Err() == nil {
		e.failures[end.task].Add(1)
		e.log.Error("background work failed; it is tried again", "task", end.task.String(), "after", retryAfter,
			"error", end.err)
	}
}

// look gathers what the policy decides by.
func (s *scheduler) look(now time.Time) state {
	e := s.engine
	g := e.live.Load()
	revision := g.revision()
	s.growth = s.growth.observe(now, g.papers(), e.cfg.Idle)
	s.history = s.history.note(now, revision)
	epoch, seen := e.readers.oldest(revision)
	e.unseen.Store(min(seen, s.history.kept(now)))
	e.answers.expire(now)
	e.expirePrevious(now)
	retired := e.retired.Load()
	st := e.state()
	s.stale = s.stale.observe(g)
	st.grown, st.drift = s.growth.recent, s.stale.drift
	st.replaced = retired != 0 && epoch >= retired
	return st
}

// state gathers what the policy decides by, apart from what the scheduler remembers.
func (e *Engine) state() state {
	g := e.live.Load()
	space := e.store.Space()
	charted, chartNow := e.drawn(g)
	shards := 0
	if p := e.part(); p != nil {
		shards = p.Shards
	}
	return state{
		shards:   shards,
		file:     space.File,
		free:     space.Free,
		papers:   g.papers(),
		slots:    g.slots.len(),
		learnt:   g.model.Papers(),
		trained:  g.model.Trained(),
		training: e.training.Load(),
		trainAt:  e.cfg.TrainAt,
		given:    e.cfg.GivenModel,
		calm:     e.cfg.Idle,
		idle:     e.idle(),
		behind:   e.behind(),
		unsaved:  e.unsavedGraph(),
		tail:     g.tailLength(),
		tailMax:  e.cfg.TailLimit,
		every:    e.cfg.CheckpointEvery,
		replay:   e.speed.estimate(e.behind()),
		current:  e.checkpoint.live.Load(),
		keeps:    !e.cfg.NoCheckpoints,
		maps:     !e.cfg.NoMap,
		charted:  charted,
		chartNow: chartNow,
		unplaced: e.newcomers(g),
		unlike:   !g.model.Compared() && vector.Class() != vector.Portable, // which would take a hundred times as long
		barren:   g.undrawn.Load() > g.revision(),
		unseen:   e.store.Superseded(e.unseen.Load()),
		log:      e.dispensableLog() >= e.store.OldestLog(),
		mapped:   store.MappedBytes(),
	}
}

// idle is how long ago the last write was.
func (e *Engine) idle() time.Duration {
	return time.Since(e.opened) - time.Duration(e.lastWrite.Load())
}

// run executes one task.
func (e *Engine) run(t task) error {
	if e.cfg.Order != nil && (t == train || t == refit) {
		return e.learnForAll(e.background, t)
	}
	switch t {
	case snapshot:
		return e.writeCheckpoint(e.background)
	case shrink:
		e.setActivity("compacting the store", 0)
		defer e.setActivity("", 0)
		return e.store.Compact(e.background)
	case collect:
		return e.collect()
	case trim:
		return e.trimLog(e.dispensableLog())
	case release:
		e.retired.Store(0)
		debug.FreeOSMemory() // the old generation is garbage: give its memory back instead of keeping it for later
		return nil
	case unmap:
		e.store.DropMapped()
		return nil
	case link:
		return e.catchUpLive()
	case drawMap:
		return e.draw()
	case settleNew:
		return e.placeNewcomers()
	case compare:
		return e.live.Load().model.CompareWords(e.politely(e.background))
	case train:
		_, err := e.Train(e.background, TrainOptions{}, nil)
		if errors.Is(err, ErrTrainingRuns) {
			return nil
		}
		return err
	}
	if err := e.startBuilding(e.background); err != nil {
		return err
	}
	defer e.endBuilding()
	if !plan(e.state())[t].wanted {
		return nil // a training on request has come before
	}
	defer e.setActivity("", 0)
	report := func(stage string, share float64) { e.setActivity(stage, share) }
	ctx := e.politely(e.background)
	if t == refit {
		model, err := e.fit(ctx, nil)
		if err != nil {
			return err
		}
		return e.replaceLive(ctx, model, e.now(), report)
	}
	g := e.live.Load() // compact
	return e.replaceLive(ctx, g.model, g.created, report)
}

// startBuilding waits until no other generation is being built. Whoever also trains has said so before, in e.training.
func (e *Engine) startBuilding(ctx context.Context) error {
	select {
	case e.building <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *Engine) endBuilding() { <-e.building }

// collect removes superseded records that neither a query nor a page token can ask for.
func (e *Engine) collect() error {
	if e.Writable() != nil {
		return nil
	}
	err := e.store.Collect(e.background, e.unseen.Load())
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// dispensableLog is the revision through which neither a start nor a running build needs the log.
func (e *Engine) dispensableLog() uint64 {
	through := e.checkpoint.keep.Load()
	if e.cfg.NoCheckpoints {
		through = e.live.Load().revision()
	}
	e.logMu.Lock()
	defer e.logMu.Unlock()
	return min(through, e.buildFrom)
}

// linkWorkers is how many goroutines build a graph: all cores while nobody asks or writes, else all but one.
func (e *Engine) linkWorkers() int {
	cores := e.cfg.Cores
	if e.readers.running() == 0 && e.idle() >= linkIdle {
		return cores
	}
	return max(1, cores-1)
}

// catchUpLive moves the tail of the live generation into its graph. It gives up without an error when another
// generation takes over: that one has a tail of its own.
func (e *Engine) catchUpLive() error {
	e.graphMu.Lock()
	defer e.graphMu.Unlock()
	g := e.live.Load()
	ctx, cancel := context.WithCancel(e.background)
	defer cancel()
	defer context.AfterFunc(g.serving, cancel)()
	err := g.vectors.Catchup(ctx, e.linkWorkers)
	if g.serving.Err() != nil {
		return nil
	}
	return err
}

// catchUpGraph moves the tail of a generation into its graph, telling how far it is.
func (e *Engine) catchUpGraph(ctx context.Context, g *Generation, report func(share float64)) error {
	done := make(chan error, 1)
	go func() { done <- g.vectors.Catchup(ctx, e.linkWorkers) }()
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

// waitForTail holds back a write of n papers while the tail is full: it goes on at the pace of the graph.
func (e *Engine) waitForTail(ctx context.Context, n int) error {
	for {
		g := e.live.Load()
		info := g.vectors.Info()
		if info.Vectors-info.Graph < e.cfg.TailLimit || e.tailPace.pass(g.serial, info.Graph, n) {
			return nil
		}
		e.wakeCatchup()
		select {
		case <-e.background.Done():
			return ErrClosed
		case <-ctx.Done():
			return errors.Join(ErrOverloaded, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}
