package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/akin-search/akin/server/internal/checkpoint"
	"github.com/akin-search/akin/server/internal/paper"
)

// mustFind searches every paper by a word that only it has.
func mustFind(t *testing.T, e *Engine, papers ...*paper.Paper) {
	t.Helper()
	for _, p := range papers {
		word := strings.Fields(p.Title)
		hits := search(t, e, Query{Text: word[len(word)-1]}).Hits
		if len(hits) == 0 || hits[0].Paper.ID != p.ID || hits[0].Paper.Title != p.Title {
			t.Errorf("%s is not found by %q: %v", p.ID, word[len(word)-1], ids(hits))
		}
	}
}

// lifeOf opens a folder, writes papers, and closes.
func lifeOf(t *testing.T, dir string, papers []*paper.Paper) {
	t.Helper()
	e := open(t, dir)
	mustUpsert(t, e, papers...)
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// otherPapers have ids of their own and words of their own.
func otherPapers(from, to int) []*paper.Paper {
	papers := testPapers(from, to)
	for _, p := range papers {
		p.ID = "other-" + p.ID
		p.Title = fmt.Sprint(p.Title, "other")
		p.Abstract = fmt.Sprint("About ", p.Title)
	}
	return papers
}

// TestACheckpointOfALostHistoryIsNeverServed: the store's file comes back from a copy, and then its revisions pass the
// number of a checkpoint that was made of what the copy does not have.
func TestACheckpointOfALostHistoryIsNeverServed(t *testing.T) {
	// A checkpoint of another model is refused for that, before its history is looked at.
	for _, number := range []int{20, 30, 40} { // below the checkpoint's revision, at it, and above
		for _, variant := range []string{"removed", "put back", "put back closed"} {
			t.Run(fmt.Sprint(number, " ", variant), func(t *testing.T) {
				dir, kept, killed := t.TempDir(), t.TempDir(), t.TempDir()
				first, lost, others := testPapers(0, 50), testPapers(100, 130), otherPapers(200, 200+number)
				lifeOf(t, dir, first)
				copyFolder(t, dir, kept)
				lifeOf(t, dir, lost) // leaves a checkpoint at revision 80
				foreign := filepath.Join(t.TempDir(), "checkpoints")
				copyFolder(t, filepath.Join(dir, "checkpoints"), foreign)
				back, err := os.ReadFile(filepath.Join(kept, "papers.db"))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, "papers.db"), back, 0o600); err != nil {
					t.Fatal(err)
				}
				e, log := logged(t, dir)
				// A base is removed, segments behind one of its own are left out.
				if !strings.Contains(log.String(), "of another history") {
					t.Errorf("the log does not tell of the checkpoint: %s", log)
				}
				mustUpsert(t, e, others...)
				if variant == "put back closed" {
					if err := e.Close(context.Background()); err != nil {
						t.Fatal(err)
					}
				}
				copyFolder(t, dir, killed)
				if variant != "removed" {
					if err := os.RemoveAll(filepath.Join(killed, "checkpoints")); err != nil {
						t.Fatal(err)
					}
					copyFolder(t, foreign, filepath.Join(killed, "checkpoints"))
				}
				again, log := logged(t, killed)
				if variant != "removed" && !strings.Contains(log.String(), "of another history") {
					t.Errorf("the log does not tell of the checkpoint that was put back: %s", log)
				}
				mustFind(t, again, first...)
				mustFind(t, again, others...)
				for _, p := range lost {
					if papers, err := again.Get(context.Background(), []string{p.ID}, false); err != nil || papers[0] != nil {
						t.Errorf("%s is there: %v", p.ID, err)
					}
				}
				if err := again.Check(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestACheckpointOfAnotherStoreIsNotServed puts the checkpoint of one folder into another, at the same revision.
func TestACheckpointOfAnotherStoreIsNotServed(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	lifeOf(t, dir, testPapers(0, 40))
	lifeOf(t, other, otherPapers(0, 40))
	if err := os.RemoveAll(filepath.Join(dir, "checkpoints")); err != nil {
		t.Fatal(err)
	}
	copyFolder(t, filepath.Join(other, "checkpoints"), filepath.Join(dir, "checkpoints"))
	e, log := logged(t, dir)
	if !strings.Contains(log.String(), "another history") {
		t.Errorf("the log does not say why: %s", log)
	}
	mustFind(t, e, testPapers(0, 40)...)
}

// TestACheckpointThatNamesAPositionOfAnotherIsFoundOut gives the parts of one store's checkpoint the description of
// another's: only what they hold tells them apart.
func TestACheckpointThatNamesAPositionOfAnotherIsFoundOut(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	for folder, papers := range map[string][]*paper.Paper{dir: testPapers(0, 40), other: testPapers(0, 39)} {
		e := open(t, folder, func(c *Config) { c.NoCheckpoints = true })
		mustUpsert(t, e, papers...)
		if folder == other { // revision 40 of this one is a deletion
			if _, err := e.Delete(context.Background(), "p0003"); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		lifeOf(t, folder, nil) // leaves a checkpoint in one part
	}
	ownChain, err := checkpoint.Folder{Path: filepath.Join(dir, "checkpoints")}.Open()
	if err != nil {
		t.Fatal(err)
	}
	foreignChain, err := checkpoint.Folder{Path: filepath.Join(other, "checkpoints")}.Open()
	if err != nil {
		t.Fatal(err)
	}
	own, foreign := ownChain.Parts[0], foreignChain.Parts[0]
	meta := own.Meta()
	if meta.Revision != foreign.Meta().Revision || len(ownChain.Parts) != 1 || len(foreignChain.Parts) != 1 {
		t.Fatalf("%+v and %+v", meta, foreign.Meta())
	}
	meta.Slots = foreign.Meta().Slots
	_, err = checkpoint.Folder{Path: filepath.Join(dir, "checkpoints")}.WriteBase(t.Context(), meta,
		func(w *checkpoint.Writer) error {
			for _, name := range foreign.Sections() {
				r, _, err := foreign.Section(name)
				if err == nil {
					_, err = io.Copy(w.Section(name), r)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	if err := errors.Join(err, ownChain.Close(), foreignChain.Close()); err != nil {
		t.Fatal(err)
	}
	again, log := logged(t, dir)
	if !strings.Contains(log.String(), "have the digest") {
		t.Errorf("the checkpoint was taken: %s", log)
	}
	mustFind(t, again, testPapers(0, 40)...)
}

// TestTheCheckComparesContent puts the words of one paper, and then the vector of one, into another's slot.
func TestTheCheckComparesContent(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 30)...)
	if err := e.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	g := e.live.Load()
	for name, spoil := range map[string]func(it, other *item){
		"words": func(it, other *item) { it.words = other.words },
		"index": func(it, other *item) { it.vector = other.vector },
	} {
		items, err := e.prepare(t.Context(), g.model, testPapers(0, 30))
		if err != nil {
			t.Fatal(err)
		}
		spoil(items[3], items[4])
		spoiled, err := newGeneration(e.cfg.Index, g.model, e.now())
		if err != nil {
			t.Fatal(err)
		}
		for i, it := range items {
			it.paper.Revision = uint64(i + 1)
			if err := spoiled.add(uint64(i+1), it); err != nil {
				t.Fatal(err)
			}
		}
		spoiled.publish(30)
		e.live.Store(spoiled)
		if err := e.Check(t.Context()); err == nil || !strings.Contains(err.Error(), name) ||
			!strings.Contains(err.Error(), "p0003") {
			t.Errorf("the %s of another paper: %v", name, err)
		}
		e.live.Store(g)
	}
}
