package engine

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/checkpoint"
	"github.com/akin-search/akin/server/internal/rank"
)

// errHeld is what a hook answers that lets no checkpoint be written.
var errHeld = errors.New("held by the test")

// withoutCheckpoints lets every checkpoint fail, as when the machine stops before one is written.
func withoutCheckpoints(c *Config) {
	c.Hook = func(point string) error {
		if strings.HasPrefix(point, "checkpoint.") || strings.HasPrefix(point, "segment.") {
			return errHeld
		}
		return nil
	}
}

// modelOf is the fingerprint of the model that serves, and whether it is trained.
func modelOf(t *testing.T, e *Engine) (string, bool) {
	t.Helper()
	s, err := e.Stats(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return s.Model.Fingerprint, s.Model.Trained
}

// TestAnAcknowledgedTrainingSurvivesWithoutACheckpoint copies the folder as a kill would leave it right after the
// training is acknowledged: once with a checkpoint of the model before on disk, once with none.
func TestAnAcknowledgedTrainingSurvivesWithoutACheckpoint(t *testing.T) {
	for _, older := range []bool{false, true} {
		dir, killed := t.TempDir(), t.TempDir()
		e := open(t, dir, func(c *Config) {
			withoutCheckpoints(c)
			if older {
				c.Hook = nil
			}
		})
		mustUpsert(t, e, testPapers(0, 200)...)
		if older {
			if err := e.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			e = open(t, dir, withoutCheckpoints)
		}
		info, err := e.Train(context.Background(), TrainOptions{Epochs: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		copyFolder(t, dir, killed)
		again, log := logged(t, killed)
		if got, trained := modelOf(t, again); got != info.Fingerprint || !trained {
			t.Errorf("with an older checkpoint %v: the model %s (trained %v) serves, acknowledged was %s: %s", older, got,
				trained, info.Fingerprint, log)
		}
		if s, _ := again.Stats(context.Background()); !s.Model.CreateTime.Equal(info.CreateTime) {
			t.Errorf("made at %v, acknowledged was %v", s.Model.CreateTime, info.CreateTime)
		}
		if err := again.Check(context.Background()); err != nil {
			t.Error(err)
		}
		if err := e.Close(context.Background()); !errors.Is(err, errHeld) {
			t.Errorf("the checkpoint at the end: got %v", err)
		}
	}
}

// TestATrainingThatCannotBeKeptIsNotReported fails the write of the model: the old one goes on, now and after a
// restart.
func TestATrainingThatCannotBeKeptIsNotReported(t *testing.T) {
	for _, point := range []string{checkpoint.PointModelKept, PointSwapBefore} {
		dir := t.TempDir()
		var failing atomic.Bool // background work comes by the hook too
		e := open(t, dir, func(c *Config) {
			c.Hook = func(p string) error {
				if failing.Load() && p == point {
					return errHeld
				}
				return nil
			}
		})
		mustUpsert(t, e, testPapers(0, 100)...)
		before, _ := modelOf(t, e)
		failing.Store(true)
		if _, err := e.Train(context.Background(), TrainOptions{Epochs: 1}, nil); !errors.Is(err, errHeld) {
			t.Errorf("%s: got %v", point, err)
		}
		if after, _ := modelOf(t, e); after != before {
			t.Errorf("%s: the model changed to %s", point, after)
		}
		if err := e.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		again, log := logged(t, dir)
		if got, _ := modelOf(t, again); got != before || !strings.Contains(log.String(), "checkpoint loaded") {
			t.Errorf("%s: after a restart %s serves, before %s: %s", point, got, before, log)
		}
		files, err := os.ReadDir(filepath.Join(dir, "models"))
		if err != nil || len(files) != 1 {
			t.Errorf("%s: %d files of models, %v", point, len(files), err)
		}
	}
}

// TestADamagedModelIsNamedAndMadeAnew flips a bit of the only model: the papers are all there, under a new model.
func TestADamagedModelIsNamedAndMadeAnew(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	files, err := filepath.Glob(filepath.Join(dir, "models", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("models %v, %v", files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 9, 40, len(whole) / 2, len(whole) - 1} {
		broken := t.TempDir()
		copyFolder(t, dir, broken)
		b := append([]byte(nil), whole...)
		b[at] ^= 4
		path := filepath.Join(broken, "models", filepath.Base(files[0]))
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		e, log := logged(t, broken)
		if !strings.Contains(log.String(), path) {
			t.Errorf("damage at %d: the log does not name the file: %s", at, log)
		}
		if s, _ := e.Stats(context.Background()); s.Papers != 199 || s.Model.Trained {
			t.Errorf("damage at %d: %d papers, trained %v", at, s.Papers, s.Model.Trained)
		}
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if again, log := logged(t, broken); !strings.Contains(log.String(), "checkpoint loaded") || again.kept.Path == path {
			t.Errorf("damage at %d: the model made anew is not kept: %s", at, log)
		}
	}
}

// TestWhatAnOlderAnalysisMadeIsMadeAgain changes the only model into one of the analysis before this one.
func TestWhatAnOlderAnalysisMadeIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	files, _, err := checkpoint.Models{Path: filepath.Join(dir, "models")}.List()
	if err != nil || len(files) != 1 {
		t.Fatalf("models %v, %v", files, err)
	}
	b, err := os.ReadFile(files[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	makeOlder(b[files[0].Offset+int64(rank.OddsSize):])
	if err := os.WriteFile(files[0].Path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	e, log := logged(t, dir)
	if _, trained := modelOf(t, e); trained || !strings.Contains(log.String(), embed.ErrOldModel.Error()) {
		t.Errorf("the old model serves, or the log does not tell why not: %s", log)
	}
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	e = open(t, dir, func(c *Config) { c.TrainAt = 100 })
	soon(t, "a new model", func() bool { _, trained := modelOf(t, e); return trained })
	if hits := search(t, e, Query{Text: "zeppelins"}).Hits; len(hits) == 0 || hits[0].Paper.ID != "p0003" {
		t.Errorf("found %v", hits)
	}
}

// TestACheckpointOfAnotherAnalysisIsNotServed: its words and vectors have other features than the queries to come.
func TestACheckpointOfAnotherAnalysisIsNotServed(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	e := open(t, dir)
	r, err := e.checkpoints().Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	meta := r.Parts[0].Meta()
	if err := e.fits(meta, e.kept); err != nil {
		t.Fatal(err)
	}
	if meta.Content--; e.fits(meta, e.kept) == nil {
		t.Error("a checkpoint of an older analysis fits")
	}
}

// makeOlder makes a model one of the analysis before this one; its checksums fit.
func makeOlder(model []byte) {
	const schemeAt, sum, crc = 76, 16, 4
	binary.LittleEndian.PutUint32(model[schemeAt:], embed.Scheme-1)
	body := model[:len(model)-sum-crc]
	digest := sha256.Sum256(body)
	copy(model[len(body):], digest[:sum])
	end := len(model) - crc
	binary.LittleEndian.PutUint32(model[end:], crc32.Checksum(model[:end], crc32.MakeTable(crc32.Castagnoli)))
}
