package engine

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
)

// parts lists the names of the parts of a folder's checkpoint, oldest first.
func parts(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// inSegments leaves a checkpoint of a base and three segments in a folder, none of which has seen a quiet graph alike.
func inSegments(t *testing.T, dir string) {
	t.Helper()
	e := open(t, dir)
	mustUpsert(t, e, testPapers(0, 120)...)
	save := func() {
		t.Helper()
		if err := e.writeCheckpoint(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	soon(t, "a base", func() bool { return e.checkpoint.live.Load() })
	for i := range 3 {
		mustUpsert(t, e, testPapers(200+10*i, 207+10*i)...)
		changed := testPaper(3 + i) // dies in an older part, lives on in this one
		changed.Abstract = fmt.Sprint("Now about zeppelins of the kind ", i)
		mustUpsert(t, e, changed)
		if _, err := e.Delete(context.Background(), testPaper(40+i).ID); err != nil {
			t.Fatal(err)
		}
		soon(t, "an empty tail", func() bool { return e.live.Load().tailLength() == 0 })
		save()
	}
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := parts(t, dir); len(got) != 4 {
		t.Fatalf("parts %v", got)
	}
}

func TestAStartFromSegmentsAnswersAsBefore(t *testing.T) {
	dir := t.TempDir()
	inSegments(t, dir)
	fresh := t.TempDir()
	copyFolder(t, dir, fresh)
	if err := os.RemoveAll(filepath.Join(fresh, "checkpoints")); err != nil {
		t.Fatal(err)
	}
	built := open(t, fresh) // from the store, the truth
	e, log := logged(t, dir)
	if !strings.Contains(log.String(), "segments=3 replayed=0") {
		t.Errorf("not loaded from all parts: %s", log)
	}
	if got, want := describe(t, e), describe(t, built); got != want {
		t.Errorf("from segments:\n%s\nfrom the store:\n%s", got, want)
	}
	if n, tail := e.live.Load().vectors.Info().Graph, e.live.Load().tailLength(); tail != 0 || n == 0 {
		t.Errorf("%d vectors in the graph, %d behind it: the links were not in the segments", n, tail)
	}
	if err := e.Check(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestADamagedSegmentIsNamedAndReplayed damages each file of each segment: what is before it is used, the rest is
// replayed.
func TestADamagedSegmentIsNamedAndReplayed(t *testing.T) {
	dir := t.TempDir()
	inSegments(t, dir)
	whole := t.TempDir()
	copyFolder(t, dir, whole)
	want := describe(t, open(t, whole))
	rng := rand.New(rand.NewPCG(5, 2))
	var files []string
	err := filepath.WalkDir(filepath.Join(dir, "checkpoints"), func(path string, d fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, path); err == nil && !d.IsDir() && !strings.Contains(rel, parts(t, dir)[0]) {
			files = append(files, rel)
		}
		return err
	})
	if err != nil || len(files) != 15 {
		t.Fatalf("files of segments %v, %v", files, err)
	}
	for i, file := range files {
		broken := t.TempDir()
		copyFolder(t, dir, broken)
		path := filepath.Join(broken, file)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		switch i % 3 {
		case 0:
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
			err = os.WriteFile(path, b, 0o600)
		case 1:
			err = os.WriteFile(path, b[:rng.IntN(len(b))], 0o600)
		default:
			err = os.RemoveAll(filepath.Dir(path))
		}
		if err != nil {
			t.Fatal(err)
		}
		e, log := logged(t, broken)
		before := i / 5 // segments that stay good: each has five files
		if !strings.Contains(log.String(), fmt.Sprintf("segments=%d ", before)) ||
			i%3 < 2 && !strings.Contains(log.String(), filepath.Base(filepath.Dir(path))) {
			t.Errorf("%s: want %d segments, and the damaged one named: %s", file, before, log)
		}
		if got := describe(t, e); got != want {
			t.Errorf("%s: after the replay\n%s\nbefore\n%s", file, got, want)
		}
		if err := e.Check(context.Background()); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		soon(t, "a base in place of the damaged segment", func() bool { return e.checkpoint.live.Load() })
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if again, log := logged(t, broken); strings.Contains(log.String(), "do not serve") || describe(t, again) != want {
			t.Errorf("%s: the damage is met again: %s", file, log)
		}
	}
}

// TestSegmentsAreFoldedWhenTheyOutgrowTheBase writes the same paper over and over.
func TestSegmentsAreFoldedWhenTheyOutgrowTheBase(t *testing.T) {
	lower(t, &foldFrom, 0)
	lower(t, &slotBytesGuess, 1)
	dir := t.TempDir()
	e := open(t, dir)
	mustUpsert(t, e, testPapers(0, 50)...)
	var lengths []int
	for i := range 40 {
		changed := testPaper(7)
		changed.Abstract = fmt.Sprint("State ", i)
		mustUpsert(t, e, changed)
		if err := e.writeCheckpoint(context.Background()); err != nil {
			t.Fatal(err)
		}
		lengths = append(lengths, len(parts(t, dir)))
		if c := &e.checkpoint; c.segments > c.base+c.base/10 { // what a part will take is estimated
			t.Fatalf("segments of %d bytes behind a base of %d", c.segments, c.base)
		}
	}
	if folds := len(lengths) - len(slices.Compact(slices.Sorted(slices.Values(lengths)))); slices.Max(lengths) < 3 ||
		folds == 0 || !slices.Contains(lengths[1:], 1) {
		t.Errorf("parts after each write: %v", lengths)
	}
}

// TestACorpusThatPoursInIsWrittenOnce grows a corpus to thirty times its base, a segment at a time.
func TestACorpusThatPoursInIsWrittenOnce(t *testing.T) {
	lower(t, &foldFrom, 0)
	e := open(t, t.TempDir())
	written := int64(0)
	for i := range 30 {
		mustUpsert(t, e, testPapers(40*i, 40*i+40)...)
		if err := e.writeCheckpoint(context.Background()); err != nil {
			t.Fatal(err)
		}
		written += e.checkpoint.newest.Bytes
	}
	if c := &e.checkpoint; c.count < 25 || written > c.base+c.segments+c.base {
		t.Errorf("%d bytes were written for parts of %d and %d bytes, %d segments", written, c.base, c.segments, c.count)
	}
}

// TestChangedLinksWaitForAQuietMoment: while writes come in, a segment leaves out links that take more than its
// papers.
func TestChangedLinksWaitForAQuietMoment(t *testing.T) {
	lower(t, &freeLinks, 0)
	lower(t, &checkpointIdle, time.Hour)
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 300)...)
	linked := func() bool { return e.live.Load().tailLength() == 0 }
	soon(t, "a graph", linked)
	if err := e.writeCheckpoint(context.Background()); err != nil {
		t.Fatal(err)
	}
	mustUpsert(t, e, testPapers(300, 303)...)
	soon(t, "a graph", linked)
	next := func() extent {
		e.checkpoint.Lock()
		defer e.checkpoint.Unlock()
		e.checkpoint.base, e.checkpoint.segments = 300, 0 // as if a paper took a byte: links take more
		return e.nextExtent(e.live.Load(), e.live.Load().revision())
	}
	if x := next(); x.base || x.links {
		t.Errorf("in the midst of writes: %+v, changed links of %d bytes", x, e.live.Load().vectors.Unsaved())
	}
	e.lastWrite.Store(int64(time.Since(e.opened) - 2*time.Hour))
	if x := next(); x.base || !x.links {
		t.Errorf("in a quiet moment: %+v", x)
	}
}

// TestASingleCheckpointCostsLittle states the bytes that one paper more costs, where the corpus is large beside it.
func TestASingleCheckpointCostsLittle(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir)
	var papers []*paper.Paper
	for i := range 2000 {
		papers = append(papers, testPaper(i))
	}
	mustUpsert(t, e, papers...)
	save := func() int64 {
		soon(t, "a graph", func() bool { return e.live.Load().tailLength() == 0 })
		if err := e.writeCheckpoint(context.Background()); err != nil {
			t.Fatal(err)
		}
		return e.checkpoint.segments
	}
	before := save()
	mustUpsert(t, e, testPaper(2001))
	if one := save() - before; one <= 0 || one > 64<<10 || one > (e.checkpoint.base+before)/20 {
		t.Errorf("one paper behind 2,000 took %d bytes, they %d", one, e.checkpoint.base+before)
	}
}
