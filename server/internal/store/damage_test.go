package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/paper/papertest"
)

// built makes a small store with live, superseded and deleted papers and returns its folder and what it holds.
func built(t *testing.T, n int) (dir string, m *model) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, dir, Options{})
	m = &model{papers: make(map[string]*paper.Paper)}
	rnd := rand.New(rand.NewPCG(7, 7))
	for range n {
		muts := randomBatch(rnd)
		want := m.apply(muts)
		got, err := tryWrite(s, muts...)
		compareEntries(t, got, err, want)
	}
	if err := s.Compact(context.Background()); err != nil { // no unused end of the file, in which damage would do nothing
		t.Fatal(err)
	}
	write(t, s, put(sample("id-1", 9)))
	m.apply([]Mutation{put(sample("id-1", 9))})
	shut(t, s)
	return dir, m
}

// tight is a store's file without the room to grow that bbolt gives it.
func tight(t testing.TB, dir string) []byte {
	t.Helper()
	path := filepath.Join(dir, fileName)
	f, err := verifyFile(path, Options{}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data[:f.pgid*pageSize]
}

func TestDamagedFilesAreNeverServed(t *testing.T) {
	from, m := built(t, 30)
	whole := tight(t, from)
	rnd := rand.New(rand.NewPCG(1, 2))
	refused := 0
	const perKind = 100
	for round := range rounds(3 * perKind) {
		data := bytes.Clone(whole)
		var what string
		switch round % 3 {
		case 0:
			at := rnd.IntN(len(data))
			data[at] ^= 1 << rnd.IntN(8)
			what = fmt.Sprintf("bit flip in byte %d", at)
		case 1:
			n := rnd.IntN(len(data))
			data = data[:n]
			what = fmt.Sprintf("cut to %d bytes", n)
		case 2:
			at, n := rnd.IntN(len(data)), 1+rnd.IntN(5000)
			for i := at; i < min(at+n, len(data)); i++ {
				data[i] = byte(rnd.Uint32())
			}
			what = fmt.Sprintf("%d random bytes at %d", n, at)
		}
		if !servesOnlyTruth(t, data, m, Options{}) {
			refused++
		}
		if t.Failed() {
			t.Fatal(what)
		}
	}
	t.Logf("%d of %d damaged files were refused; the others had damage where nothing is stored", refused,
		rounds(3*perKind))
}

// servesOnlyTruth opens damaged bytes: they are refused, false, or everything is there and stays there under writes.
func servesOnlyTruth(t *testing.T, data []byte, m *model, opt Options) bool {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName), data, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir, opt)
	if err != nil {
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNotStore) && !errors.Is(err, ErrNewerFormat) {
			t.Errorf("refused with %v", err)
		}
		return false
	}
	compareStore(t, s, m)
	for i := range 3 {
		write(t, s, put(sample(fmt.Sprint("new-", i), i)), put(sample("id-1", 1000+i)))
	}
	if err := s.Compact(context.Background()); err != nil {
		t.Error(err)
	}
	shut(t, s)
	return true
}

func TestDamageUnderARunningStoreIsAnErrorAndNoCrash(t *testing.T) {
	from, m := built(t, 30)
	whole := tight(t, from)
	rnd := rand.New(rand.NewPCG(3, 4))
	found := 0
	for range rounds(60) {
		dir := t.TempDir()
		path := filepath.Join(dir, fileName)
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if rnd.IntN(2) == 0 {
			err = os.Truncate(path, int64(rnd.IntN(len(whole))))
		} else {
			err = scribble(path, int64(rnd.IntN(len(whole))), rnd)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check(context.Background()); err != nil {
			found++
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("Check: %v", err)
			}
		}
		for id, want := range m.papers {
			ordinal, ok, err := ordinalOf(s, id)
			if err == nil && ok {
				var papers []*paper.Paper
				if papers, err = s.Papers([]uint64{ordinal}, true, nil); err == nil && papers[0] != nil &&
					!papertest.SameContent(papers[0], want) {
					t.Fatalf("%s: served %+v", id, papers[0])
				}
			}
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Fatalf("%s: %v", id, err)
			}
		}
		if _, err := tryWrite(s, put(sample("id-1", 77)), put(sample("new", 1))); err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatalf("write: %v", err)
		}
		_ = s.Close() // a file that is not what it was may fail to close
	}
	t.Logf("Check found damage in %d of %d files", found, rounds(60))
}

