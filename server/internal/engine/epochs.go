package engine

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// epoch is a stretch of time. Every query pins the epoch in which it began.
type epoch struct {
	number   uint64
	revision uint64       // that was visible when the epoch began: its queries see this one or a later one
	queries  atomic.Int64 // that pin it
}

// readers knows the queries in flight by the epoch that each entered, so that what no query can see any more is found
// without waiting for any of them. There may be any number of epochs at a time: as many as have a query, and the
// newest.
//
// enter and leave take no lock and allocate nothing.
type readers struct {
	current atomic.Pointer[epoch]
	count   atomic.Uint64 // queries in flight in the lower 32 bits, and in the upper ones all that ever began

	mu     sync.Mutex // guards pinned; the innermost of all locks
	pinned []*epoch   // those that may have queries, ascending; the last is current
}

func newReaders(revision uint64) *readers {
	r := &readers{}
	first := &epoch{number: 1, revision: revision}
	r.current.Store(first)
	r.pinned = []*epoch{first}
	return r
}

// enter begins a query and returns what leave takes back.
func (r *readers) enter() *epoch {
	r.count.Add(1<<32 + 1)
	for {
		e := r.current.Load()
		e.queries.Add(1)
		if r.current.Load() == e {
			// It was current after the query was counted, so whoever ended it since finds the query.
			return e
		}
		e.queries.Add(-1) // it ended in between, and may be forgotten already
	}
}

func (r *readers) leave(e *epoch) {
	e.queries.Add(-1)
	r.count.Add(^uint64(0))
}

// running is the number of queries in flight.
func (r *readers) running() int { return int(uint32(r.count.Load())) }

// begun numbers the queries that ever began; it starts again behind the largest number.
func (r *readers) begun() uint32 { return uint32(r.count.Load() >> 32) }

// alone reports whether at most one query runs and another core could help it.
func (r *readers) alone() bool { return r.running() <= 1 && runtime.GOMAXPROCS(0) > 1 }

// advance begins an epoch and returns its number. Queries that begin from now on see the revision or a later one, so
// what is replaced by now is garbage when the oldest epoch with a query has this number or a later one.
func (r *readers) advance(revision uint64) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.turn(revision).number
}

// turn begins an epoch. The caller holds r.mu.
func (r *readers) turn(revision uint64) *epoch {
	next := &epoch{number: r.current.Load().number + 1, revision: revision}
	r.pinned = append(r.pinned, next)
	r.current.Store(next)
	return next
}

// oldest returns number and revision of the oldest epoch that a query pins, or of the current one: nobody sees what was
// replaced at or before that revision. revision is what is visible now; when it has risen a new epoch begins, so that
// repeated calls follow it. It looks and never waits.
func (r *readers) oldest(revision uint64) (number, seen uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	current := r.current.Load()
	if revision > current.revision {
		current = r.turn(revision)
	}
	kept := r.pinned[:0]
	for _, e := range r.pinned {
		if e == current || e.queries.Load() > 0 {
			kept = append(kept, e)
		}
	}
	clear(r.pinned[len(kept):])
	r.pinned = kept
	return kept[0].number, kept[0].revision
}
