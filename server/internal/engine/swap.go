package engine

import (
	"context"
	"errors"
)

// swapRest is how many revisions the applier may catch up with at a swap, while every write waits: some 30 ms of
// analysing and embedding. It is also the length of the last stretch before a swap, for which no new write is let in:
// as much again. A variable, so that tests shrink it.
var swapRest = uint64(250)

// pacedRun is how many revisions are replayed between two grants to writers that are paced.
const pacedRun = 250

// errBehind: the applier would have to catch up with more than swapRest revisions.
var errBehind = errors.New("the next generation is too far behind")

// swap asks the applier to put a generation in place of the live one.
type swap struct {
	next *Generation
	done chan error // buffered: the applier never waits for the asker
}

// putLive has the applier put a generation in place of the live one. After an error the old one serves.
//
// The applier refuses a generation that is more than swapRest revisions behind, so what a write waits for at a swap is
// bounded by construction. To come that close, the generation replays the log in passes, each of which is shorter than
// the one before. Where writes come nearly as fast as they are replayed, writers are paced: one new revision for two
// replayed.
func (e *Engine) putLive(ctx context.Context, next *Generation) error {
	if err := e.at(PointSwapBefore); err != nil {
		return err
	}
	defer e.pace.free()
	for pressed := false; ; pressed = true {
		if err := e.approach(ctx, next, pressed); err != nil {
			return err
		}
		s := swap{next: next, done: make(chan error, 1)}
		select {
		case e.swaps <- s:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := <-s.done; !errors.Is(err, errBehind) {
			return err
		}
	}
}

// approach replays the log into a generation until it is within half of swapRest of what is written. pressed says that
// it came too late before, so that writers are paced from the start.
func (e *Engine) approach(ctx context.Context, next *Generation, pressed bool) error {
	distance := func() uint64 { return e.store.Revision() - min(e.store.Revision(), next.revision()) }
	for before := distance(); before > swapRest/2; {
		if !pressed {
			if err := e.replay(ctx, next, e.store.Revision()); err != nil {
				return err
			}
			left := distance()
			pressed = left > before/2
			before = left
			continue
		}
		e.pace.hold()
		from := next.revision()
		if err := e.replay(ctx, next, min(e.store.Revision(), from+pacedRun)); err != nil {
			return err
		}
		if before = distance(); before > swapRest {
			e.pace.grant(int(next.revision()-from) / 2)
		}
	}
	return nil
}

// swapIn brings the next generation up to the live one's revision and puts it in place. Only the applier calls it, so
// the live generation stands still meanwhile.
func (e *Engine) swapIn(next *Generation) error {
	live := e.live.Load()
	behind := live.revision() - min(live.revision(), next.revision())
	if behind > swapRest {
		return errBehind
	}
	if err := e.replay(e.background, next, live.revision()); err != nil {
		return err
	}
	next.caughtUp = behind
	next.base = next.revision()
	e.keepPrevious(live)
	e.live.Store(next)
	e.swapped.Add(1)
	live.retire()
	return nil
}
