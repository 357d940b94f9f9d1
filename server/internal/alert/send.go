package alert

import (
	"errors"
	"slices"
	"time"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/store"
)

// lookAgain is how often the sender looks at the clock at least: it may be set, and a machine may sleep.
const lookAgain = 30 * time.Second

// sendLoop releases what the schedules say, and sends it, until the alerts close.
func (a *Alerts) sendLoop() {
	for a.awaitLead(func() {}) {
		wait := lookAgain
		if a.cfg.Leads != nil {
			wait = leadPoll
		}
		next, err := a.sendDue()
		switch {
		case a.ctx.Err() != nil:
			return
		case errors.Is(err, engine.ErrRecordsChanged):
			continue
		case err != nil:
			a.log.Error("matches could not be released; they are tried again", "after", retryAfter.String(), "error", err)
			wait = retryAfter
		case !next.IsZero():
			wait = max(0, min(wait, next.Sub(a.cfg.Now())))
		}
		timer := time.NewTimer(wait)
		select {
		case <-a.poke:
		case <-timer.C:
		case <-a.ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// sendDue does everything that is due, and returns when something is due next; zero when nothing is.
func (a *Alerts) sendDue() (next time.Time, err error) {
	now := a.cfg.Now()
	earlier := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	var errs []error
	for _, e := range a.snapshot() {
		if a.ctx.Err() != nil {
			return next, nil
		}
		a.mu.RLock()
		sub, due := e.sub, e.standing.Next
		a.mu.RUnlock()
		if due.IsZero() || sub.Paused && !sub.Kind.Ranked() {
			continue
		}
		if due.After(now) {
			earlier(due)
			continue
		}
		if err := a.release(e, sub, now); err != nil {
			errs = append(errs, err)
			continue
		}
		earlier(sub.Schedule.Next(now))
	}
	due, err := a.collectDue(now)
	earlier(due)
	earlier(a.dispatch(now))
	return next, errors.Join(append(errs, err)...)
}

// release ends a period of a subscription: what was found in it may be sent, and of a kind that ranks the best of the
// period is found first.
func (a *Alerts) release(e *entry, sub *Subscription, now time.Time) error {
	var best []*match
	considered := uint64(0)
	forced, known := a.cfg.Filter(sub.Owner)
	if sub.Kind.Ranked() && known {
		var err error
		a.mu.RLock()
		behind := e.standing.Considered
		a.mu.RUnlock()
		best, considered, err = a.bestOf(a.ctx, sub, forced, behind, now)
		if err != nil {
			return err
		}
	}
	matches := make([]found, len(best))
	for i, m := range best {
		matches[i] = found{e, sub, m}
	}
	return a.change(func(base uint64) error { return a.releaseAt(base, e, sub, now, matches, considered) })
}

// releaseAt is one attempt of release, with the best of the period. The caller holds changes.
func (a *Alerts) releaseAt(base uint64, e *entry, sub *Subscription, now time.Time, matches []found,
	considered uint64) (err error) {
	if len(matches) > 0 {
		if base, err = a.keepSome(base, matches, nil); err != nil {
			return err
		}
	}
	a.mu.RLock()
	st, gone, changed := e.standing.clone(), e.gone, e.sub != sub
	a.mu.RUnlock()
	if gone || changed {
		return nil // the next look finds what is due then
	}
	if !sub.Paused {
		st.Released = st.Head
	}
	st.Next = sub.Schedule.Next(now)
	st.Considered = max(st.Considered, considered)
	row := encode(&st)
	_, err = a.commit(base, len(row), func(tx *store.RecordTx) error {
		return tx.Put(store.StandingTable, sub.UID[:], row)
	})
	return err
}

// sweepEvery is how often old matches are removed.
const sweepEvery = time.Hour

// sweepLoop removes the rows of subscriptions that were deleted, and matches that are kept no longer.
func (a *Alerts) sweepLoop() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-a.ctx.Done():
			return
		case <-a.sweep:
		case <-tick.C:
		}
		if !a.leads() {
			continue // whoever leads does
		}
		if err := errors.Join(a.removeGone(), a.trim()); err != nil && a.ctx.Err() == nil &&
			!errors.Is(err, engine.ErrClosed) {
			a.log.Warn("old matches could not be removed; they are tried again", "error", err)
		}
	}
}

