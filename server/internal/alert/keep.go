package alert

import (
	"encoding/binary"
	"maps"

	"github.com/akin-search/akin/server/internal/store"
)

// Points at which the engine's hook is called, for tests that kill there.
const (
	PointMatched = "alert.matched" // papers are matched, nothing is kept
	PointKept    = "alert.kept"    // what matched is on disk, and nobody has been told
	PointMarked  = "alert.marked"  // a delivery is noted on disk, nothing is sent
	PointSent    = "alert.sent"    // it has arrived, and nobody has noted that
)

// keptAtOnce is how many matches one commit keeps: others wait for it some milliseconds.
const keptAtOnce = 1000

// keep stores matches under numbers of their subscriptions and, with the last of them, the cursor. A paper that its
// subscription has kept with this text before is not kept again: so a batch that is matched twice, since a crash came
// before its cursor, is kept once.
//
// base is the version of records at which the papers were held against the subscriptions: in a cluster nothing is kept,
// and ErrRecordsChanged comes, when there are others by now.
func (a *Alerts) keep(base uint64, matches []found, cursor uint64) (err error) {
	if err := a.engine.Hook(PointMatched); err != nil {
		return err
	}
	a.changes.Lock()
	defer a.changes.Unlock()
	for len(matches) > keptAtOnce {
		if base, err = a.keepSome(base, matches[:keptAtOnce], nil); err != nil {
			return err
		}
		matches = matches[keptAtOnce:]
	}
	_, err = a.keepSome(base, matches, &cursor)
	return err
}

// keepSome is one commit of keep. The caller holds changes.
func (a *Alerts) keepSome(base uint64, matches []found, cursor *uint64) (uint64, error) {
	done := make(chan int64, 1) // the function may run when this call has given up
	before := a.standingsOf(matches)
	version, err := a.commit(base, len(matches)*400, func(tx *store.RecordTx) error {
		standings, kept := maps.Clone(before), int64(0)
		for _, f := range matches {
			uid := f.sub.UID
			st, there := standings[uid]
			if !there {
				continue // deleted since
			}
			key := markKey(uid, f.match.Paper)
			mark, err := tx.Get(store.MarkTable, key)
			if err != nil {
				return err
			}
			if mark != nil && (f.sub.Once || string(mark) == f.match.Content) {
				continue
			}
			m := *f.match
			m.Updated = mark != nil
			st.Head++
			st.LastMatch = m.Time
			standings[uid] = st
			kept++
			if err := tx.Put(store.MatchTable, matchKey(uid, st.Head), encode(&m)); err != nil {
				return err
			}
			if err := tx.Put(store.MarkTable, key, []byte(m.Content)); err != nil {
				return err
			}
		}
		for uid, st := range standings {
			if st.Head == before[uid].Head {
				delete(standings, uid)
				continue
			}
			if st.Next.IsZero() {
				st.Released = st.Head
				standings[uid] = st
			}
			if err := tx.Put(store.StandingTable, uid[:], encode(&st)); err != nil {
				return err
			}
		}
		if cursor != nil {
			if err := tx.Put(store.AlertTable, cursorKey, binary.BigEndian.AppendUint64(nil, *cursor)); err != nil {
				return err
			}
		}
		done <- kept
		return nil
	})
	if err != nil {
		return version, err
	}
	err = a.engine.Hook(PointKept)
	if kept := <-done; kept > 0 {
		a.counts.matches.Add(kept)
		a.Poke()
	}
	return version, err
}

// standingsOf are the standings of the subscriptions of matches that are still there. While changes is held they stay
// as they are.
func (a *Alerts) standingsOf(matches []found) map[UID]standing {
	a.mu.RLock()
	defer a.mu.RUnlock()
	standings := map[UID]standing{}
	for _, f := range matches {
		if !f.entry.gone {
			standings[f.sub.UID] = f.entry.standing
		}
	}
	return standings
}
