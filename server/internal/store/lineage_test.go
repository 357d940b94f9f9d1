package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/akin-search/akin/server/internal/paper"
)

// live opens a store, writes n papers of a kind, and returns the positions that were passed.
func live(t *testing.T, dir, kind string, n int) []paper.Position {
	t.Helper()
	s := open(t, dir, Options{})
	positions := []paper.Position{s.Position()}
	for i := range n {
		write(t, s, put(sample(fmt.Sprintf("%s%d", kind, i), i)))
		positions = append(positions, s.Position())
	}
	shut(t, s)
	return positions
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestARevisionOfALostHistoryIsToldFromOneOfTheSameNumber copies the store's file away, writes, puts it back, and
// writes past the revisions that were lost.
func TestARevisionOfALostHistoryIsToldFromOneOfTheSameNumber(t *testing.T) {
	dir, kept := t.TempDir(), filepath.Join(t.TempDir(), "kept")
	path := filepath.Join(dir, fileName)
	first := live(t, dir, "first", 5)
	copyFile(t, path, kept)
	lost := live(t, dir, "lost", 3)
	copyFile(t, kept, path)
	for _, when := range []string{"before the first write", "after it"} {
		s := open(t, dir, Options{})
		for _, p := range first {
			if err := s.Follows(p); err != nil {
				t.Errorf("%s: %v", when, err)
			}
		}
		for _, p := range lost[1:] {
			if err := s.Follows(p); !errors.Is(err, ErrOtherHistory) {
				t.Errorf("%s: %s: %v", when, p, err)
			}
			if err := s.Continues(p); !errors.Is(err, ErrOtherHistory) {
				t.Errorf("%s: %s: %v", when, p, err)
			}
		}
		shut(t, s)
		for _, p := range live(t, dir, when, 2)[1:] {
			s := open(t, dir, Options{})
			if at, err := s.PositionOf(p.Revision); err != nil || at != p {
				t.Errorf("%s: %s is now %s, %v", when, p, at, err)
			}
			shut(t, s)
		}
	}
}

// TestPositionsAgainstAModel copies, puts back, restores and kills at random, and holds every position ever seen
// against the list of those that the present history went through.
func TestPositionsAgainstAModel(t *testing.T) {
	type copied struct {
		file    string
		history []paper.Position
	}
	rng := rand.New(rand.NewPCG(7, 11))
	dir, aside := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, fileName)
	s := open(t, dir, Options{})
	history := []paper.Position{s.Position()} // by revision
	base := uint64(0)                         // the revision that history begins with
	seen := map[paper.Position]bool{history[0]: true}
	var copies []copied
	for step := range rounds(120) {
		switch rng.IntN(8) {
		case 0: // a restart
			shut(t, s)
			s = open(t, dir, Options{})
		case 1: // the file is copied away
			shut(t, s)
			file := filepath.Join(aside, fmt.Sprint(step))
			copyFile(t, path, file)
			copies = append(copies, copied{file, append([]paper.Position(nil), history...)})
			s = open(t, dir, Options{})
		case 2: // and put back
			if len(copies) == 0 {
				continue
			}
			shut(t, s)
			c := copies[rng.IntN(len(copies))]
			copyFile(t, c.file, path)
			history, base = append([]paper.Position(nil), c.history...), c.history[0].Revision
			s = open(t, dir, Options{})
		case 3: // a backup is restored in place
			if rng.IntN(3) > 0 {
				continue
			}
			var backup bytes.Buffer
			if err := s.Backup(t.Context(), &backup, nil); err != nil {
				t.Fatal(err)
			}
			shut(t, s)
			if _, err := Restore(t.Context(), &backup, dir, RestoreOptions{Replace: true}); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir, Options{})
			base = s.Revision()
			history = []paper.Position{s.Position()}
			seen[history[0]] = true
		case 4:
			if err := s.Compact(t.Context()); err != nil {
				t.Fatal(err)
			}
		default:
			write(t, s, put(sample(fmt.Sprint("p", step), step)))
			history = append(history, s.Position())
			seen[s.Position()] = true
		}
		for p := range seen {
			err := s.Follows(p)
			at := p.Revision - base
			if in := p.Revision >= base && at < uint64(len(history)) && history[at] == p; in != (err == nil) {
				t.Fatalf("step %d: %s is of the history: %v, the store says %v", step, p, in, err)
			}
			if err != nil && !errors.Is(err, ErrOtherHistory) && !errors.Is(err, ErrAhead) {
				t.Fatalf("step %d: %v", step, err)
			}
		}
	}
}

func TestARevisionToComeIsNotOfAnotherHistory(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	write(t, s, put(sample("a", 1)))
	p := s.Position()
	p.Revision += 10
	if err := s.Follows(p); !errors.Is(err, ErrAhead) {
		t.Errorf("got %v", err)
	}
}

func TestALineageIsWrittenAndRead(t *testing.T) {
	l, err := drawLineage()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := paper.ParseLineage(l.String()); err != nil || got != l {
		t.Errorf("%s became %s, %v", l, got, err)
	}
	for _, s := range []string{"", "00", strings.Repeat("g", 32), l.String() + "0"} {
		if _, err := paper.ParseLineage(s); err == nil {
			t.Errorf("%q is taken for a lineage", s)
		}
	}
}
