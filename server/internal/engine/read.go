package engine

import (
	"context"
	"errors"
	"fmt"

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

// scanIDs is how many ids List looks through for one page before it returns what it has.
const scanIDs = 10_000

// List returns one page of papers in ascending byte order of ids. A page may be short, even empty, and still have a next
// one: a call looks through a bounded number of ids.
func (e *Engine) List(ctx context.Context, q ListQuery) (ListPage, error) {
	after, err := listTokens.decode(q.PageToken)
	if err != nil {
		return ListPage{}, err
	}
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	v := e.look()
	if err := v.restrict(q.Filter); err != nil {
		return ListPage{}, err
	}
	found, last, more, err := e.walkIDs(ctx, v, after, q.PageSize, scanIDs)
	if err != nil {
		return ListPage{}, err
	}
	ordinals := make([]uint64, len(found))
	for i, f := range found {
		ordinals[i] = f.Ordinal
	}
	papers, err := e.store.Papers(ordinals, q.Abstracts, make([]*paper.Paper, 0, len(found)))
	if err != nil {
		return ListPage{}, storeError(err)
	}
	page := ListPage{TokenAfter: listTokens.encode}
	for _, p := range papers {
		if p != nil {
			page.Papers = append(page.Papers, p)
		}
	}
	if more {
		page.NextPageToken = listTokens.encode(last)
	}
	return page, nil
}

// walkIDs returns up to limit accepted ids behind one, looking through at most scan ids. more says that ids are left
// behind last.
func (e *Engine) walkIDs(ctx context.Context, v *view, after string, limit, scan int) (found []store.IDOrdinal, last string,
	more bool, err error) {
	const chunk = 1000
	last = after
	for scanned := 0; scanned < scan; {
		if err := ctx.Err(); err != nil {
			return nil, "", false, err
		}
		ids, err := e.store.IDs(last, chunk)
		if err != nil {
			return nil, "", false, storeError(err)
		}
		for _, id := range ids {
			slot, ok := v.gen.slots.find(id.Ordinal)
			last = id.ID
			if v.set != nil && (!ok || !v.Accepts(slot)) {
				continue
			}
			found = append(found, id)
			if len(found) == limit {
				return found, last, true, nil
			}
		}
		if len(ids) < chunk {
			return found, last, false, nil
		}
		scanned += len(ids)
	}
	return found, last, true, nil
}

// eachAccepted calls fn with runs of accepted ids in ascending byte order. The view's filter was evaluated at the call's
// start.
func (e *Engine) eachAccepted(ctx context.Context, text string, fn func([]store.IDOrdinal) error) error {
	epoch := e.readers.enter()
	v := e.look()
	err := v.restrict(text)
	e.readers.leave(epoch) // the runs may take minutes: records that go meanwhile are passed over
	if err != nil {
		return err
	}
	for after, more := "", true; more; {
		var found []store.IDOrdinal
		if found, after, more, err = e.walkIDs(ctx, v, after, 500, 1000); err != nil {
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

// Export calls fn with every paper that a filter accepts, abstracts included, in ascending byte order of ids.
func (e *Engine) Export(ctx context.Context, filter string, fn func(*paper.Paper) error) error {
	return e.eachAccepted(ctx, filter, func(run []store.IDOrdinal) error {
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

// purgeSample is how many ids a dry run of Purge names.
const purgeSample = 100

// Purge deletes the papers that a filter accepts (empty: all), or, without force, counts them and names some. A paper that
// changes while the purge runs is left alone.
func (e *Engine) Purge(ctx context.Context, filter string, force bool) (count int, sample []string, err error) {
	err = e.eachAccepted(ctx, filter, func(run []store.IDOrdinal) error {
		if !force {
			count += len(run)
			for _, id := range run[:min(len(run), purgeSample-len(sample))] {
				sample = append(sample, id.ID)
			}
			return nil
		}
		mutations := make([]store.Mutation, len(run))
		for i, id := range run {
			mutations[i] = store.Mutation{ID: id.ID, IfOrdinal: id.Ordinal}
		}
		entries, err := e.deletePapers(ctx, mutations)
		for _, ent := range entries {
			if !ent.Unchanged {
				count++
			}
		}
		if err != nil {
			return err
		}
		return e.at(PointPurgeBetween)
	})
	if err != nil && count > 0 && !errors.Is(err, ErrInvalidFilter) {
		err = fmt.Errorf("after %d papers: %w", count, err)
	}
	return count, sample, err
}
