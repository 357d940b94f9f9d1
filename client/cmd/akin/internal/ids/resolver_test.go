package ids

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/akin-search/akin/client/cmd/akin/internal/source"
	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// shelf is a store of papers, which an import writes to.
type shelf map[string]*akinv1.Paper

// put runs items through a Resolver into the shelf and returns the ids that conflicted.
func (s shelf) put(t *testing.T, replace bool, items ...Item) (conflicts []string, r *Resolver) {
	t.Helper()
	r = New(Config{
		Stored: func(_ context.Context, ids []string) ([]*akinv1.Paper, error) {
			var found []*akinv1.Paper
			for _, id := range ids {
				if p := s[id]; p != nil {
					found = append(found, p)
				}
			}
			return found, nil
		},
		Pass:    func(it Item) bool { s[it.Paper.GetId()] = it.Paper; return true },
		Fault:   func(_ Item, e *Conflict) { conflicts = append(conflicts, e.ID) },
		Renamed: func(Item, string) {},
		Replace: replace,
	})
	for _, it := range items {
		goOn, err := r.Add(t.Context(), Item{
			Record: source.Record{Paper: proto.CloneOf(it.Paper), ID: it.ID, Line: it.Line}, File: it.File,
		})
		if !goOn || err != nil {
			t.Fatal(goOn, err)
		}
	}
	if goOn, err := r.Flush(t.Context()); !goOn || err != nil {
		t.Fatal(goOn, err)
	}
	return conflicts, r
}

