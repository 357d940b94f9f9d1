package engine

import (
	"strings"
	"testing"

	"github.com/akin-search/akin/server/internal/store"
)

// A brief answer, read or kept, has the ids and titles of the whole one, and follows what is written.
func TestBriefAnswersAreThoseOfTheStore(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 60)...)
	ask := func(brief bool) []Hit {
		return search(t, e, Query{Text: topics[0], PageSize: 20, Options: Options{Brief: brief}}).Hits
	}
	compare := func(when string) {
		t.Helper()
		whole := ask(false)
		for _, how := range []string{"read", "kept"} {
			for i, hit := range ask(true) {
				if p := whole[i].Paper; hit.Paper.ID != p.ID || hit.Paper.Title != p.Title || hit.Likeness != whole[i].Likeness {
					t.Fatalf("%s, %s: place %d is %q, %q, want %q, %q", when, how, i, hit.Paper.ID, hit.Paper.Title, p.ID, p.Title)
				}
			}
		}
	}
	compare("as written")
	p := testPaper(0)
	p.Title = strings.ToUpper(p.Title) // the same words: another row of the same slot
	mustUpsert(t, e, p)
	compare("with a title in capitals")
	p.Title += " and another thing"
	mustUpsert(t, e, p)
	compare("with another title")
	if kept := e.briefs.get(1); kept == nil {
		t.Error("nothing is kept")
	}
}

func TestBriefsKeepNoOthersAndNothingLong(t *testing.T) {
	var b briefs
	b.put(3, store.Brief{ID: "a", Title: "A title"})
	if b.get(3) == nil || b.get(3+briefPlaces) != nil {
		t.Error("a place answers for another record, or not for its own")
	}
	b.put(3+briefPlaces, store.Brief{ID: "b", Title: strings.Repeat("x", briefBytes)})
	if b.get(3+briefPlaces) != nil {
		t.Error("a long title is kept")
	}
	b.put(3+briefPlaces, store.Brief{ID: "b", Title: "Another"})
	if kept := b.get(3 + briefPlaces); kept == nil || kept.Title != "Another" || b.get(3) != nil {
		t.Error("a place keeps two records")
	}
}
