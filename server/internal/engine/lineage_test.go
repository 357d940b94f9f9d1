package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
				if !strings.Contains(log.String(), "of another history") { // a base is removed, segments behind one of its own are left out
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
