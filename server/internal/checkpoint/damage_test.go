package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestACheckpointDamagedWhileWrittenIsNotKept(t *testing.T) {
	f := Folder{Path: t.TempDir()}
	before, err := writeSample(t, f, testMeta)
	if err != nil {
		t.Fatal(err)
	}
	f.Hook = func(point string) error {
		if point != PointNamed {
			return nil
		}
		paths, err := f.List()
		if err != nil {
			return err
		}
		return flip(filepath.Join(paths[0], "three"+sectionSuffix), int64(2*blockSize+5))
	}
	if _, err := writeSample(t, f, testMeta); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v", err)
	}
	if paths, err := f.List(); err != nil || !slices.Equal(paths, []string{before}) {
		t.Errorf("%v, %v", paths, err)
	}
}

func flip(path string, at int64) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[at] ^= 1
	return os.WriteFile(path, b, 0o600)
}

// rounds is how often a randomised test runs: AKIN_SOAK times as often where that is set.
func rounds(n int) int {
	if f, err := strconv.Atoi(os.Getenv("AKIN_SOAK")); err == nil && f > 0 {
		return n * f
	}
	return n
}

func TestDamagedCheckpointsAreNeverServed(t *testing.T) {
	f := Folder{Path: t.TempDir()}
	path, err := writeSample(t, f, testMeta)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	named := []error{ErrDamaged, ErrTruncated, ErrNotCheckpoint, ErrNewer, ErrOlder}
	for round := range rounds(200) {
		name := manifestName
		if round%3 > 0 {
			name = entries[rnd.IntN(len(entries))].Name()
		}
		file := filepath.Join(path, name)
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		data := bytes.Clone(whole)
		what := "longer by a byte"
		switch kind := rnd.IntN(5); {
		case kind < 2 && len(data) > 0:
			at := rnd.IntN(len(data))
			data[at] ^= 1 << rnd.IntN(8)
			what = fmt.Sprintf("bit flip at %d", at)
		case kind == 2 && len(data) > 0:
			data = data[:rnd.IntN(len(data))]
			what = fmt.Sprintf("cut to %d", len(data))
		case kind == 3:
			what = "removed"
		default:
			data = append(data, 0)
		}
		if what == "removed" {
			err = os.Remove(file)
		} else {
			err = os.WriteFile(file, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		r, err := Open(path)
		if err == nil {
			verified := r.Verify(t.Context())
			err = readAll(t, r)
			if (verified == nil) != (err == nil) {
				t.Errorf("%s %s: Verify says %v, reading %v", name, what, verified, err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
		if !slices.ContainsFunc(named, func(e error) bool { return errors.Is(err, e) }) ||
			!strings.Contains(err.Error(), path) {
			t.Errorf("%s %s: got %v", name, what, err)
		}
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := readAll(t, r); err != nil {
		t.Error(err)
	}
}

// What a reader asks a damaged block into holds nothing of it afterwards, whether the block fits there or not.
func TestNothingOfADamagedBlockIsHandedOut(t *testing.T) {
	path, err := writeSample(t, Folder{Path: t.TempDir()}, testMeta)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, name := range r.Sections() {
		file := filepath.Join(path, name+sectionSuffix)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) < blockSize {
			continue
		}
		data[blockSize-1] ^= 1
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, blockSize / 2, blockSize, 2 * blockSize} {
			section, _, err := r.Section(name)
			if err != nil {
				t.Fatal(err)
			}
			b := make([]byte, n)
			got, err := section.Read(b)
			if got != 0 || !errors.Is(err, ErrDamaged) || !bytes.Equal(b, make([]byte, n)) {
				t.Errorf("section %s, %d bytes asked for: %d bytes, %v, and all zero: %t", name, n, got, err,
					bytes.Equal(b, make([]byte, n)))
			}
		}
		return
	}
	t.Fatal("no section has a whole block")
}
