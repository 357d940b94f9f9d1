package checkpoint

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// writeChain writes a base and n segments behind it, with rising revisions from 1, and returns the newest part.
func writeChain(t testing.TB, f Folder, n int) Part {
	t.Helper()
	meta := testMeta
	meta.Revision = 1
	part, err := f.WriteBase(t.Context(), meta, sample(t))
	for err == nil && meta.Revision <= uint64(n) {
		meta.Revision++
		part, err = f.Extend(t.Context(), part, meta, sample(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	return part
}

// revisions of the parts of a chain.
func revisions(c *Chain) (list []uint64) {
	for _, r := range c.Parts {
		list = append(list, r.Meta().Revision)
	}
	return list
}

func TestSegmentsFollowTheirBase(t *testing.T) {
	f := Folder{Path: t.TempDir()}
	newest := writeChain(t, f, 3)
	c, err := f.Open()
	if err != nil || c.Fault != nil || !slices.Equal(revisions(c), []uint64{1, 2, 3, 4}) {
		t.Fatalf("%v, fault %v, %v", revisions(c), c.Fault, err)
	}
	if got := c.Parts[3].Part(); got != newest {
		t.Errorf("the newest part is %+v when read, %+v when written", got, newest)
	}
	for _, r := range c.Parts {
		if err := readAll(t, r); err != nil {
			t.Error(err)
		}
	}
	if _, err := f.Extend(t.Context(), c.Parts[2].Part(), testMeta, sample(t)); !errors.Is(err, ErrNotNewest) {
		t.Errorf("a segment in the middle: got %v", err)
	}
	if _, err := f.WriteBase(t.Context(), testMeta, sample(t)); err != nil {
		t.Fatal(err)
	}
	if paths, err := f.List(); err != nil || len(paths) != 1 {
		t.Errorf("after the fold: %v, %v", paths, err)
	}
}

// TestAnInterruptedSegmentLeavesTheChain ends the writing of a segment, and of the base that folds the chain, at every
// point. What is left is a chain that can be opened, and nothing beside it.
func TestAnInterruptedSegmentLeavesTheChain(t *testing.T) {
	stop := errors.New("stop")
	for _, point := range []string{PointSegmentWritten, PointSegmentNamed, PointSegmentVerified, PointWritten, PointNamed,
		PointVerified, PointFolded} {
		f := Folder{Path: t.TempDir()}
		newest := writeChain(t, f, 2)
		f.Hook = func(p string) error {
			if p == point {
				return stop
			}
			return nil
		}
		meta := testMeta
		meta.Revision = 9
		var err error
		if point[0] == 's' {
			_, err = f.Extend(t.Context(), newest, meta, sample(t))
		} else {
			_, err = f.WriteBase(t.Context(), meta, sample(t))
		}
		if !errors.Is(err, stop) {
			t.Errorf("%s: got %v", point, err)
		}
		want := []uint64{1, 2, 3}
		if point == PointFolded { // the new base is whole; leftovers of the old chain are below it
			want = []uint64{9}
		}
		c, err := f.Open()
		if err != nil || c.Fault != nil || !slices.Equal(revisions(c), want) {
			t.Errorf("%s: left %v, %v", point, c, err)
		}
		f.Hook = nil
		if _, err := f.WriteBase(t.Context(), testMeta, sample(t)); err != nil {
			t.Errorf("%s: the next base: %v", point, err)
		}
		if left, err := os.ReadDir(f.Path); err != nil || len(left) != 1 {
			t.Errorf("%s: left %v, %v", point, left, err)
		}
	}
}

// TestADamagedSegmentEndsTheChain damages files of a chain at random: Open gives the parts before the damaged one, or
// the reading of that one fails, and whatever can be read is what was written.
func TestADamagedSegmentEndsTheChain(t *testing.T) {
	f := Folder{Path: t.TempDir()}
	writeChain(t, f, 3)
	var files []string
	err := filepath.WalkDir(f.Path, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(3, 1))
	for range rounds(100) {
		file := files[rnd.IntN(len(files))]
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		data := slices.Clone(whole)
		switch kind := rnd.IntN(3); {
		case kind == 0 && len(data) > 0:
			data[rnd.IntN(len(data))] ^= 1 << rnd.IntN(8)
		case kind == 1 && len(data) > 0:
			data = data[:rnd.IntN(len(data))]
		default:
			data = append(data, 0)
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		hurt, _ := number(prefix, filepath.Base(filepath.Dir(file)))
		good := 0 // parts that can be read
		c, err := f.Open()
		if err == nil {
			for _, r := range c.Parts {
				if readAll(t, r) != nil {
					break
				}
				good++
			}
			if good == 4 {
				t.Errorf("%s is damaged and everything can be read", file)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		if good != int(hurt)-1 {
			t.Errorf("%s is damaged: %d parts can be read (%v)", file, good, err)
		}
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSegmentsOfAnotherBaseDoNotFollow(t *testing.T) {
	f, other := Folder{Path: t.TempDir()}, Folder{Path: t.TempDir()}
	writeChain(t, f, 1)
	meta := testMeta
	meta.Index = "another"
	part, err := other.WriteBase(t.Context(), meta, sample(t))
	if err == nil {
		_, err = other.Extend(t.Context(), part, meta, sample(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(f.path(2)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other.path(2), f.path(2)); err != nil {
		t.Fatal(err)
	}
	c, err := f.Open()
	if err != nil || len(c.Parts) != 1 || !errors.Is(c.Fault, ErrDamaged) {
		t.Errorf("%v, %v", c, err)
	}
	if err := os.RemoveAll(f.path(1)); err != nil {
		t.Fatal(err)
	}
	if c, err := f.Open(); !errors.Is(err, ErrDamaged) {
		t.Errorf("segments without a base: %v, %v", c, err)
	}
}
