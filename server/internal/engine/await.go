package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/store"
)

// awaitLimit is the longest that a read waits for the position it names. A variable, so that tests shrink it.
var awaitLimit = 5 * time.Second

// Await returns once queries see a position: at once for all that a write of this engine has answered with. It waits
// for others up to awaitLimit, then ErrBehind, or ErrLagging on a node of a cluster; ErrLineageChanged when the
// position is of another history.
func (e *Engine) Await(ctx context.Context, p paper.Position) error {
	if e.part() != nil {
		return e.awaitInLog(ctx, p)
	}
	switch err := e.store.Follows(p); {
	case errors.Is(err, store.ErrOtherHistory):
		return fmt.Errorf("%w: %s is not a part of it", ErrLineageChanged, p)
	case err != nil && !errors.Is(err, store.ErrAhead):
		return storeError(err)
	}
	come, forget := e.arrivals.expect(p.Revision, func() uint64 { return e.live.Load().revision() })
	if come == nil {
		return nil
	}
	defer forget()
	timer := time.NewTimer(awaitLimit)
	defer timer.Stop()
	select {
	case <-come:
		return nil
	case <-timer.C:
		if e.cfg.Order != nil {
			return fmt.Errorf("%w: %s, after %s", ErrLagging, p, awaitLimit)
		}
		return fmt.Errorf("%w: %s, after %s", ErrBehind, p, awaitLimit)
	case <-e.background.Done():
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// awaitInLog is Await where positions are numbers of the log.
func (e *Engine) awaitInLog(ctx context.Context, p paper.Position) error {
	if p.Lineage != e.cfg.Order.Lineage {
		return fmt.Errorf("%w: %s is not a part of it", ErrLineageChanged, p)
	}
	limited, cancel := context.WithTimeout(ctx, awaitLimit)
	defer cancel()
	err := e.AwaitSequence(limited, p.Revision)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return fmt.Errorf("%w: %s, after %s", ErrLagging, p, awaitLimit)
	}
	return err
}

// arrivals are the calls that wait for a revision to become visible. The applier looks at one number when there are
// none.
type arrivals struct {
	waiting atomic.Int64
	mu      sync.Mutex
	calls   map[chan struct{}]uint64 // what to close, and the revision that it waits for
}

// expect returns what is closed when a revision is visible, and what takes the wait back; nil when it is visible
// already. visible returns the present revision.
func (a *arrivals) expect(revision uint64, visible func() uint64) (come chan struct{}, forget func()) {
	if visible() >= revision {
		return nil, nil
	}
	come = make(chan struct{})
	a.mu.Lock()
	if a.calls == nil {
		a.calls = make(map[chan struct{}]uint64)
	}
	a.calls[come] = revision
	a.waiting.Add(1)
	a.mu.Unlock()
	forget = func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if _, there := a.calls[come]; there {
			delete(a.calls, come)
			a.waiting.Add(-1)
		}
	}
	if visible() >= revision { // the applier may have come by before the wait was counted
		forget()
		return nil, nil
	}
	return come, forget
}

// reached wakes the calls that wait for a revision up to this one, which is visible now.
func (a *arrivals) reached(revision uint64) {
	if a.waiting.Load() == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for come, want := range a.calls {
		if want <= revision {
			close(come)
			delete(a.calls, come)
			a.waiting.Add(-1)
		}
	}
}
