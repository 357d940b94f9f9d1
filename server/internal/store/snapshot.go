package store

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
)

// snapshot is the last durable state: one read transaction that many goroutines share.
//
// The store holds one reference while it is the newest, every reader one while it reads; whoever drops the last ends
// the transaction, and its pages become free.
type snapshot struct {
	tx         *bolt.Tx
	ids        *bolt.Bucket
	heads      *bolt.Bucket
	abstracts  *bolt.Bucket
	log        *bolt.Bucket
	superseded *bolt.Bucket
	lineages   *bolt.Bucket
	records    *bolt.Bucket
	state      state

	refs atomic.Int64
}

// newSnapshot begins a read transaction with one reference.
func newSnapshot(db *bolt.DB) (*snapshot, error) {
	tx, err := db.Begin(false)
	if err != nil {
		return nil, err
	}
	v := &snapshot{tx: tx}
	v.refs.Store(1)
	if err := guard(v.load); err != nil {
		v.release()
		return nil, err
	}
	return v, nil
}

// load finds buckets and state.
func (v *snapshot) load() error {
	meta := v.tx.Bucket(bucketMeta)
	if meta == nil {
		return damagedf("bucket meta is missing")
	}
	if err := checkFormat(meta.Get(keyFormat)); err != nil {
		return err
	}
	var found [len(buckets)]*bolt.Bucket
	for i, name := range buckets {
		if found[i] = v.tx.Bucket(name); found[i] == nil {
			return damagedf("bucket %s is missing", name)
		}
	}
	v.ids, v.heads, v.abstracts = found[inIDs], found[inHeads], found[inAbstracts]
	v.log, v.superseded, v.lineages = found[inLog], found[inSuperseded], found[inLineages]
	v.records = found[inRecords]
	var err error
	v.state, err = decodeState(meta.Get(keyState))
	return err
}

// hold adds a reference, and fails when the last one is gone already.
func (v *snapshot) hold() bool {
	for {
		n := v.refs.Load()
		if n == 0 {
			return false
		}
		if v.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release drops a reference.
func (v *snapshot) release() {
	if v.refs.Add(-1) == 0 {
		_ = v.tx.Rollback() // a read transaction has nothing to fail at
	}
}

// acquire holds the newest snapshot. It waits only while the committer maps the file anew, which Options.MapBytes makes
// rare.
func (s *Store) acquire() (*snapshot, error) {
	for {
		if v := s.snap.Load(); v != nil && v.hold() {
			return v, nil
		}
		s.gate.RLock() // passes when the committer has published the next one
		closed, gone := s.closed, s.snap.Load() == nil
		s.gate.RUnlock()
		switch {
		case closed:
			return nil, ErrClosed
		case gone: // there was no going back to one
			return nil, s.Writable()
		}
	}
}

// publish makes v the newest snapshot and takes its first reference over.
func (s *Store) publish(v *snapshot) {
	if old := s.snap.Swap(v); old != nil {
		old.release()
	}
}

// read runs fn on the newest snapshot. fn must not keep anything of it, nor call code of others. Damage that makes
// bbolt panic, and pages that the system cannot read, become ErrDamaged.
func (s *Store) read(fn func(v *snapshot) error) error {
	v, err := s.acquire()
	if err != nil {
		return err
	}
	defer v.release()
	return guard(func() error { return fn(v) })
}

// guard runs fn and turns a panic or a memory fault in it into ErrDamaged. bbolt trusts the bytes of its file: it
// asserts some of them and indexes by others, so that damage shows as a panic, and as a fault where the file is
// shorter than its mapping.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, p)
		}
	}()
	return fn()
}