// text is everything on the shelf, in the order of ids.
func (s shelf) text() string {
	var lines []string
	for id, p := range s {
		lines = append(lines, id+": "+p.GetTitle()+" / "+p.GetAbstract())
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func item(kind source.IDKind, id, title, abstract, doi string) Item {
	return Item{Record: source.Record{Paper: &akinv1.Paper{Id: id, Title: title, Abstract: abstract, Doi: doi}, ID: kind}}
}

// records are two pairs of papers under one id each, and copies of some.
func records(kind source.IDKind) []Item {
	return []Item{
		item(kind, "Ruiz2017", "Tagging cave beetles by song", "", "10.5555/cave.1"),
		item(kind, "Ruiz2017", "Why rivers braid in cold valleys", "", "10.5555/river.2"),
		item(kind, "editorial", "Editorial", "On moss, by the spring editors.", ""),
		item(kind, "editorial", "Editorial", "On ferns, by the autumn editors.", ""),
		item(kind, "Ruiz2017", "Tagging cave beetles by their song", "With an abstract, this is the fuller record.", ""),
		item(kind, "alone", "A paper of its own", "", ""),
	}
}

func TestFilesInAnyOrderAndAgainGiveTheSamePapers(t *testing.T) {
	items := records(source.LocalID)
	want := shelf{}
	conflicts, r := want.put(t, false, items...)
	if len(want) != 5 || len(conflicts) != 0 || r.Copies != 1 {
		t.Fatalf("%d papers, conflicts %v, %d copies:\n%s", len(want), conflicts, r.Copies, want.text())
	}
	if !strings.Contains(want.text(), "fuller record") {
		t.Errorf("the fuller record of two was left out:\n%s", want.text())
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		rng.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
		got := shelf{}
		got.put(t, false, items...)
		if got.text() != want.text() {
			t.Fatalf("in another order\n%s\nwant\n%s", got.text(), want.text())
		}
		rng.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
		got.put(t, false, items...)
		if got.text() != want.text() {
			t.Fatalf("imported again\n%s\nwant\n%s", got.text(), want.text())
		}
	}
}

func TestEachFileAloneInAnyOrderKeepsAllPapers(t *testing.T) {
	// Without the fourth: the copy of another title is known for one only beside its fellow.
	items := slices.Delete(records(source.LocalID), 4, 5)
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		rng.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
		got := shelf{}
		for range 2 {
			for _, it := range items {
				got.put(t, false, it)
			}
			if len(got) != 5 {
				t.Fatalf("%d papers:\n%s", len(got), got.text())
			}
		}
	}
}

func TestIDsOfTablesAreKeptAndOtherPapersReported(t *testing.T) {
	got := shelf{}
	conflicts, _ := got.put(t, false, records(source.OwnID)...)
	if len(got) != 3 || len(conflicts) < 2 {
		t.Errorf("%d papers, conflicts %v", len(got), conflicts)
	}
	stored := shelf{"1": {Id: "1", Title: "Sleep of cave guides"}}
	other := item(source.OwnID, "1", "Fear of lifts", "", "")
	if conflicts, _ := stored.put(t, false, other); len(conflicts) != 1 ||
		stored["1"].GetTitle() != "Sleep of cave guides" {
		t.Errorf("conflicts %v:\n%s", conflicts, stored.text())
	}
	if conflicts, _ := stored.put(t, true, other); len(conflicts) != 0 || stored["1"].GetTitle() != "Fear of lifts" {
		t.Errorf("with replace, conflicts %v:\n%s", conflicts, stored.text())
	}
	edited := item(source.OwnID, "1", "The fear of lifts", "Now with an abstract.", "")
	if conflicts, _ := stored.put(t, false, edited); len(conflicts) != 0 || stored["1"].GetAbstract() == "" {
		t.Errorf("an edited record, conflicts %v:\n%s", conflicts, stored.text())
	}
}

func TestACorpusKeepsItsIDsAndTakesVersions(t *testing.T) {
	got := shelf{}
	conflicts, r := got.put(t, false,
		item(source.CorpusID, "a", "Sleep of cave guides", "First.", ""),
		item(source.CorpusID, "a", "Fear of lifts", "Another paper.", ""),
		item(source.CorpusID, "a", "Sleep of cave guides", "First, in its second version.", "10.5555/a"),
		item(source.CorpusID, "b", "Fear of lifts", "Another paper.", ""))
	if len(got) != 2 || len(conflicts) != 1 || r.Versions != 1 || got["a"].GetDoi() == "" {
		t.Errorf("conflicts %v, %d versions:\n%s", conflicts, r.Versions, got.text())
	}
	conflicts, r = got.put(t, false, item(source.GlobalID, "a", "Sleep", "", ""),
		item(source.GlobalID, "a", "A wholly new title", "", ""))
	if len(conflicts) != 0 || r.Versions != 1 || got["a"].GetTitle() != "A wholly new title" {
		t.Errorf("a global id, conflicts %v:\n%s", conflicts, got.text())
	}
}

func TestReplaceKeepsTwoPapersOfOneImportApart(t *testing.T) {
	got := shelf{"Ruiz2017": {Id: "Ruiz2017", Title: "Something else entirely about glaciers"}}
	got.put(t, true, records(source.LocalID)[:2]...)
	if len(got) != 2 || strings.Contains(got.text(), "glaciers") {
		t.Errorf("%s", got.text())
	}
}

// TestManyRecordsBeyondTheBoundAreStillKeptApart gathers more than once: what was passed on before is not yet stored.
func TestManyRecordsBeyondTheBoundAreStillKeptApart(t *testing.T) {
	got := shelf{}
	passed := 0
	r := New(Config{
		Stored:  func(context.Context, []string) ([]*akinv1.Paper, error) { return nil, nil },
		Pass:    func(it Item) bool { got[it.Paper.GetId()] = it.Paper; passed++; return true },
		Fault:   func(it Item, e *Conflict) { t.Error(e) },
		Renamed: func(Item, string) {},
	})
	r.limit = 1_000
	for i := range 4 {
		it := item(source.LocalID, "key", fmt.Sprintf("Title number%d about topic%d", i, i),
			strings.Repeat(fmt.Sprintf("word%d ", i), 60), "")
		if _, err := r.Add(t.Context(), it); err != nil {
			t.Fatal(err)
		}
	}
	if passed == 0 {
		t.Error("nothing was passed on before the end")
	}
	if _, err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 {
		t.Errorf("%d papers of 4", len(got))
	}
}

func TestALongIDWithASuffixStaysWithinTheLimit(t *testing.T) {
	for _, id := range []string{strings.Repeat("x", 256), strings.Repeat("é", 128), "short"} {
		if got := suffixed(id, &akinv1.Paper{Title: "T"}); len(got) > maxID || !strings.HasPrefix(got, id[:5]) {
			t.Errorf("%d bytes: %q", len(got), got)
		}
	}
}
