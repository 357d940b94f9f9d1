package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/store"
)

// scanRun is how many papers a build reads in one transaction of the store.
const scanRun = 1000

// build makes a generation of everything stored, for a model. It runs beside writes: papers that change during the scan
// are put right by replaying the log behind start, the store's revision before the scan, which must not be trimmed
// meanwhile. report, which may be nil, is told how many papers are in.
func (e *Engine) build(
	ctx context.Context, start uint64, model *embed.Model, created time.Time, report func(done int),
) (*Generation, error) {
	g, err := newGeneration(e.cfg.Index, model, created)
	if err != nil {
		return nil, err
	}
	var last uint64
	err = e.scan(ctx, func(ordinals []uint64, papers []*paper.Paper) error {
		begin := time.Now()
		items, err := e.prepare(ctx, model, papers)
		if err != nil {
			return err
		}
		for i, it := range items {
			if err := g.add(ordinals[i], it); err != nil {
				return err
			}
		}
		e.speed.note(len(items), time.Since(begin))
		last = ordinals[len(ordinals)-1]
		if report != nil {
			report(g.slots.len())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	g.scanned = last
	g.publish(start)
	if err := e.replay(ctx, g, e.store.Revision()); err != nil {
		return nil, err
	}
	g.base = g.revision()
	return g, nil
}

// runsMapped is how many runs of a scan may stay mapped: some 100 MB of papers. A variable, so that tests shrink it.
var runsMapped = 64

// scan calls fn with runs of live papers by rising ordinal. The slices are good until fn returns.
func (e *Engine) scan(ctx context.Context, fn func(ordinals []uint64, papers []*paper.Paper) error) error {
	defer e.store.DropMapped()
	var ordinals []uint64
	var papers []*paper.Paper
	for last, run := uint64(0), 1; ; run++ {
		if run%runsMapped == 0 {
			e.store.DropMapped()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		ordinals, papers = ordinals[:0], papers[:0]
		next, err := e.store.Scan(last, scanRun, func(ordinal uint64, p *paper.Paper) error {
			ordinals, papers = append(ordinals, ordinal), append(papers, p)
			return nil
		})
		if err != nil {
			return storeError(err)
		}
		if len(ordinals) > 0 {
			if err := fn(ordinals, papers); err != nil {
				return err
			}
		}
		if next == last {
			return nil
		}
		last = next
	}
}

// replay takes the log behind a generation's applied revision into it, up to and including a revision.
func (e *Engine) replay(ctx context.Context, g *Generation, through uint64) error {
	for g.revision() < through {
		if err := ctx.Err(); err != nil {
			return err
		}
		entries, err := e.store.Log(g.revision(), scanRun)
		if err != nil {
			return storeError(err)
		}
		if len(entries) == 0 {
			return fmt.Errorf("the change log ends before revision %d", through)
		}
		for len(entries) > 0 && entries[len(entries)-1].Revision > through {
			entries = entries[:len(entries)-1]
		}
		if err := e.replayRun(ctx, g, entries); err != nil {
			return err
		}
	}
	return nil
}

// replayRun takes a run of log entries into a generation that no query sees yet, or that only the caller appends to.
func (e *Engine) replayRun(ctx context.Context, g *Generation, entries []store.Entry) error {
	begin := time.Now()
	// The scan has met every record up to g.scanned that a later entry does not remove, so only newer ones are missing.
	var ordinals []uint64
	for i := range entries {
		if n := entries[i].New; n > g.scanned {
			ordinals = append(ordinals, n)
		}
	}
	papers, err := e.store.Papers(ordinals, true, make([]*paper.Paper, 0, len(ordinals)))
	if err != nil {
		return storeError(err)
	}
	present := papers[:0:0]
	for _, p := range papers {
		if p != nil { // gone: a later entry of the log removed it
			present = append(present, p)
		}
	}
	items, err := e.prepare(ctx, g.model, present)
	if err != nil {
		return err
	}
	next, item := 0, 0
	for i := range entries {
		ent := &entries[i]
		ordinal := uint64(0)
		if ent.New > g.scanned {
			if papers[next] != nil {
				ordinal = ent.New
			}
			next++
		}
		if ordinal == 0 {
			if ent.Old != 0 {
				g.kill(ent.Old, ent.Revision)
			}
			continue
		}
		if err := g.applyEntry(ent.Old, ordinal, ent.Revision, items[item]); err != nil {
			return err
		}
		item++
	}
	g.publish(entries[len(entries)-1].Revision)
	e.speed.note(len(entries), time.Since(begin))
	return nil
}

// fit makes an untrained model: the word weights of all stored papers.
func (e *Engine) fit(ctx context.Context, report func(done int)) (*embed.Model, error) {
	frequencies, err := e.frequencies(ctx, report)
	if err != nil {
		return nil, err
	}
	return embed.NewModel(e.cfg.Embed, frequencies)
}

// frequencies counts the words of all stored papers.
func (e *Engine) frequencies(ctx context.Context, report func(done int)) (*embed.Frequencies, error) {
	frequencies := embed.NewFrequencies(e.cfg.Embed)
	s := e.scratch.Get().(*scratch)
	defer e.scratch.Put(s)
	done := 0
	err := e.scan(ctx, func(_ []uint64, papers []*paper.Paper) error {
		for _, p := range papers {
			s.analyzer.Analyze(&s.analysis, p.Title, p.Abstract)
			frequencies.Add(&s.analysis.Features)
		}
		done += len(papers)
		if report != nil {
			report(done)
		}
		return nil
	})
	return frequencies, err
}

// replaceLive builds a generation for a model and puts it in place of the live one. The caller has put its element
// into e.building.
func (e *Engine) replaceLive(
	ctx context.Context, model *embed.Model, created time.Time, report func(stage string, share float64),
) error {
	start := e.holdLog()
	defer e.releaseLog()
	next, err := e.buildNext(ctx, start, model, created, report)
	if err != nil {
		return err
	}
	if next.odds, err = e.oddsOf(ctx, next); err != nil {
		return err
	}
	return e.takeOver(ctx, next)
}

// buildNext builds the generation that is to replace the live one, with its graph. Its odds are the caller's to set.
func (e *Engine) buildNext(
	ctx context.Context, start uint64, model *embed.Model, created time.Time, report func(stage string, share float64),
) (*Generation, error) {
	e.dropPrevious() // three at once would be too much memory
	total := max(1, e.store.Count())
	next, err := e.build(ctx, start, model, created, func(done int) {
		report("embedding", min(1, float64(done)/float64(total)))
	})
	if err != nil {
		return nil, err
	}
	return next, e.comeNear(ctx, next, report)
}

// takeOver puts a generation in place of the live one, with its model on disk before anyone is told that it is live.
func (e *Engine) takeOver(ctx context.Context, next *Generation) error {
	undo, err := e.keepModel(next)
	if err != nil {
		return err
	}
	if err := e.putLive(ctx, next); err != nil {
		return errors.Join(err, undo())
	}
	e.pruneModels()
	if err := e.at(PointSwapAfter); err != nil {
		return err
	}
	e.wakeCatchup()
	e.forgetCheckpoint()
	e.log.Info("a new generation is live", "papers", next.papers(), "model", next.model.Fingerprint(),
		"trained", next.model.Trained(), "caught_up", next.caughtUp)
	return nil
}

// comeNear moves a generation into its graph and replays what was written meanwhile, again and again while that leaves
// a smaller tail each time. Where the live generation is scanned rather than walked, as while a corpus pours in, the
// next one serves no worse without a graph: then it takes over at once, and its graph is built while it serves.
func (e *Engine) comeNear(ctx context.Context, next *Generation, report func(stage string, share float64)) error {
	for before := next.tailLength(); 2*e.live.Load().tailLength() < before; {
		if err := e.catchUpGraph(ctx, next, func(share float64) { report("indexing", share) }); err != nil {
			return err
		}
		if err := e.replay(ctx, next, e.store.Revision()); err != nil {
			return err
		}
		tail := next.tailLength()
		if tail > before/2 {
			return nil
		}
		before = tail
	}
	return nil
}

// noBuild is Engine.buildFrom while nothing is built.
const noBuild = math.MaxUint64

// holdLog notes where a build begins and keeps the log behind it from being trimmed. What is written from here on
// stands in that log, whether or not the build's scan meets it.
func (e *Engine) holdLog() uint64 {
	e.logMu.Lock()
	defer e.logMu.Unlock()
	e.buildFrom = e.store.Revision()
	return e.buildFrom
}

func (e *Engine) releaseLog() {
	e.logMu.Lock()
	defer e.logMu.Unlock()
	e.buildFrom = noBuild
}
