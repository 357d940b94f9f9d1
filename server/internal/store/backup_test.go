package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
)

// everything reads all live papers by id.
func everything(t testing.TB, s *Store) map[string]*paper.Paper {
	t.Helper()
	all := make(map[string]*paper.Paper)
	for after := uint64(0); ; {
		last, err := s.Scan(after, maxRead, func(_ uint64, p *paper.Paper) error { all[p.ID] = p; return nil })
		if err != nil {
			t.Fatal(err)
		}
		if last == after {
			return all
		}
		after = last
	}
}

// backedUp makes a store and a backup of it.
func backedUp(t *testing.T, n int) (all map[string]*paper.Paper, revision uint64, backup []byte) {
	t.Helper()
	dir, _ := built(t, n)
	s := open(t, dir, Options{})
	var buf bytes.Buffer
	if err := s.Backup(t.Context(), &buf, nil); err != nil {
		t.Fatal(err)
	}
	return everything(t, s), s.Revision(), buf.Bytes()
}

func TestBackupAndRestoreAreLossless(t *testing.T) {
	all, revision, backup := backedUp(t, 30)
	dir := filepath.Join(t.TempDir(), "new")
	info, err := Restore(t.Context(), bytes.NewReader(backup), dir, RestoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if info.Papers != uint64(len(all)) || info.Revision != revision {
		t.Errorf("info %+v", info)
	}
	s := open(t, dir, Options{})
	if got := everything(t, s); !reflect.DeepEqual(got, all) {
		t.Errorf("restored %d papers, backed up %d", len(got), len(all))
	}
	if s.Revision() != revision || s.OldestLog() != revision+1 || s.Position().Lineage == info.Lineage {
		t.Errorf("revision %d, log from %d, %s", s.Revision(), s.OldestLog(), s.Position())
	}
	if e := write(t, s, put(sample("new", 1)))[0]; e.Revision != revision+1 {
		t.Errorf("the next revision is %d", e.Revision)
	}
	var again bytes.Buffer
	if err := s.Backup(t.Context(), &again, nil); err != nil {
		t.Fatal(err)
	}
}

func TestAnEmptyStoreCanBeBackedUp(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	var buf bytes.Buffer
	if err := s.Backup(t.Context(), &buf, nil); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := Restore(t.Context(), &buf, dir, RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	if s := open(t, dir, Options{}); s.Count() != 0 || s.Revision() != 0 {
		t.Errorf("%d papers, revision %d", s.Count(), s.Revision())
	}
}

// slowWriter runs something before it takes the first frame.
type slowWriter struct {
	io.Writer
	writes int
	before func()
}

func (w *slowWriter) Write(b []byte) (int, error) {
	if w.writes++; w.writes == 2 {
		w.before()
	}
	return w.Writer.Write(b)
}

func TestABackupHoldsOneMomentWhileWritesGoOn(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	fill(t, s, 3000)
	want, revision := everything(t, s), s.Revision()
	var buf bytes.Buffer
	var most int64
	w := &slowWriter{Writer: &buf, before: func() {
		for i := range 30 {
			write(t, s, put(sample(fmt.Sprintf("paper-%07d", i), 77)), del(fmt.Sprintf("paper-%07d", 2999-i)),
				put(sample(fmt.Sprint("new", i), 1)))
		}
		if err := s.Collect(t.Context(), s.Revision()); err != nil {
			t.Fatal(err)
		}
		if err := s.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
	}}
	if err := s.Backup(t.Context(), w, func(bytes int64) { most = max(most, bytes) }); err != nil {
		t.Fatal(err)
	}
	if most == 0 {
		t.Error("no pinned pages were reported")
	}
	dir := t.TempDir()
	if info, err := Restore(t.Context(), &buf, dir, RestoreOptions{}); err != nil || info.Revision != revision {
		t.Fatalf("%+v, %v", info, err)
	}
	if got := everything(t, open(t, dir, Options{})); !reflect.DeepEqual(got, want) {
		t.Errorf("restored %d papers, %d were there", len(got), len(want))
	}
}

func TestRestoreReplacesOnlyWhenAllowedAndOnlyWithWhatIsWhole(t *testing.T) {
	all, _, backup := backedUp(t, 20)
	dir := t.TempDir()
	s := open(t, dir, Options{})
	write(t, s, put(sample("mine", 1)))
	short := Options{LockTimeout: time.Millisecond}
	_, err := Restore(t.Context(), bytes.NewReader(backup), dir, RestoreOptions{Replace: true, Options: short})
	if !errors.Is(err, ErrLocked) {
		t.Errorf("in use: got %v", err)
	}
	shut(t, s)
	if _, err := Restore(t.Context(), bytes.NewReader(backup), dir, RestoreOptions{}); !errors.Is(err, ErrExists) {
		t.Errorf("not allowed: got %v", err)
	}
	_, err = Restore(t.Context(), bytes.NewReader(backup[:len(backup)-1]), dir, RestoreOptions{Replace: true})
	if !errors.Is(err, ErrDamagedBackup) {
		t.Errorf("cut: got %v", err)
	}
	s = open(t, dir, Options{})
	if get(t, s, "mine") == nil {
		t.Error("a failed restore took the store away")
	}
	shut(t, s)
	if _, err := Restore(t.Context(), bytes.NewReader(backup), dir, RestoreOptions{Replace: true}); err != nil {
		t.Fatal(err)
	}
	if got := everything(t, open(t, dir, Options{})); !reflect.DeepEqual(got, all) {
		t.Errorf("restored %d papers, backed up %d", len(got), len(all))
	}
}

func TestADamagedBackupIsRefusedAndLeavesNothing(t *testing.T) {
	_, _, backup := backedUp(t, 10)
	rnd := rand.New(rand.NewPCG(5, 5))
	for round := range rounds(300) {
		data := bytes.Clone(backup)
		var what string
		switch round % 4 {
		case 0, 1:
			at := rnd.IntN(len(data))
			data[at] ^= 1 << rnd.IntN(8)
			what = fmt.Sprintf("bit flip in byte %d", at)
		case 2:
			data = data[:rnd.IntN(len(data))]
			what = fmt.Sprintf("cut to %d bytes", len(data))
		case 3:
			data = append(data, make([]byte, 1+rnd.IntN(9))...)
			what = "something behind the end"
		}
		dir := filepath.Join(t.TempDir(), "new")
		_, err := Restore(t.Context(), bytes.NewReader(data), dir, RestoreOptions{})
		if !errors.Is(err, ErrDamagedBackup) && !errors.Is(err, ErrNotBackup) && !errors.Is(err, ErrNewerBackup) {
			t.Errorf("%s: got %v", what, err)
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the folder stayed: %v", what, err)
		}
	}
	for _, other := range []string{"", "AKIN", "not a backup at all, but long enough to be a header of one"} {
		_, err := Restore(t.Context(), strings.NewReader(other), filepath.Join(t.TempDir(), "x"), RestoreOptions{})
		if !errors.Is(err, ErrNotBackup) {
			t.Errorf("%q: got %v", other, err)
		}
	}
}

func TestAnInterruptedRestoreLeavesTheStoreAlone(t *testing.T) {
	_, _, backup := backedUp(t, 10)
	dir := t.TempDir()
	s := open(t, dir, Options{})
	write(t, s, put(sample("mine", 1)))
	shut(t, s)
	stop := errors.New("stop")
	opt := RestoreOptions{Replace: true, Options: Options{Hook: func(point string) error {
		if point == PointRestoreChecked {
			return stop
		}
		return nil
	}}}
	if _, err := Restore(t.Context(), bytes.NewReader(backup), dir, opt); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Restore(ctx, bytes.NewReader(backup), dir, RestoreOptions{Replace: true})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 2 {
		t.Errorf("left %v", left)
	}
	// A killed one leaves its file, which the next to use the folder removes.
	if err := os.WriteFile(filepath.Join(dir, tempMark+"restore"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s = open(t, dir, Options{}); get(t, s, "mine") == nil {
		t.Error("the store is gone")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, tempMark+"*")); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

func TestCompactGivesSpaceBack(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	fill(t, s, 20_000)
	var muts []Mutation
	for i := range 19_000 {
		muts = append(muts, del(fmt.Sprintf("paper-%07d", i)))
	}
	write(t, s, muts...)
	if err := s.Collect(t.Context(), s.Revision()); err != nil {
		t.Fatal(err)
	}
	if err := s.TrimLog(s.Revision()); err != nil {
		t.Fatal(err)
	}
	before, want := s.Space(), everything(t, s)
	if before.Free < before.File/2 {
		t.Errorf("space before: %+v", before)
	}
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := s.Space(); after.File > before.File/8 || after.File != s.Size() {
		t.Errorf("space before: %+v, after: %+v", before, after)
	}
	if got := everything(t, s); !reflect.DeepEqual(got, want) {
		t.Errorf("%d papers, %d before", len(got), len(want))
	}
	write(t, s, put(sample("new", 1)))
}

// FuzzReadBackup holds that no stream makes the reader panic or allocate without need, and that only real ones pass.
func FuzzReadBackup(f *testing.F) {
	s := open(f, f.TempDir(), Options{})
	write(f, s, put(sample("a", 1)), put(sample("b", 2)))
	var buf bytes.Buffer
	if err := s.Backup(f.Context(), &buf, nil); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Add(buf.Bytes()[:60])
	f.Fuzz(func(t *testing.T, b []byte) {
		var papers uint64
		info, err := ReadBackup(t.Context(), bytes.NewReader(b), BackupSink{
			Start:  func(BackupInfo) error { return nil },
			Paper:  func([]byte) error { papers++; return nil },
			Record: func([]byte, []byte) error { return nil },
		})
		if err == nil && papers != info.Papers {
			t.Errorf("%d papers passed as %d", papers, info.Papers)
		}
	})
}
