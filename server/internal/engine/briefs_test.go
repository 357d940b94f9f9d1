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
	if e.briefs.get(2).ID == "" {
		t.Error("nothing is kept")
	}
	p.ID, p.Title = "long", p.Title+strings.Repeat(" and more", briefBytes/9)
	mustUpsert(t, e, p)
	compare("with a long title")
}

// A shelf answers for its own records alone, and is read again while records may be added.
func TestShelvesOfBriefs(t *testing.T) {
	var b briefs
	records := make([]store.Brief, shelfPapers)
	records[3], records[4] = store.Brief{ID: "a", Title: "A title"}, store.Brief{ID: "b"}
	records[5] = store.Brief{ID: "c", Title: strings.Repeat("x", briefBytes)}
	records[shelfPapers-1] = store.Brief{ID: "d", Title: "The last"}
	const first, other = shelfPapers, shelfPapers + briefShelves*shelfPapers
	if !b.wants(first) {
		t.Error("an empty place is not filled")
	}
	b.place(first).Store(newShelf(first, records, false))
	for i, record := range records {
		if i == 5 {
			record = store.Brief{} // too long
		}
		if got := b.get(first + uint64(i)); got != record {
			t.Errorf("record %d is %q, want %q", i, got, record)
		}
		if got := b.get(other + uint64(i)); got != (store.Brief{}) {
			t.Errorf("another shelf's record %d is %q", i, got)
		}
	}
	if !b.wants(first) {
		t.Error("a shelf to which records may be added is not read again")
	}
	b.place(first).Store(newShelf(first, records, true))
	if b.wants(first) {
		t.Error("a shelf that is full is read again")
	}
	taken := false
	for range 1000 {
		taken = taken || b.wants(other)
	}
	if !taken {
		t.Error("no shelf takes another's place")
	}
}
