package filter

import (
	"slices"
	"strings"
	"testing"

	"github.com/akin-search/akin/server/internal/paper"
)

func TestAConditionMeansWhatTheStoredKindMeans(t *testing.T) {
	with := func(id string, v paper.Value) *paper.Paper {
		return &paper.Paper{ID: id, Attributes: map[string]paper.Value{"v": v}}
	}
	papers := []*paper.Paper{
		with("n2020", number(2020)), with("t2020", text("2020")), with("n9", number(9)), with("t9", text("9")),
		with("true", boolean(true)), with("t-true", text("true")), with("half", number(.5)), {ID: "none"},
	}
	c := columnsOf(papers)
	for _, test := range []struct{ filter, want string }{
		{`attributes.v = "2020"`, "n2020 t2020"},
		{`attributes.v = 2020`, "n2020 t2020"},
		{`attributes.v: 2020`, "n2020 t2020"},
		{`attributes.v = "2020.0"`, "n2020"}, // the number is the same, the text another
		{`attributes.v > "10"`, "n2020 t2020 t9 t-true"},
		{`attributes.v > 10`, "n2020"}, // a bare number has no order among texts
		{`attributes.v <= 9`, "n9 half"},
		{`attributes.v = true`, "true t-true"},
		{`attributes.v = "true"`, "true t-true"},
		{`attributes.v = 0.5`, "half"},
		{`attributes.v = "0x7E4"`, ""},
		{`attributes.v = "NaN"`, ""},
		{`attributes.v != 2020`, "n9 t9 true t-true half none"},
	} {
		f, err := Parse(test.filter)
		if err != nil {
			t.Fatal(err)
		}
		set, err := c.Eval(f)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for slot, p := range papers {
			if set.Contains(uint32(slot)) {
				got = append(got, p.ID)
			}
			if f.Match(p) != set.Contains(uint32(slot)) {
				t.Errorf("%s: Match and Eval differ about %s", test.filter, p.ID)
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s finds %v, want %s", test.filter, got, test.want)
		}
	}
}

func TestConditionsThatCanMatchNothingAreTold(t *testing.T) {
	c := columnsOf([]*paper.Paper{{ID: "a", Attributes: map[string]paper.Value{"year": number(2020), "venue": text("ICML"),
		"open": boolean(true)}}})
	for _, test := range []struct {
		filter string
		want   []string // words of each doubt
	}{
		{`attributes.year = 2021`, nil}, // it could be
		{`attributes.year = "2021"`, nil},
		{`attributes.yeer = 2020`, []string{"yeer"}},
		{`attributes:yeer`, []string{"yeer"}},
		{`NOT attributes.yeer = 2020`, []string{"yeer"}},
		{`attributes.year = "last" AND attributes.venue > 3`, []string{"numbers", "text"}},
		{`attributes.open = 1 OR id = "a"`, []string{"true and false"}},
		{`attributes.year = true`, []string{"numbers"}},
		{`categories:"cs.XX"`, nil},
	} {
		f, err := Parse(test.filter)
		if err != nil {
			t.Fatal(err)
		}
		doubts := c.Doubts(f)
		if len(doubts) != len(test.want) || slices.ContainsFunc(doubts, func(d string) bool {
			return !slices.ContainsFunc(test.want, func(w string) bool { return strings.Contains(d, w) })
		}) {
			t.Errorf("%s: %q", test.filter, doubts)
		}
	}
	if doubts := c.Doubts(nil); doubts != nil {
		t.Errorf("no filter: %q", doubts)
	}
}
