package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/akin-search/akin/embed"
)

// logged opens an engine whose log can be read.
func logged(t *testing.T, dir string) (*Engine, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	return open(t, dir, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) }), &log
}

// fill writes, changes and deletes papers, trains, and closes, which leaves a checkpoint.
func fill(t *testing.T, dir string) {
	t.Helper()
	e := open(t, dir)
	mustUpsert(t, e, testPapers(0, 200)...)
	if _, err := e.Train(context.Background(), TrainOptions{Epochs: 2}, nil); err != nil {
		t.Fatal(err)
	}
	changed := testPaper(3)
	changed.Abstract = "Now about zeppelins."
	mustUpsert(t, e, changed)
	if _, err := e.Delete(context.Background(), "p0004"); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// describe is what must be the same before and after a restart.
func describe(t *testing.T, e *Engine) string {
	t.Helper()
	s, err := e.Stats(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	out := fmt.Sprintln(s.Papers, s.Position, s.Model.Fingerprint, s.Model.Trained)
	for _, q := range []Query{{Text: "graph neural network"}, {Text: "zeppelins"}, {PaperID: "p0008"}} {
		q.Mode = ModeExact
		for _, hit := range search(t, e, q).Hits {
			out += fmt.Sprintf("%s %.5f %.5f\n", hit.Paper.ID, hit.Cosine, hit.BM25)
		}
	}
	return out
}

func TestAStartFromACheckpointAnswersAsBefore(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	e, log := logged(t, dir)
	if !strings.Contains(log.String(), "checkpoint loaded") {
		t.Fatalf("no checkpoint was loaded: %s", log)
	}
	first := describe(t, e)
	// More writes, then a start without a checkpoint of them: the log is replayed into the one there is.
	mustUpsert(t, e, testPapers(300, 340)...)
	if _, err := e.Delete(context.Background(), "p0310"); err != nil {
		t.Fatal(err)
	}
	second := describe(t, e)
	if first == second {
		t.Fatal("the writes changed nothing")
	}
	killed := t.TempDir()
	copyFolder(t, dir, killed)
	e, log = logged(t, killed)
	if !strings.Contains(log.String(), "replayed=41") {
		t.Errorf("the log was not replayed: %s", log)
	}
	if third := describe(t, e); third != second {
		t.Errorf("after the restart:\n%s\nbefore:\n%s", third, second)
	}
}

// copyFolder copies the files of a data folder as a kill would leave them.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	err := os.CopyFS(to, os.DirFS(from))
	// A checkpoint may get its name meanwhile: a kill would leave it the one way or the other.
	for errors.Is(err, fs.ErrNotExist) {
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
		err = os.CopyFS(to, os.DirFS(from))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestADamagedCheckpointIsNamedAndRebuilt flips a byte or cuts each file of the checkpoint at random places.
func TestADamagedCheckpointIsNamedAndRebuilt(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	e, _ := logged(t, dir)
	want := describe(t, e)
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var files []string
	err := filepath.WalkDir(filepath.Join(dir, "checkpoints"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			files = append(files, rel)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("checkpoint files %v, %v", files, err)
	}
	for _, file := range files {
		for _, cut := range []bool{false, true} {
			broken := t.TempDir()
			copyFolder(t, dir, broken)
			path := filepath.Join(broken, file)
			b, err := os.ReadFile(path)
			if err != nil || len(b) == 0 {
				continue
			}
			at := rng.IntN(len(b))
			if cut {
				b = b[:at]
			} else {
				b[at] ^= 1 << rng.IntN(8)
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			e, log := logged(t, broken)
			// A base makes the index be rebuilt; a segment, which a slow machine leaves, is replayed.
			if !strings.Contains(log.String(), "rebuilt from the store") &&
				!strings.Contains(log.String(), "replayed from the store") {
				t.Errorf("%s, damaged at %d (cut %v), was not refused: %s", filepath.Base(file), at, cut, log)
			}
			if got := describe(t, e); got != want {
				t.Errorf("%s: after the rebuild\n%s\nbefore\n%s", file, got, want)
			}
			if err := e.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestACheckpointOfAnotherConfigurationIsNotServed(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	e := open(t, dir, func(c *Config) { c.Embed = smallEmbed() })
	if s, _ := e.Stats(context.Background()); s.Papers != 199 || s.Model.Dims != smallEmbed().Dims {
		t.Errorf("%d papers of %d dimensions", s.Papers, s.Model.Dims)
	}
}

// TestTheGraphIsSavedThoughNothingWasWrittenSince starts without a checkpoint: the first one is written while the graph
// still grows, or it grows after it.
func TestTheGraphIsSavedThoughNothingWasWrittenSince(t *testing.T) {
	lower(t, &worthSaving, 10)
	dir := t.TempDir()
	e := open(t, dir)
	e.graphMu.Lock() // the graph takes nothing in
	mustUpsert(t, e, testPapers(0, 100)...)
	if err := e.writeCheckpoint(context.Background()); err != nil {
		t.Fatal(err)
	}
	e.graphMu.Unlock()
	e.wakeCatchup()
	soon(t, "a graph of all papers", func() bool { s, _ := e.Stats(context.Background()); return s.GraphVectors == 100 })
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	file := again.kept
	g, err := again.readCheckpoint(context.Background(), func() (*embed.Model, error) { return again.readModel(file) },
		file)
	if err != nil {
		t.Fatal(err)
	}
	if n := g.vectors.Info().Graph; n != 100 {
		t.Errorf("the checkpoint's graph has %d of 100 vectors", n)
	}
}