// removeGone removes the matches and marks of subscriptions that were deleted.
func (a *Alerts) removeGone() error {
	return a.each(store.AlertTable, gonePrefix, func(r store.Record) error {
		uid := r.Key[len(gonePrefix):]
		for _, table := range []store.Table{store.MatchTable, store.MarkTable} {
			for {
				rows, err := a.engine.Records(table, uid, nil, 0)
				if err != nil {
					return err
				}
				if len(rows) == 0 {
					break
				}
				if err := a.remove(table, rows); err != nil {
					return err
				}
			}
		}
		return a.remove(store.AlertTable, []store.Record{{Key: r.Key}})
	})
}

// remove deletes rows.
func (a *Alerts) remove(table store.Table, rows []store.Record) error {
	if err := a.ctx.Err(); err != nil {
		return err
	}
	return a.change(func(base uint64) error {
		_, err := a.commit(base, 64*len(rows), func(tx *store.RecordTx) error {
			for _, r := range rows {
				tx.Delete(table, r.Key)
			}
			return nil
		})
		return err
	})
}

// trim removes matches that are too old or too many. A sink that has not sent them yet has dropped them, which is
// counted.
func (a *Alerts) trim() error {
	now := a.cfg.Now()
	for _, e := range a.snapshot() {
		for more := true; more; {
			var err error
			if more, err = a.trimSome(e, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// idle reports whether a sink takes nothing, for a reason that is told: a feed shows what is kept, and addressees say
// what they want.
func (a *Alerts) idle(sub *Subscription, key string, at sinkStanding) bool {
	sink := sinkOf(sub, key)
	if sink == nil || sink.Kind == Feed || at.Disabled || at.Unsubscribed {
		return true
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	return sink.Kind == Email && a.mailboxes[string(nameKey(sub.Owner, sink.Address))].State != confirmed
}

// trimSome removes up to 1,000 matches of a subscription, and reports whether there may be more to remove.
func (a *Alerts) trimSome(e *entry, now time.Time) (more bool, err error) {
	err = a.change(func(base uint64) error {
		var fault error
		more, fault = a.trimAt(base, e, now)
		return fault
	})
	return more, err
}

// trimAt is one attempt of trimSome. The caller holds changes.
func (a *Alerts) trimAt(base uint64, e *entry, now time.Time) (more bool, err error) {
	a.mu.RLock()
	sub, st, gone := e.sub, e.standing.clone(), e.gone
	a.mu.RUnlock()
	if gone || st.First > st.Head {
		return false, nil
	}
	list, err := a.matches(sub, st.First-1, st.Head, 1000)
	if err != nil {
		return false, err
	}
	old := slices.IndexFunc(list, func(m *match) bool {
		return now.Sub(m.Time) <= a.cfg.Keep &&
			st.Head-m.seq < a.cfg.Most
	})
	if more = old < 0; more {
		old = len(list)
	}
	if old == 0 {
		return false, nil
	}
	last, dropped := list[old-1].seq, int64(0)
	st.First = last + 1
	for key, sink := range st.Sends {
		if sink.Through < last {
			if a.idle(sub, key, sink) { // nobody waits for them
				sink.Through = last
				st.Sends[key] = sink
				continue
			}
			lost := int64(last - max(sink.Through, list[0].seq-1))
			sink.Dropped += lost
			sink.Through = last
			st.Sends[key] = sink
			dropped += lost
			a.log.Warn("matches were dropped: they were kept as long as they are kept, and not delivered", "subscription",
				sub.ID,
				"principal", sub.Owner, "matches", lost)
		}
	}
	row := encode(&st)
	_, err = a.commit(base, 64*old, func(tx *store.RecordTx) error {
		for _, m := range list[:old] {
			tx.Delete(store.MatchTable, matchKey(sub.UID, m.seq))
		}
		return tx.Put(store.StandingTable, sub.UID[:], row)
	})
	if err != nil {
		return false, err
	}
	a.counts.dropped.Add(dropped)
	return more && old == 1000, nil
}
