package web

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// joined is the text of pieces.
func joined(pieces []piece) string {
	var out strings.Builder
	for _, p := range pieces {
		out.WriteString(p.Text)
	}
	return out.String()
}

func TestWordsOfOneStemAreMarked(t *testing.T) {
	got := marked("Pruned weights; we prune LiFePO4 and unprunable things", marksOf("pruning"))
	want := []piece{{Text: "Pruned", Level: 1}, {Text: " weights; we "}, {Text: "prune", Level: 1},
		{Text: " LiFePO4 and unprunable things"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

// FuzzMarked holds that marks never change a text, whatever it is.
func FuzzMarked(f *testing.F) {
	f.Add("Sparse attention: IL-6, TNF-α, LiFePO$_4$, ﬁne <b>", "attention il6 fine")
	f.Add("\xff\x00 İstanbul ǅ ﬀ", "istanbul")
	f.Fuzz(func(t *testing.T, text, query string) {
		if got := joined(marked(text, marksOf(query))); got != text {
			t.Errorf("%q became %q", text, got)
		}
		if got := joined(passage(text, marksOf(query), 80)); len([]rune(got)) > 83 {
			t.Errorf("a passage of %d", len([]rune(got)))
		}
	})
}

func TestThePassageIsWhereTheWordsAre(t *testing.T) {
	text := strings.Repeat("Nothing of note stands here. ", 20) + "Sparse attention scales. " +
		strings.Repeat("More follows. ", 20)
	got := joined(passage(text, marksOf("sparse attention"), 100))
	if !strings.HasPrefix(got, "… Sparse attention scales.") {
		t.Errorf("%q", got)
	}
}

// someStars makes n papers whose vectors are random, with dates or without.
func someStars(n int, dated bool) ([]star, [][]float64) {
	r := rand.New(rand.NewPCG(1, 2))
	stars := make([]star, n)
	cosines := make([][]float64, n)
	for i := range n {
		stars[i] = star{time.Date(2000+r.IntN(20), 1, 1, 0, 0, 0, 0, time.UTC), dated}
		cosines[i] = make([]float64, n)
		for j := range i {
			cosines[i][j] = r.Float64()
			cosines[j][i] = cosines[i][j]
		}
	}
	return stars, cosines
}

func TestTheGraphIsTheSameEachTimeAndNothingCoversAnother(t *testing.T) {
	for _, dated := range []bool{true, false} {
		for _, n := range []int{4, 11, 41} {
			g := draw(someStars(n, dated))
			if again := draw(someStars(n, dated)); !reflect.DeepEqual(g, again) {
				t.Error("drawn differently")
			}
			if g.ByTime != dated {
				t.Errorf("by time: %v", g.ByTime)
			}
			for i, a := range g.Nodes {
				if a.X < a.R || a.X > g.Width-a.R || a.Y < a.R || a.Y > g.Height-a.R {
					t.Errorf("%d of %d is outside: %d, %d", i, n, a.X, a.Y)
				}
				for _, b := range g.Nodes[:i] {
					if math.Hypot(float64(a.X-b.X), float64(a.Y-b.Y)) < float64(max(a.R, b.R)) {
						t.Errorf("%d of %d: two papers at %d, %d", i, n, a.X, a.Y)
					}
				}
			}
			for _, e := range g.Edges {
				if e.A == e.B || e.Class < "e1" || e.Class > "e4" {
					t.Errorf("%+v", e)
				}
			}
		}
	}
}

func TestTimeRunsFromLeftToRight(t *testing.T) {
	stars, cosines := someStars(41, true)
	g := draw(stars, cosines)
	for i := range stars {
		for j := range stars {
			if stars[i].when.AddDate(4, 0, 0).Before(stars[j].when) && g.Nodes[i].X >= g.Nodes[j].X {
				t.Errorf("%v stands at %d, %v at %d", stars[i].when.Year(), g.Nodes[i].X, stars[j].when.Year(), g.Nodes[j].X)
			}
		}
	}
	if len(g.Ticks) < 3 || !slices.IsSortedFunc(g.Ticks, func(a, b tick) int { return a.X - b.X }) {
		t.Errorf("ticks %v", g.Ticks)
	}
}

func TestDatesAreShownAsFarAsTheyAreKnown(t *testing.T) {
	for text, want := range map[string]string{
		"2020-01-01T00:00:00Z": "2020", "2020-03-01T00:00:00Z": "March 2020", "2020-03-02T00:00:00Z": "2 March 2020",
		"2020-01-01T10:00:00Z": "1 January 2020",
	} {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		if got := when(&akinv1.Paper{PublishTime: timestamppb.New(at)}); got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}

func TestLinksLeadWhereAPaperIs(t *testing.T) {
	for _, c := range []struct {
		p    *akinv1.Paper
		want string
	}{
		{&akinv1.Paper{Id: "1706.03762v5"}, "[https://arxiv.org/abs/1706.03762v5]"},
		{&akinv1.Paper{Id: "arXiv:hep-th/9901001"}, "[https://arxiv.org/abs/hep-th/9901001]"},
		{&akinv1.Paper{Id: "x", Doi: "10.1000/a b?c#d"}, "[https://doi.org/10.1000/a%20b%3Fc%23d]"},
		{&akinv1.Paper{Id: "x", Url: "http://example.org/p"}, "[http://example.org/p]"},
		{&akinv1.Paper{Id: "x", Url: "javascript:alert(1)", Doi: "https://x"}, "[]"},
	} {
		var got []string
		for _, l := range linksOf(c.p) {
			got = append(got, l.Href)
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%v: %v", c.p, got)
		}
	}
}

func TestTheNewestPapersComeFirstHoweverManyThereAre(t *testing.T) {
	r := newRig(t, nil)
	var papers []*akinv1.Paper
	for i := range 2500 {
		papers = append(papers, &akinv1.Paper{Id: fmt.Sprintf("p%04d", i), Title: fmt.Sprintf("Peat %d", i*7919%2500),
			PublishTime: timestamppb.New(time.Date(2010, 1, 1+i, 0, 0, 0, 0, time.UTC))})
	}
	r.store(papers...)
	a := r.get("/recent?show=50&page=2")
	got := titlesIn(a)
	for i, id := range got {
		if want := fmt.Sprintf("p%04d", 2449-i); id != want {
			t.Fatalf("place %d is %s, wants %s", 51+i, id, want)
		}
	}
	if len(got) != 50 {
		t.Errorf("%d papers", len(got))
	}
	a = r.get("/recent?from=2011&to=2011")
	if got := titlesIn(a); len(got) != 20 || got[0] != "p0729" {
		t.Errorf("of 2011: %v", got)
	}
}

func TestNumbersForPeople(t *testing.T) {
	for n, want := range map[int32]string{
		0: "", 7: "1 in 7", 480: "1 in 480", 12_345: "1 in 12,000", 999_999: "1 in 1,000,000",
	} {
		if got := rarity(n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
	if number(-1234567) != "-1,234,567" || byteCount(70_512_345) != "70.5 MB" || byteCount(12) != "12 bytes" {
		t.Error(number(-1234567), byteCount(70_512_345), byteCount(12))
	}
}
