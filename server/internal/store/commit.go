package store

import (
	"errors"
	"fmt"
	"math/bits"
	"runtime"
	"time"

	bolt "go.etcd.io/bbolt"
)

// writer is one write transaction of the committer.
type writer struct {
	s       *Store
	in      [len(buckets)]*bolt.Bucket
	state   state // becomes the store's when the transaction is durable
	changed bool
}

// put stores a record. The bucket keeps value until the transaction ends; key is copied.
func (w *writer) put(bucket int, key, value []byte) error {
	w.changed = true
	w.s.shadow.touch(bucket, key)
	return w.in[bucket].Put(key, value)
}

// remove deletes a record.
func (w *writer) remove(bucket int, key []byte) error {
	w.changed = true
	w.s.shadow.touch(bucket, key)
	return w.in[bucket].Delete(key)
}

// commitLoop is the committer: it alone writes.
func (s *Store) commitLoop() {
	defer close(s.done)
	var group []*Pending
	for {
		clear(group)
		group = s.queue.take(group[:0], s.opt.GroupBytes)
		if len(group) == 0 {
			return
		}
		start, disk := time.Now(), s.diskTime()
		group = s.commitGroup(group)
		if s.opt.Committed != nil {
			s.opt.Committed(Commit{Took: time.Since(start), Disk: max(0, s.diskTime()-disk), Batches: len(group)})
		}
	}
}

// diskTime is how long writing to the file has taken since it was opened. Only the committer calls it, so that no file
// changes places meanwhile.
func (s *Store) diskTime() time.Duration {
	stats := s.file.db.Stats()
	return stats.TxStats.GetWriteTime()
}

// commitGroup stores a group with one fsync and tells everybody. It returns the group with those that joined it:
// whoever comes while the transaction is being filled, until nobody has.
//
// Callers that wait for one write before the next come back one by one after a commit. If they did not join, the first
// of them would get a commit of its own, and groups would be half as large as they can be.
func (s *Store) commitGroup(group []*Pending) []*Pending {
	err := s.Writable()
	if alone := group[0]; alone.alone != nil {
		if alone.err = err; err == nil {
			alone.err = alone.alone()
		}
		close(alone.done)
		s.room.Release(alone.weight)
		return group
	}
	if err == nil {
		err = s.update(func(w *writer) error {
			for n := 0; n < len(group); n++ {
				p := group[n]
				p.entries, p.err = nil, nil
				if p.chore != nil {
					p.err = p.chore(w)
				} else if p.log != nil {
					p.entries, p.err = w.applyLogged(p)
				} else {
					p.entries, p.err = w.apply(p)
				}
				p.position = s.position(w.state.revision)
				if errors.As(p.err, new(halfApplied)) {
					return p.err
				}
				if n == len(group)-1 {
					runtime.Gosched() // whoever is about to submit does so before
					group = s.queue.join(group, s.opt.GroupBytes)
				}
			}
			return nil
		})
	}
	for _, p := range group {
		switch {
		case err != nil:
			p.entries, p.err = nil, err
		case p.err == nil && len(p.entries) > 0:
			s.opt.Sink(p.entries)
		}
		p.muts = nil
		close(p.done)
		s.room.Release(p.weight)
	}
	return group
}

// halfApplied is an error after the first change of a batch: the whole transaction must go.
type halfApplied struct{ error }

func (e halfApplied) Unwrap() error { return e.error }

// update runs one write transaction and makes its outcome the newest snapshot. A failure to write, which includes
// damage found on the way, ends writing for good, except that of a full disk (full.go); what fn put stays invisible.
func (s *Store) update(fn func(w *writer) error) error {
	w := &writer{s: s, state: s.state}
	remap := s.mustRemap()
	if remap {
		s.hideSnapshot()
		defer s.gate.Unlock()
	}
	err := guard(func() error { return s.file.db.Update(func(tx *bolt.Tx) error { return w.transact(tx, fn) }) })
	if err == nil {
		err = s.opt.Hook(PointCommitAfter)
	}
	var next *snapshot
	if err == nil || (remap && !errors.Is(err, ErrDamaged)) {
		var open error
		if next, open = newSnapshot(s.file.db); next != nil {
			s.publish(next)
		}
		err = errors.Join(err, open)
	}
	switch {
	case err == nil:
		s.state = w.state
		if remap {
			s.file.mapped = max(s.file.mapped, mapSize(next.tx.Size()))
		}
		s.noteSize()
		return nil
	case errors.Is(err, errNothing):
		return nil
	}
	if noSpace(err) && !errors.Is(err, ErrDamaged) && s.untouched() {
		return s.fill(err)
	}
	return s.poison(err)
}

// transact fills the transaction.
func (w *writer) transact(tx *bolt.Tx, fn func(w *writer) error) error {
	for i, name := range buckets {
		if w.in[i] = tx.Bucket(name); w.in[i] == nil {
			return damagedf("bucket %s is missing", name)
		}
	}
	// Ordinals and revisions only rise, so their pages fill up once and are not split again.
	w.in[inHeads].FillPercent, w.in[inAbstracts].FillPercent, w.in[inLog].FillPercent = 1, 1, 1
	if err := fn(w); err != nil {
		return err
	}
	if !w.changed {
		return errNothing
	}
	if w.state.revision > w.s.state.revision {
		if err := w.enter(); err != nil {
			return err
		}
		w.state.lineage = w.s.lineage
	}
	if err := w.put(inMeta, keyState, w.state.encode()); err != nil {
		return err
	}
	return w.s.opt.Hook(PointCommitBefore)
}

// poison ends writing.
func (s *Store) poison(cause error) error {
	err := fmt.Errorf("%w: %w: free or repair the disk, then start again", ErrReadOnly, cause)
	s.failure.CompareAndSwap(nil, &err)
	if errors.Is(cause, ErrDamaged) {
		s.file.broken = true
	}
	s.opt.Logger.Error("a write to the store failed: no more writes are taken, reads go on", "path", s.folder.path(),
		"error", cause)
	return s.Writable()
}

// remapMargin is more than one group can add to the file: its bytes in pages of which the last is half full, the pages
// above them, and the list of free pages.
const remapMargin = 256 << 20

// mapSize is what bbolt maps at least for a file of a size: a power of two up to 1 GiB, then whole GiB.
func mapSize(size int64) int64 {
	const step = 1 << 30
	if size <= step {
		return 1 << bits.Len64(uint64(size))
	}
	return (size + step - 1) / step * step
}

// mustRemap reports whether the next transaction may outgrow the mapping, for which bbolt waits until no reader is
// left.
func (s *Store) mustRemap() bool {
	v := s.snap.Load()
	return v != nil && v.tx.Size()+remapMargin+4*s.opt.GroupBytes > s.file.mapped
}

// hideSnapshot locks the gate and takes the snapshot away from new readers; when the old ones are done, bbolt can map.
func (s *Store) hideSnapshot() {
	s.gate.Lock()
	if v := s.snap.Swap(nil); v != nil {
		v.release()
	}
}
