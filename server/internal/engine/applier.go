package engine

import (
	"fmt"

	"github.com/akin-search/akin/server/internal/store"
)

// applyQueue bounds the batches that are durable but not yet visible. A full queue holds back the store's committer,
// and that holds back writers.
const applyQueue = 64

// apply is the applier: the one goroutine that makes writes visible, in the order of their revisions. It ends when the
// queue is closed, after everything in it is applied.
func (e *Engine) apply() {
	defer close(e.applierDone)
	for {
		select {
		case entries, ok := <-e.queue:
			if !ok {
				return
			}
			e.applyBatch(entries)
		case s := <-e.swaps:
			s.done <- e.swapIn(s.next)
		}
	}
}

// applyBatch publishes one batch: the revision is stored last, so that a query sees all of it or nothing. The batch is
// durable, so it is applied even when the store has failed meanwhile. A generation that was built beside writes may
// have come by the batch in the log before it came here: then there is nothing left to do.
func (e *Engine) applyBatch(entries []store.Entry) {
	batch := entries[0].Payload.(*item).batch
	defer close(batch.applied)
	defer batch.giveRoom()
	if e.failed.Load() != nil {
		batch.err = e.Writable()
		return
	}
	g := e.live.Load()
	applied := g.revision()
	revision := applied
	for i := range entries {
		ent := &entries[i]
		if ent.Unchanged || ent.Revision <= applied {
			continue
		}
		it := ent.Payload.(*item)
		it.paper = ent.Paper
		if err := g.applyEntry(ent.Old, ent.New, ent.Revision, it); err != nil {
			// The store has the write and the index cannot take it: refuse all further writes rather than answer queries
			// that lack an acknowledged paper. A restart builds the generation from the store.
			e.fail(fmt.Errorf("revision %d: %w", ent.Revision, err))
			batch.err = e.Writable()
			return
		}
		revision = ent.Revision
	}
	g.publish(revision)
	e.arrivals.reached(revision)
	e.wakeCatchup()
}

// applyEntry takes one entry of the log into the generation. it is nil for a deletion.
func (g *Generation) applyEntry(old, ordinal, revision uint64, it *item) error {
	if old != 0 && ordinal != 0 {
		slot, ok := g.slots.find(old)
		if ok && g.slots.row(slot).died.Load() == 0 && g.sameText(g.slots.carrier(slot), it) {
			return g.renew(slot, ordinal, it)
		}
	}
	if old != 0 {
		g.kill(old, revision)
	}
	if ordinal == 0 {
		return nil
	}
	if it.model != g.model.Fingerprint() {
		it.reembed(g.model)
	}
	return g.add(ordinal, it)
}
