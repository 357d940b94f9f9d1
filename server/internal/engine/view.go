package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/akin-search/akin/server/internal/filter"
)

// readers counts the queries in flight in two epochs, so that the collector of superseded records can wait for every
// query that began before a moment, without a lock and without waiting for later ones.
type readers struct {
	epoch  atomic.Uint64
	active [2]atomic.Int64
}

// enter begins a query and returns what leave takes back.
func (r *readers) enter() uint64 {
	for {
		epoch := r.epoch.Load()
		r.active[epoch&1].Add(1)
		if r.epoch.Load() == epoch {
			return epoch
		}
		r.active[epoch&1].Add(-1) // the epoch turned in between: count in the new one
	}
}

func (r *readers) leave(epoch uint64) { r.active[epoch&1].Add(-1) }

// settle waits until every query that entered before the call has left. One call at a time.
func (r *readers) settle(ctx context.Context) error {
	old := r.epoch.Add(1) - 1
	for r.active[old&1].Load() != 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// view is what one query sees: a generation at a revision, and of its papers those that a filter accepts. It serves as
// the index's Accept.
type view struct {
	gen      *Generation
	revision uint64
	slots    uint32          // born at or before the revision
	set      *roaring.Bitmap // slots the filter accepts; nil: all
	bits     []uint64        // the same as a bit a slot
	exclude  []uint32        // slots never returned, ascending
}

// look begins a query's view without a filter. The caller is between readers.enter and leave.
func (e *Engine) look() *view {
	g := e.live.Load()
	m := g.applied.Load()
	return &view{gen: g, revision: m.revision, slots: m.slots}
}

// restrict keeps only the papers that a filter accepts. An empty filter accepts all.
func (v *view) restrict(text string) error {
	if text == "" {
		return nil
	}
	f, err := filter.Parse(text)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidFilter, err)
	}
	set, err := v.gen.columns.Eval(f)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidFilter, err)
	}
	v.set, v.bits = set, set.ToDense()
	return nil
}

// without leaves slots out of the answers.
func (v *view) without(slots ...uint32) {
	v.exclude = append(v.exclude, slots...)
	slices.Sort(v.exclude)
}

// Accepts reports whether a slot may be in the answer.
func (v *view) Accepts(slot uint32) bool {
	if v.set != nil && (int(slot>>6) >= len(v.bits) || v.bits[slot>>6]>>(slot&63)&1 == 0) {
		return false
	}
	if len(v.exclude) > 0 {
		if _, out := slices.BinarySearch(v.exclude, slot); out {
			return false
		}
	}
	return slot < v.slots && v.gen.slots.alive(slot, v.revision)
}

// Slots lists what the filter accepts; ok is false without a filter.
func (v *view) Slots() ([]uint32, bool) {
	if v.set == nil {
		return nil, false
	}
	return v.set.ToArray(), true
}

// Share estimates the accepted share of all slots.
func (v *view) Share() float64 {
	n := float64(v.gen.slots.len())
	if n == 0 {
		return 1
	}
	live := 1 - float64(v.gen.dead.Load())/n
	if v.set == nil {
		return live
	}
	return live * float64(v.set.GetCardinality()) / n
}

// errBehind says that the store has a paper that the view's revision does not show yet.
var errBehind = errors.New("not yet visible")

// slotOf returns the slot of an id as the view sees it.
func (e *Engine) slotOf(v *view, id string) (uint32, error) {
	ordinal, ok, err := e.store.Ordinal(id)
	if err != nil {
		return 0, storeError(err)
	}
	if !ok {
		return 0, fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	slot, ok := v.gen.slots.find(ordinal)
	if !ok || !v.gen.slots.row(slot).visible(v.revision) {
		return 0, errBehind
	}
	return slot, nil
}

// lookFor begins a view in which every id that the store has is visible, and returns their slots. The store runs ahead
// of what is visible by the writes being applied just now, so a few looks may be needed. Ids that are not stored are
// ErrNotFound, or left out when missing is true.
func (e *Engine) lookFor(ctx context.Context, missing bool, ids ...string) (*view, []uint32, error) {
	for {
		v := e.look()
		slots := make([]uint32, 0, len(ids))
		var err error
		for _, id := range ids {
			var slot uint32
			slot, err = e.slotOf(v, id)
			if missing && errors.Is(err, ErrNotFound) {
				err = nil
				continue
			}
			if err != nil {
				break
			}
			slots = append(slots, slot)
		}
		if !errors.Is(err, errBehind) {
			return v, slots, err
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(200 * time.Microsecond):
		}
	}
}
