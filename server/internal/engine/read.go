package engine

import (
	"context"
	"fmt"

	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/store"
)

// Get returns the papers of ids in their order, nil where an id is not stored. Without abstracts each costs one read
// less.
func (e *Engine) Get(ctx context.Context, ids []string, abstracts bool) ([]*paper.Paper, error) {
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	ordinals := make([]uint64, len(ids))
	if err := e.store.Ordinals(ids, ordinals); err != nil {
		return nil, storeError(err)
	}
	papers, err := e.store.Papers(ordinals, abstracts, make([]*paper.Paper, 0, len(ids)))
	return papers, storeError(err)
}

// Stored reports which of the ids are stored.
func (e *Engine) Stored(_ context.Context, ids []string) ([]bool, error) {
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	ordinals := make([]uint64, len(ids))
	if err := e.store.Ordinals(ids, ordinals); err != nil {
		return nil, storeError(err)
	}
	stored := make([]bool, len(ids))
	for i, ordinal := range ordinals {
		stored[i] = ordinal != 0
	}
	return stored, nil
}

// scanIDs is how many ids List looks through in the store before it goes by the columns. A variable, so that tests
// shrink it.
var scanIDs = 10_000

// List returns one page of papers in ascending byte order of ids. It is full unless it is the last, but for papers that
// are deleted meanwhile.
func (e *Engine) List(ctx context.Context, q ListQuery) (ListPage, error) {
	tokens := listTokens(q.Filter)
	after, err := tokens.decode(q.PageToken)
	if err != nil {
		return ListPage{}, err
	}
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	w, err := e.listing(q.Filter, after)
	if err != nil {
		return ListPage{}, err
	}
	found, more, err := w.next(ctx, q.PageSize, scanIDs)
	if err != nil {
		return ListPage{}, err
	}
	if more && len(found) < q.PageSize { // the filter accepts few papers, or few with such ids
		rest, err := w.skip(ctx, q.PageSize-len(found))
		if err != nil {
			return ListPage{}, err
		}
		found, more = append(found, rest...), len(found)+len(rest) == q.PageSize
	}
	ordinals := make([]uint64, len(found))
	for i, f := range found {
		ordinals[i] = f.Ordinal
	}
	papers, err := e.store.Papers(ordinals, q.Abstracts, make([]*paper.Paper, 0, len(found)))
	if err != nil {
		return ListPage{}, storeError(err)
	}
	page := ListPage{TokenAfter: tokens.encode}
	for _, p := range papers {
		if p != nil {
			page.Papers = append(page.Papers, p)
		}
	}
	if more {
		page.NextPageToken, page.Last = tokens.encode(w.last), w.last
	}
	return page, nil
}

// Export calls fn with every paper that a filter accepts, abstracts included, in ascending byte order of ids.
func (e *Engine) Export(ctx context.Context, f *filter.Filter, fn func(*paper.Paper) error) error {
	w, err := e.listing(f, "")
	if err != nil {
		return err
	}
	return w.each(ctx, func(run []store.IDOrdinal) error {
		ordinals := make([]uint64, len(run))
		for i := range run {
			ordinals[i] = run[i].Ordinal
		}
		papers, err := e.store.Papers(ordinals, true, make([]*paper.Paper, 0, len(run)))
		if err != nil {
			return storeError(err)
		}
		for i, p := range papers {
			if p == nil { // replaced or removed since its id was read: send what is there now
				now, err := e.Get(ctx, []string{run[i].ID}, true)
				if err != nil {
					return err
				}
				if p = now[0]; p == nil {
					continue
				}
			}
			if err := fn(p); err != nil {
				return err
			}
		}
		return nil
	})
}

// PurgeSample is how many ids a dry run of Purge names at most.
const PurgeSample = 100

// Purge deletes the papers that a filter accepts (nil: all), or, without force, counts them and names some. A paper
// that is written while the purge runs is left alone.
func (e *Engine) Purge(ctx context.Context, f *filter.Filter, force bool) (p Purged, err error) {
	w, err := e.listing(f, "")
	if err != nil {
		return p, err
	}
	w.freeze()
	if force {
		p.Position = e.reached()
	}
	err = w.each(ctx, func(run []store.IDOrdinal) error {
		if !force {
			p.Count += len(run)
			for _, id := range run[:min(len(run), PurgeSample-len(p.Sample))] {
				p.Sample = append(p.Sample, id.ID)
			}
			return nil
		}
		entries, position, err := e.purgeRun(ctx, run)
		for _, ent := range entries {
			if !ent.Unchanged {
				p.Count++
			}
		}
		if err != nil {
			return err
		}
		p.Position = position
		return e.at(PointPurgeBetween)
	})
	if err != nil && p.Count > 0 {
		err = fmt.Errorf("after %d papers: %w", p.Count, err)
	}
	return p, err
}

// purgeRun deletes papers that still are as the purge has met them.
func (e *Engine) purgeRun(ctx context.Context, run []store.IDOrdinal) ([]store.Entry, paper.Position, error) {
	if e.cfg.Order != nil {
		return e.purgeOrdered(ctx, run)
	}
	mutations := make([]store.Mutation, len(run))
	for i, id := range run {
		mutations[i] = store.Mutation{ID: id.ID, IfOrdinal: id.Ordinal}
	}
	return e.deletePapers(ctx, mutations)
}