// scribble overwrites 64 bytes.
func scribble(path string, at int64, rnd *rand.Rand) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	b := make([]byte, 64)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	_, err = f.WriteAt(b, at)
	return errors.Join(err, f.Close())
}

func TestALostCommitIsNotAcceptedInSilence(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	write(t, s, put(sample("a", 1)))
	write(t, s, put(sample("b", 1)))
	lost := s.Position()
	shut(t, s)
	path := filepath.Join(dir, fileName)
	f, err := verifyFile(path, Options{}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[f.txid%2*pageSize+pageHeader+50] ^= 1 // in the newer root
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrDamaged) ||
		!strings.Contains(err.Error(), "akin-server repair") {
		t.Errorf("got %v", err)
	}
	d, err := Survey(t.Context(), dir, Options{})
	if err != nil || !d.LastCommit || d.Keeps.Revision != lost.Revision-1 || d.Papers != 1 || d.Reason == "" {
		t.Errorf("the survey says %+v, %v", d, err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, data) {
		t.Errorf("the survey changed the file: %v", err)
	}
	if repaired, err := Repair(t.Context(), dir, Options{}); err != nil || repaired != d {
		t.Errorf("the repair says %+v, %v", repaired, err)
	}
	if d, err := Survey(t.Context(), dir, Options{}); err != nil || d.LastCommit || d.Papers != 1 {
		t.Errorf("after the repair the survey says %+v, %v", d, err)
	}
	s = open(t, dir, Options{})
	if get(t, s, "a") == nil || s.Revision() != lost.Revision-1 {
		t.Errorf("the older state is not there: %s", s.Position())
	}
	if err := s.Follows(lost); !errors.Is(err, ErrOtherHistory) {
		t.Errorf("the lost commit passes for a part of the history: %v", err)
	}
	shut(t, s)
	open(t, dir, Options{}) // both roots are good again
}

func TestFilesOfOthersAndOfNewerReleasesAreNamed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	if err := os.WriteFile(path, bytes.Repeat([]byte("text"), 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrNotStore) {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, Options{})
	err := s.update(func(w *writer) error { // nothing is queued, so the committer rests
		return w.put(inMeta, keyFormat, seal([]byte{0, 0, 0, FormatVersion + 1}, keyFormat))
	})
	if !errors.Is(err, ErrNewerFormat) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrNewerFormat) || errors.Is(err, ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

func TestAFailedCommitIsNeverVisible(t *testing.T) {
	for _, point := range []string{PointCommitBefore, PointCommitAfter} {
		t.Run(point, func(t *testing.T) {
			broken := errors.New("the disk broke")
			armed := false
			dir := t.TempDir()
			told := 0
			s := open(t, dir, Options{
				Sink: func([]Entry) { told++ },
				Hook: func(p string) error {
					if armed && p == point {
						return broken
					}
					return nil
				},
			})
			write(t, s, put(sample("a", 1)))
			armed = true
			_, err := tryWrite(s, put(sample("a", 2)), put(sample("b", 1)))
			if !errors.Is(err, ErrReadOnly) || !errors.Is(err, broken) {
				t.Errorf("got %v", err)
			}
			armed = false
			if _, err := tryWrite(s, put(sample("c", 1))); !errors.Is(err, ErrReadOnly) {
				t.Errorf("a later write: %v", err)
			}
			if get(t, s, "a").Revision != 1 || get(t, s, "b") != nil || s.Revision() != 1 || s.Count() != 1 || told != 1 {
				t.Error("the failed commit shows")
			}
			if err := s.Collect(context.Background(), 1); !errors.Is(err, ErrReadOnly) {
				t.Errorf("Collect: %v", err)
			}
			if err := s.Compact(context.Background()); !errors.Is(err, ErrReadOnly) {
				t.Errorf("Compact: %v", err)
			}
			shut(t, s)
			s = open(t, dir, Options{})
			if (s.Revision() == 1) == (get(t, s, "b") != nil) || s.Revision() != 1 && s.Revision() != 3 {
				t.Errorf("after opening again: revision %d", s.Revision())
			}
		})
	}
}
