package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// compactChunk is the bytes that a compaction copies from one snapshot, so that none is held for long.
const compactChunk = 4 << 20

// compactRest is how many changed records the committer may be stopped for.
const compactRest = 1000

// ErrCompacting: one compaction runs already.
var ErrCompacting = errors.New("a compaction runs already")

// Compact copies what is stored into a new file without free pages and puts it in the place of the old one, which gives
// the space of deleted papers back to the disk. Reads and writes go on meanwhile: the copy is made from one snapshot
// after the other, records that change are copied again, and the committer stops only for the last of them and one
// fsync. It needs disk space for the copy, and the old file stays as long as a Backup reads it. After an error the old
// file is in use as before. ErrCompacting when one runs.
func (s *Store) Compact(ctx context.Context) error {
	if err := s.runAlone(ctx, s.startShadow); err != nil {
		return err
	}
	b, err := newBuilder(s.folder.temp("compact"), s.opt, true)
	if err == nil {
		if err = s.copyInto(ctx, b); err == nil {
			err = s.runAlone(ctx, func() error { return s.swapIn(b) })
		}
		if !b.done {
			err = errors.Join(err, b.abort())
		}
	}
	if err != nil {
		// Closed or failed stores have no use for the shadow; all others must lose it.
		_ = s.runAlone(context.WithoutCancel(ctx), func() error { s.shadow = nil; return nil })
		return fmt.Errorf("compacting: %w", err)
	}
	return nil
}

// shadow remembers which records changed while a compaction copies. Nil: no compaction runs. Of the committer.
type shadow struct{ keys map[recordKey]struct{} }

// recordKey names a record.
type recordKey struct {
	bucket int
	key    string
}

// touch remembers a record.
func (s *shadow) touch(bucket int, key []byte) {
	if s != nil && bucket != inMeta {
		s.keys[recordKey{bucket, string(key)}] = struct{}{}
	}
}

// take hands over what has changed since the last call, in the order of the file.
func (s *shadow) take() []recordKey {
	keys := make([]recordKey, 0, len(s.keys))
	for k := range s.keys {
		keys = append(keys, k)
	}
	clear(s.keys)
	slices.SortFunc(keys, func(a, b recordKey) int {
		return cmp.Or(cmp.Compare(a.bucket, b.bucket), strings.Compare(a.key, b.key))
	})
	return keys
}

// startShadow runs on the committer.
func (s *Store) startShadow() error {
	if s.shadow != nil {
		return ErrCompacting
	}
	s.shadow = &shadow{keys: make(map[recordKey]struct{})}
	return nil
}

// copyInto copies everything, then again what changed, until little changes, and makes that durable.
func (s *Store) copyInto(ctx context.Context, b *builder) error {
	for bucket := range buckets {
		if bucket == inMeta {
			continue
		}
		for after, more := []byte(nil), true; more; {
			var err error
			if after, more, err = s.copyChunk(b, bucket, after); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
		}
	}
	const rounds = 20 // under writes faster than copying, the rest is copied with the committer stopped
	for range rounds {
		var keys []recordKey
		if err := s.runAlone(ctx, func() error { keys = s.shadow.take(); return nil }); err != nil {
			return err
		}
		if err := s.copyRecords(b, keys); err != nil {
			return err
		}
		if len(keys) <= compactRest {
			break
		}
	}
	return b.flush()
}

// copyChunk copies the next records of a bucket.
func (s *Store) copyChunk(b *builder, bucket int, after []byte) (last []byte, more bool, err error) {
	type record struct{ key, value []byte }
	var chunk []record
	err = s.read(func(v *snapshot) error {
		c := v.tx.Bucket(buckets[bucket]).Cursor()
		key, value := c.First()
		if after != nil {
			if key, value = c.Seek(after); bytes.Equal(key, after) {
				key, value = c.Next()
			}
		}
		size := 0
		for ; key != nil && size < compactChunk; key, value = c.Next() {
			chunk = append(chunk, record{bytes.Clone(key), bytes.Clone(value)})
			size += len(key) + len(value)
		}
		more = key != nil
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	for _, r := range chunk {
		if err := b.put(bucket, r.key, r.value); err != nil {
			return nil, false, err
		}
		after = r.key
	}
	return after, more, nil
}

// copyRecords copies the present values of records, or their absence.
func (s *Store) copyRecords(b *builder, keys []recordKey) error {
	for chunk := range slices.Chunk(keys, maxRead) {
		values := make([][]byte, len(chunk))
		err := s.read(func(v *snapshot) error {
			for i, k := range chunk {
				values[i] = bytes.Clone(v.tx.Bucket(buckets[k.bucket]).Get([]byte(k.key)))
			}
			return nil
		})
		if err != nil {
			return err
		}
		for i, k := range chunk {
			if values[i] == nil {
				err = b.remove(k.bucket, []byte(k.key))
			} else {
				err = b.put(k.bucket, []byte(k.key), values[i])
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// swapIn completes the copy and goes on with it. It runs on the committer, so nothing changes meanwhile.
func (s *Store) swapIn(b *builder) error {
	if err := s.copyRecords(b, s.shadow.take()); err != nil {
		return err
	}
	st := s.state
	if err := b.complete(&st); err != nil {
		return err
	}
	if err := s.opt.Hook(PointCompactCopied); err != nil {
		return err
	}
	next, err := newSnapshot(b.f.db)
	if err != nil {
		return err
	}
	if err := s.folder.replace(b.path); err != nil {
		next.release()
		if !errors.Is(err, errNotDurable) {
			return err
		}
		b.done = true // the copy has the name, perhaps: it must not be removed
		return errors.Join(s.poison(err), b.f.close())
	}
	if err := s.opt.Hook(PointCompactSwapped); err != nil {
		next.release()
		b.done = true
		return errors.Join(s.poison(err), b.f.close())
	}
	b.done = true
	old := s.file
	s.file, s.shadow = b.f, nil
	s.publish(next)
	s.noteSize()
	s.retiring.Go(func() {
		if err := old.close(); err != nil { // waits for its last reader
			s.opt.Logger.Warn("closing the file from before the compaction", "error", err)
		}
	})
	return nil
}
