package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/akin-search/akin/server/internal/paper/papertest"
)

func TestAFullVolumeStopsWritesUntilThereIsSpace(t *testing.T) {
	lowerProbe(t)
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=6m"); err != nil {
		t.Skipf("mounting a small tmpfs: %v; run as root in a mount namespace to test a full volume", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	s := open(t, dir, Options{})
	n := 0
	var err error
	for free := uint64(0); n == 0 || free > 2<<20; n += 50 {
		var muts []Mutation
		for i := range 50 {
			muts = append(muts, put(sample(fmt.Sprint(n+i), n+i)))
		}
		write(t, s, muts...)
		var fs syscall.Statfs_t
		if err := syscall.Statfs(dir, &fs); err != nil {
			t.Fatal(err)
		}
		free = fs.Bfree * uint64(fs.Bsize)
	}
	if err := s.Compact(t.Context()); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("compacting without room: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, tempMark+"*")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
	if err := s.Writable(); err != nil {
		t.Errorf("a failed compaction ended writing: %v", err)
	}
	for ; err == nil; n++ {
		_, err = tryWrite(s, put(sample(fmt.Sprint(n), n)))
	}
	if !errors.Is(err, ErrDiskFull) || !strings.Contains(err.Error(), syscall.ENOSPC.Error()) {
		t.Errorf("got %v", err)
	}
	if err := s.Writable(); !errors.Is(err, ErrDiskFull) {
		t.Errorf("Writable: %v", err)
	}
	if s.Count() != n-1 || !papertest.SameContent(get(t, s, "0"), sample("0", 0)) {
		t.Errorf("%d papers, %d were acknowledged", s.Count(), n-1)
	}
	shut(t, s)
	s = open(t, dir, Options{}) // the volume is still full: reads work
	if get(t, s, "0") == nil {
		t.Error("a paper is gone")
	}
	for err = nil; err == nil; n++ { // pages that were freed may take a write or two
		_, err = tryWrite(s, put(sample(fmt.Sprint("again", n), n)))
	}
	if !errors.Is(err, ErrDiskFull) {
		t.Errorf("got %v", err)
	}
	count := s.Count()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	writeOnceWritable(t, s, sample("after", 1))
	if s.Count() != count+1 {
		t.Errorf("%d papers, there were %d before the volume grew", s.Count(), count)
	}
}

func TestAReadOnlyFolderIsNamed(t *testing.T) {
	dir := t.TempDir()
	if os.Getuid() == 0 {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_RDONLY, "size=1m"); err != nil {
			t.Skipf("mounting a read-only tmpfs: %v; run as another user than root", err)
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(dir, 0); err != nil {
				t.Error(err)
			}
		})
	} else if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrReadOnlyFolder) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
}
