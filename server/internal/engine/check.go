package engine

import (
	"context"
	"fmt"

	"github.com/akin-search/akin/server/internal/store"
)

// Points at which Config.Hook is called, beside those of the store and of checkpoints.
const (
	PointTrainLearnt   = "train.learnt"   // a model is learnt, nothing is built with it yet
	PointMapNeighbours = "map.neighbours" // the neighbours that a map is drawn from are known, the map before still serves
	PointSwapBefore    = "swap.before"    // the next generation is complete, the old one still serves
	PointSwapAfter     = "swap.after"     // the next generation serves, no checkpoint of it is on disk
	PointPurgeBetween  = "purge.between"  // one run of a purge is deleted, others are not
)

// at reaches a point of Config.Hook.
func (e *Engine) at(point string) error {
	if e.cfg.Hook == nil {
		return nil
	}
	return e.cfg.Hook(point)
}

// Check verifies that the store, the index and everything else held agree with each other and with their own
// invariants, and that what is held of each paper is what its stored text makes. It reads everything, and holds back
// the graph meanwhile. Writes must rest: a paper that is written during the check may be reported.
func (e *Engine) Check(ctx context.Context) error {
	if err := e.store.Check(ctx); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	e.graphMu.Lock()
	defer e.graphMu.Unlock()
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	v := e.look()
	g := v.gen
	if n := g.slots.len(); g.vectors.Len() != n || g.words.Len() != n || g.columns.Len() != n {
		return fmt.Errorf("generation: %d slots, %d vectors, %d rows of words, %d of columns", n, g.vectors.Len(),
			g.words.Len(), g.columns.Len())
	}
	if g.papers() != e.store.Count() {
		return fmt.Errorf("generation: %d papers, the store has %d", g.papers(), e.store.Count())
	}
	if v.revision != e.store.Revision() {
		return fmt.Errorf("generation: at revision %d, the store at %d", v.revision, e.store.Revision())
	}
	if err := e.holdsContent(g); err != nil {
		return fmt.Errorf("generation: %w", err)
	}
	seen := 0
	w := listing{engine: e, view: v}
	err := w.each(ctx, func(found []store.IDOrdinal) error {
		for _, id := range found {
			slot, ok := g.slots.find(id.Ordinal)
			if !ok || !g.slots.row(slot).visible(v.revision) {
				return fmt.Errorf("generation: paper %q of the store cannot be seen", id.ID)
			}
		}
		if err := e.checkContent(ctx, g, found); err != nil {
			return err
		}
		seen += len(found)
		return nil
	})
	if err != nil {
		return err
	}
	if seen != g.papers() {
		return fmt.Errorf("store: %d ids for %d papers", seen, g.papers())
	}
	if err := g.vectors.Check(); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	return ctx.Err()
}
