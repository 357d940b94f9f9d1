package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/index"
)

// view is what one query sees: a generation at a revision, and of its papers those that a filter accepts. It serves as
// the index's Accept.
type view struct {
	gen      *Generation
	revision uint64
	slots    uint32      // born at or before the revision
	set      *filter.Set // slots whose columns the filter accepts; nil: all
	exclude  []uint32    // slots never returned, ascending
	hidden   []uint32    // likewise: those that a profile has seen
	from     uint32      // slots below it are never returned either
	replaced bool        // the generation is not live any more, and nothing more will be seen in it
}

// look begins a query's view without a filter. The caller is between readers.enter and leave.
func (e *Engine) look() *view {
	g := e.live.Load()
	m := g.applied.Load()
	return &view{gen: g, revision: m.revision, slots: m.slots}
}

// restrict keeps only the papers that a filter accepts. No filter, nil, accepts all.
func (v *view) restrict(f *filter.Filter) error {
	if f == nil {
		return nil
	}
	set, err := v.gen.columns.Eval(f)
	if err != nil {
		return err
	}
	v.set = set
	return nil
}

// without leaves slots out of the answers.
func (v *view) without(slots ...uint32) {
	v.exclude = append(v.exclude, slots...)
	slices.Sort(v.exclude)
}

// Accepts reports whether a slot may be in the answer.
func (v *view) Accepts(slot uint32) bool {
	if slot >= v.slots || slot < v.from {
		return false
	}
	row, ok := v.gen.slots.version(slot, v.revision)
	if !ok || !v.inSet(row) {
		return false
	}
	return len(v.exclude) == 0 && len(v.hidden) == 0 || !isAmong(v.exclude, slot) && !isAmong(v.hidden, slot)
}

// isAmong reports whether a slot is one of some, which rise.
func isAmong(slots []uint32, slot uint32) bool {
	_, found := slices.BinarySearch(slots, slot)
	return found
}

// row returns the row of an accepted slot at the view's revision.
func (v *view) row(slot uint32) *slotRow {
	version, _ := v.gen.slots.version(slot, v.revision)
	return v.gen.slots.row(version)
}

// inSet reports whether the filter accepts a slot.
func (v *view) inSet(slot uint32) bool {
	return v.set == nil || v.set.Contains(slot)
}

// Slots lists what the filter accepts, or what is behind from; nil without either.
func (v *view) Slots() index.Listing {
	switch {
	case v.set == nil && v.from == 0:
		return nil
	case v.set == nil:
		return stretch{v.from, v.slots}
	case v.gen.slots.versions.Load() == 0:
		return v.set
	}
	return carriers{v}
}

// carriers lists the slots that hold the texts of what a view's filter accepts. Where papers have versions, these are
// all that have more than one, whatever the filter says of which.
type carriers struct{ *view }

// Len is the number of rows that the filter accepts.
func (c carriers) Len() int { return c.set.Len() }

// List implements index.Listing.
func (c carriers) List(from, to uint32, dst []uint32) (n int, next uint32) {
	end := min(to, c.slots)
	n, next = filter.ListBits(from, end, dst, func(i uint32) uint64 { return c.gen.slots.carrying(i, c.set.Word(i)) })
	if next >= end {
		next = to
	}
	return n, next
}

// stretch lists all slots of a run.
type stretch struct{ first, end uint32 }

// Len implements index.Listing.
func (s stretch) Len() int { return int(s.end - min(s.end, s.first)) }

// List implements index.Listing.
func (s stretch) List(from, to uint32, dst []uint32) (n int, next uint32) {
	end := min(to, s.end)
	for slot := max(from, s.first); slot < end; slot++ {
		if n == len(dst) {
			return n, slot
		}
		dst[n] = slot
		n++
	}
	return n, to
}

// behind leaves out what was written up to a revision.
func (v *view) behind(revision uint64) {
	if revision > 0 {
		v.from = uint32(v.gen.slotsAt(revision))
	}
}

// Share estimates the accepted share of all slots.
func (v *view) Share() float64 {
	n := float64(v.gen.slots.len())
	if n == 0 {
		return 1
	}
	live := 1 - float64(v.gen.dead.Load())/n
	live *= 1 - float64(min(v.from, v.slots))/n
	if v.set == nil {
		return live
	}
	return live * float64(v.set.Len()) / n
}

// unstored stands for the slot of an id that the store does not have.
const unstored = 1<<32 - 1

// lookFor begins a view in which every id that the store has is visible, and returns their slots: unstored for the
// others. The store runs ahead of what is visible by the writes being applied just now, so a few looks may be needed.
func (e *Engine) lookFor(ctx context.Context, look func() *view, ids ...string) (*view, []uint32, error) {
	ordinals, slots := make([]uint64, len(ids)), make([]uint32, len(ids))
	for {
		v := look()
		if len(ids) == 0 {
			return v, nil, nil
		}
		if err := e.store.Ordinals(ids, ordinals); err != nil {
			return nil, nil, storeError(err)
		}
		if v.slotsOf(ordinals, slots) {
			return v, slots, nil
		}
		if v.replaced {
			return nil, nil, errChangedSince
		}
		if err := e.waitToSee(ctx); err != nil {
			return nil, nil, err
		}
	}
}

// lookForStored is lookFor of ids that must be stored: ErrNotFound names the first that is not.
func (e *Engine) lookForStored(ctx context.Context, look func() *view, ids ...string) (*view, []uint32, error) {
	v, slots, err := e.lookFor(ctx, look, ids...)
	if err != nil {
		return nil, nil, err
	}
	if i := slices.Index(slots, unstored); i >= 0 {
		return nil, nil, fmt.Errorf("%w: %q", ErrNotFound, ids[i])
	}
	return v, slots, nil
}

// slotsOf writes the slots that hold the texts of ordinals, and reports whether all of them are visible. Ordinal 0 is
// unstored.
func (v *view) slotsOf(ordinals []uint64, slots []uint32) bool {
	for i, ordinal := range ordinals {
		slots[i] = unstored
		if ordinal == 0 {
			continue
		}
		slot, ok := v.gen.slots.find(ordinal)
		if !ok || !v.gen.slots.row(slot).visible(v.revision) {
			return false
		}
		slots[i] = v.gen.slots.carrier(slot)
	}
	return true
}

// waitToSee waits a moment for the applier to make visible what the store has already. When the applier has failed that
// never happens.
func (e *Engine) waitToSee(ctx context.Context) error {
	if e.failed.Load() != nil {
		return e.Writable()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(200 * time.Microsecond):
		return nil
	}
}
