package store

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
)

// lowerProbe makes a full disk be tried at once.
func lowerProbe(t *testing.T) {
	every, bytes := probeEvery, probeBytes
	probeEvery, probeBytes = time.Millisecond, 64<<10
	t.Cleanup(func() { probeEvery, probeBytes = every, bytes })
}

// writeOnceWritable writes as soon as the store accepts it.
func writeOnceWritable(t *testing.T, s *Store, p *paper.Paper) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		_, err := tryWrite(s, put(p))
		switch {
		case err == nil:
			return
		case !errors.Is(err, ErrDiskFull) || time.Now().After(end):
			t.Fatal(err)
		}
		for s.Writable() != nil && time.Now().Before(end) {
			runtime.Gosched() // until the probe has found the space
		}
	}
}

// TestWritesComeBackWithTheSpace has a disk that is full for some transactions.
func TestWritesComeBackWithTheSpace(t *testing.T) {
	lowerProbe(t)
	var full atomic.Bool
	dir := t.TempDir()
	s := open(t, dir, Options{Hook: func(point string) error {
		if point == PointCommitBefore && full.Load() {
			return &fs.PathError{Op: "write", Path: "papers.db", Err: syscall.ENOSPC}
		}
		return nil
	}})
	for round := range 5 {
		write(t, s, put(sample(fmt.Sprint("kept", round), 1)))
		full.Store(true)
		if _, err := tryWrite(s, put(sample(fmt.Sprint("lost", round), 1))); !errors.Is(err, ErrDiskFull) ||
			errors.Is(err, ErrReadOnly) {
			t.Fatalf("got %v", err)
		}
		if get(t, s, fmt.Sprint("kept", round)) == nil || get(t, s, fmt.Sprint("lost", round)) != nil {
			t.Error("a read does not see what is stored")
		}
		full.Store(false)
		writeOnceWritable(t, s, sample(fmt.Sprint("back", round), 1))
	}
	if s.Revision() != 10 || s.Count() != 10 {
		t.Errorf("revision %d, %d papers", s.Revision(), s.Count())
	}
	if err := s.Writable(); err != nil {
		t.Error(err)
	}
}

// TestAFailureBehindTheRootEndsWriting: the disk says that it is full when nobody knows any more what it holds.
func TestAFailureBehindTheRootEndsWriting(t *testing.T) {
	s := open(t, t.TempDir(), Options{Hook: func(point string) error {
		if point == PointCommitAfter {
			return syscall.ENOSPC
		}
		return nil
	}})
	if _, err := tryWrite(s, put(sample("a", 1))); !errors.Is(err, ErrReadOnly) || errors.Is(err, ErrDiskFull) {
		t.Errorf("got %v", err)
	}
	if _, err := tryWrite(s, put(sample("b", 1))); !errors.Is(err, ErrReadOnly) {
		t.Errorf("got %v", err)
	}
}
