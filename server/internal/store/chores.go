package store

import (
	"context"
)

// collectChunk is the records that one transaction removes, so that writers in between wait for milliseconds.
const collectChunk = 2000

// Collect removes the superseded records whose successor's revision is at most through: nobody may ask for their
// ordinals any more. It works in chunks between other writes and returns when all are gone.
func (s *Store) Collect(ctx context.Context, through uint64) error {
	return s.inChunks(ctx, func(w *writer) (bool, error) {
		before := w.state.superseded
		if err := w.collect(through, collectChunk); err != nil {
			return false, err
		}
		return before-w.state.superseded == collectChunk, nil
	})
}

// Superseded reports whether Collect of the same revision would find a record to remove. It looks at one page.
func (s *Store) Superseded(through uint64) bool {
	found := false
	err := s.read(func(v *snapshot) error {
		if v.state.superseded > 0 {
			key, _ := v.superseded.Cursor().First()
			revision, ok := parseNumber(key)
			found = ok && revision <= through
		}
		return nil
	})
	return err == nil && found
}

// inChunks runs a chore again and again while it says that there is more.
func (s *Store) inChunks(ctx context.Context, chunk func(w *writer) (more bool, err error)) error {
	for more := true; more; {
		err := s.run(ctx, func(w *writer) error {
			var err error
			more, err = chunk(w)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// collect removes up to limit superseded records.
func (w *writer) collect(through uint64, limit int) error {
	type record struct {
		revision []byte
		ordinal  uint64
	}
	var found []record
	c := w.in[inSuperseded].Cursor()
	for key, value := c.First(); key != nil && len(found) < limit; key, value = c.Next() {
		revision, ok := parseNumber(key)
		if !ok {
			return damagedf("bucket superseded has the key %x", key)
		}
		if revision > through {
			break
		}
		ordinal, err := decodeSuperseded(key, value)
		if err != nil {
			return err
		}
		found = append(found, record{number(revision), ordinal})
	}
	for _, r := range found {
		key := number(r.ordinal)
		for _, bucket := range []int{inHeads, inAbstracts} {
			if err := w.remove(bucket, key); err != nil {
				return halfApplied{err}
			}
		}
		if err := w.remove(inSuperseded, r.revision); err != nil {
			return halfApplied{err}
		}
		w.state.superseded--
	}
	return nil
}

// TrimLog removes the log's entries up to a revision: no checkpoint and no running build needs them. It works in chunks
// between other writes. The last revision of all may be trimmed too.
func (s *Store) TrimLog(through uint64) error {
	return s.inChunks(context.Background(), func(w *writer) (bool, error) {
		through = min(through, w.state.revision)
		first := w.state.oldestLog
		if first > through {
			return false, nil
		}
		end := min(through, first+collectChunk-1)
		for revision := first; revision <= end; revision++ {
			if err := w.remove(inLog, number(revision)); err != nil {
				return false, halfApplied{err}
			}
		}
		w.state.oldestLog = end + 1
		return end < through, nil
	})
}
