package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/akin-search/akin/server/internal/index/hnsw"
	"github.com/akin-search/akin/server/internal/lexical"
)

// maxSlots is how many papers a generation holds at most, those included that were replaced or removed since it was
// built: the least that any of its parts can tell apart. Tests shrink it.
var maxSlots int64 = min(hnsw.MaxSlots, lexical.MaxPapers)

// nearlyFull is the share of maxSlots from which on dead slots are removed however few they are.
const nearlyFull = 7. / 8

// takeRoom sets slots aside for the papers of a batch, or refuses the batch with ErrFull. It comes before the commit:
// what is committed must have its place. Each paper may take a slot, whether it is new or replaces one; deletions take
// none.
func (b *Batch) takeRoom() error {
	under := b.countRoom()
	if b.room == 0 {
		return nil
	}
	e := b.engine
	if e.cfg.Order != nil {
		under += orderedMargin
	}
	// Looked at second: the applier publishes a slot before it gives the room back.
	g := e.live.Load()
	if int64(g.slots.len())+under <= maxSlots {
		return nil
	}
	b.giveRoom()
	if dead := g.dead.Load(); dead > 0 {
		return fmt.Errorf("%w: it holds %d, of which %d were replaced or removed and go when it is rebuilt: "+
			"try again in a minute", ErrFull, maxSlots, dead)
	}
	return fmt.Errorf("%w: it holds %d: remove papers, or divide them among several servers", ErrFull, maxSlots)
}

// orderedMargin is what is left free for writes that other nodes have put into the log.
const orderedMargin = 1 << 16

// countRoom sets slots aside without a look at how many there are, and returns how many are set aside now. A write that
// comes out of a log was looked at by the node that took it.
func (b *Batch) countRoom() int64 {
	for i := range b.mutations {
		if m := &b.mutations[i]; m.Paper != nil && b.engine.owns(m.ID) {
			b.room++
		}
	}
	return b.engine.underWay.Add(b.room)
}

// giveRoom gives back what takeRoom set aside, once the batch has its slots or will never need them. More calls do
// nothing.
func (b *Batch) giveRoom() {
	b.roomGiven.Do(func() { b.engine.underWay.Add(-b.room) })
}

// ended reports whether an error of a wait says that the write has failed, rather than that the caller waits no more.
func ended(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() == nil || !errors.Is(err, ctx.Err()))
}
