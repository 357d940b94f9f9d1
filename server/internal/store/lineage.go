package store

import (
	"crypto/rand"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/akin-search/akin/server/internal/paper"
)

// A revision alone names no state: a store file that was copied back writes the revisions behind the copy once more,
// with other papers. So every process that opens a store draws a lineage, and the first revision that it writes is
// recorded with it in bucket lineages. Histories part only where one process ends and another begins, and there the
// lineage changes: a revision and its lineage together name one state for all time, however files are copied about.
//
//	revision   1 ─ 50      51 ─ 80        the store file as of 50 comes back: 51 ─ 95
//	lineage      A            B                                                  C
//
// Stores that apply one log are of one history, whatever process writes: they all have the log's lineage
// (Options.Lineage), and one that was copied back writes the same revisions once more.
//
// A checkpoint or a client that names (80, B) is told that this is of another history, though the store has a revision
// 80.

// lineage is the one that the options name, or a new one.
func (o *Options) lineage() (paper.Lineage, error) {
	if o.Lineage != (paper.Lineage{}) {
		return o.Lineage, nil
	}
	return drawLineage()
}

// drawLineage makes a new one.
func drawLineage() (l paper.Lineage, err error) {
	if _, err := rand.Read(l[:]); err != nil {
		return l, fmt.Errorf("drawing a lineage: %w", err)
	}
	return l, nil
}

// Position is that of the last durable revision; revision 0 before the first write.
func (s *Store) Position() paper.Position {
	st := s.durable()
	return paper.Position{Revision: st.revision, Lineage: st.lineage}
}

// PositionOf adds its lineage to a revision. ErrOtherHistory when this store has no such revision. It is quick for
// what was written since the store was opened.
func (s *Store) PositionOf(revision uint64) (p paper.Position, err error) {
	if revision >= s.opened.Revision && revision <= s.Revision() {
		return s.position(revision), nil
	}
	p.Revision = revision
	err = s.read(func(v *snapshot) (err error) {
		p.Lineage, err = v.lineage(revision)
		return err
	})
	return p, err
}

// position is that of a durable revision from the opening on.
func (s *Store) position(revision uint64) paper.Position {
	if revision == s.opened.Revision {
		return s.opened
	}
	return paper.Position{Revision: revision, Lineage: s.lineage}
}

// Follows reports whether the store's history goes through p: nil, ErrAhead or ErrOtherHistory.
func (s *Store) Follows(p paper.Position) error {
	return s.read(func(v *snapshot) error { return s.follows(v, p) })
}

// Continues reports whether a state as of p can be brought up to date from the change log: nil, ErrTrimmed, ErrAhead or
// ErrOtherHistory.
func (s *Store) Continues(p paper.Position) error {
	return s.read(func(v *snapshot) error {
		if err := s.follows(v, p); err != nil {
			return err
		}
		if p.Revision+1 < v.state.oldestLog {
			return fmt.Errorf("%w: it begins at revision %d, the state is of %d", ErrTrimmed, v.state.oldestLog, p.Revision)
		}
		return nil
	})
}

// follows is Follows for one snapshot. A revision to come can only be one of this very process: whatever another life
// wrote behind the store's last revision is of a history that was lost.
func (s *Store) follows(v *snapshot, p paper.Position) error {
	if p.Revision > v.state.revision {
		if p.Lineage == s.lineage {
			return fmt.Errorf("%w: %s, it is at %d", ErrAhead, p, v.state.revision)
		}
		return fmt.Errorf("%w: %s, and the store is at revision %d", ErrOtherHistory, p, v.state.revision)
	}
	own, err := v.lineage(p.Revision)
	if err != nil {
		return err
	}
	if own != p.Lineage {
		return fmt.Errorf("%w: %s, and the store's revision %d is of lineage %s", ErrOtherHistory, p, p.Revision, own)
	}
	return nil
}

// lineage finds the life that wrote a revision.
func (v *snapshot) lineage(revision uint64) (paper.Lineage, error) {
	if revision > v.state.revision {
		return paper.Lineage{}, fmt.Errorf("%w: revision %d, and the store is at %d", ErrOtherHistory, revision,
			v.state.revision)
	}
	key, value := atOrBefore(v.lineages.Cursor(), number(revision))
	if key == nil {
		return paper.Lineage{}, fmt.Errorf("%w: revision %d is from before the store was restored", ErrOtherHistory, revision)
	}
	return decodeLineage(key, value)
}

// atOrBefore moves to the last key that is not above key.
func atOrBefore(c *bolt.Cursor, key []byte) (found, value []byte) {
	found, value = c.Seek(key)
	if found != nil && string(found) == string(key) {
		return found, value
	}
	if found == nil {
		return c.Last()
	}
	return c.Prev()
}

// enter records this process's lineage for the revisions above the present one, unless the present one has it already.
func (w *writer) enter() error {
	if w.s.state.lineage == w.s.lineage {
		return nil
	}
	key := number(w.s.state.revision + 1)
	return w.put(inLineages, key, encodeLineage(key, w.s.lineage))
}
