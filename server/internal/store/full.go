package store

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// A full disk ends writing only as long as it is full. That is safe when the transaction that found no space has left
// no trace: bbolt writes the pages of a transaction beside those in use, syncs them, and only then writes a root that
// leads to them. So as long as both roots are what they were, the transaction never was. After a failed fsync, or a
// failure at the root itself, nobody knows that, and writing ends for good.

// probeEvery is how often a full disk is tried for space, and probeBytes is how much there must be: a group of writes
// and what the file grows by. Variables, so that tests shrink them.
var (
	probeEvery = time.Second
	probeBytes = int64(2 * growStep)
)

// fill refuses writes until there is space.
func (s *Store) fill(cause error) error {
	err := fmt.Errorf("%w: %w", ErrDiskFull, cause)
	if s.full.CompareAndSwap(nil, &err) {
		s.opt.Logger.Error("the disk is full: writes are refused until there is space, reads go on", "path", s.folder.path(),
			"error", cause)
		s.retiring.Go(s.awaitSpace)
	}
	return err
}

// awaitSpace accepts writes again once there is space, or ends with the store.
func (s *Store) awaitSpace() {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
		}
		if err := s.folder.probe(probeBytes); err == nil {
			s.opt.Logger.Info("there is space on the disk: writes are accepted again", "path", s.folder.path())
			s.full.Store(nil)
			return
		}
	}
}

// probe writes and removes a file of n bytes.
func (f *folder) probe(n int64) error {
	path := f.temp("space")
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	piece := make([]byte, min(n, 64<<10))
	for written := int64(0); err == nil && written < n; written += int64(len(piece)) {
		_, err = file.Write(piece)
	}
	if err == nil {
		err = file.Sync() // some file systems find out no earlier
	}
	return errors.Join(err, file.Close(), os.Remove(path))
}

// untouched reports whether the roots on disk are those of the newest snapshot, so that a transaction that failed since
// has left nothing.
func (s *Store) untouched() bool {
	v := s.snap.Load()
	if v == nil {
		return false
	}
	buf := make([]byte, 2*pageSize)
	if _, err := s.file.handle.ReadAt(buf, 0); err != nil {
		return false
	}
	first, err0 := decodeRoot(buf[:pageSize], 0)
	second, err1 := decodeRoot(buf[pageSize:], 1)
	return err0 == nil && err1 == nil && max(first.txid, second.txid) == uint64(v.tx.ID())
}
