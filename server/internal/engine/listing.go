package engine

import (
	"context"

	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/store"
)

// listing goes through the ids that a filter accepts, in ascending byte order.
//
// The store says which papers there are and the generation which of them the filter accepts. The store runs ahead of
// the generation by the writes being applied just now, so after each run of ids the listing waits until the generation
// has caught up with it: otherwise it would miss a paper that is being updated.
type listing struct {
	engine *Engine
	filter *filter.Filter // nil: all papers
	view   *view
	last   string // id passed last
	frozen bool   // papers above newest are left out
	newest uint64 // ordinal
}

// listing begins behind an id.
func (e *Engine) listing(f *filter.Filter, after string) (*listing, error) {
	w := &listing{engine: e, filter: f, last: after}
	return w, w.look()
}

// look takes a new view.
func (w *listing) look() error {
	w.view = w.engine.look()
	return w.view.restrict(w.filter)
}

// freeze leaves out papers written after the listing's view was taken.
func (w *listing) freeze() {
	w.frozen = true
	if n := w.view.slots; n > 0 {
		w.newest = w.view.gen.slots.row(n - 1).ordinal
	}
}

// next returns up to limit accepted ids, looking through at most scan ids. more says that there may be others behind
// w.last.
func (w *listing) next(ctx context.Context, limit, scan int) (found []store.IDOrdinal, more bool, err error) {
	const chunk = 1000
	for scanned := 0; scanned < scan; {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		ids, err := w.engine.store.IDs(w.last, chunk)
		if err != nil {
			return nil, false, storeError(err)
		}
		if err := w.catchUp(ctx); err != nil {
			return nil, false, err
		}
		for _, id := range ids {
			w.last = id.ID
			if !w.accepts(id.Ordinal) {
				continue
			}
			found = append(found, id)
			if len(found) == limit {
				return found, true, nil
			}
		}
		if len(ids) < chunk {
			return found, false, nil
		}
		scanned += len(ids)
	}
	return found, true, nil
}

// skip returns the accepted ids behind w.last, up to limit, by what the columns know: however few they are, it looks
// at no others. It is for filters alone.
func (w *listing) skip(ctx context.Context, limit int) ([]store.IDOrdinal, error) {
	if err := w.catchUp(ctx); err != nil {
		return nil, err
	}
	v := w.view
	ids := v.gen.columns.Following(v.set, w.last, limit, func(slot uint32) bool {
		return int(slot) < v.gen.slots.len() && v.gen.slots.row(slot).visible(v.revision)
	})
	ordinals := make([]uint64, len(ids))
	if err := w.engine.store.Ordinals(ids, ordinals); err != nil {
		return nil, storeError(err)
	}
	found := make([]store.IDOrdinal, len(ids))
	for i, id := range ids {
		w.last, found[i] = id, store.IDOrdinal{ID: id, Ordinal: ordinals[i]}
	}
	return found, nil
}

// catchUp renews the view until it knows every paper that the store has shown.
func (w *listing) catchUp(ctx context.Context) error {
	if w.filter == nil || w.frozen {
		return nil
	}
	for stored := w.engine.store.Revision(); w.view.revision < stored; {
		if w.engine.live.Load().revision() < stored {
			if w.engine.failed.Load() != nil {
				return nil // the rest is never seen, and what can be seen is listed
			}
			if err := w.engine.waitToSee(ctx); err != nil {
				return err
			}
			continue
		}
		if err := w.look(); err != nil {
			return err
		}
	}
	return nil
}

// accepts reports whether the filter accepts the paper that the store has under an ordinal.
func (w *listing) accepts(ordinal uint64) bool {
	if w.frozen && ordinal > w.newest {
		return false
	}
	if w.filter == nil {
		return true
	}
	slot, ok := w.view.gen.slots.find(ordinal)
	return ok && w.view.inSet(slot)
}

// each calls fn with runs of accepted ids until there are no more.
func (w *listing) each(ctx context.Context, fn func([]store.IDOrdinal) error) error {
	for more := true; more; {
		var found []store.IDOrdinal
		var err error
		if found, more, err = w.next(ctx, 500, 1000); err != nil {
			return err
		}
		if len(found) == 0 {
			continue
		}
		if err := fn(found); err != nil {
			return err
		}
	}
	return nil
}
