package filter

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
)

func day(text string) time.Time {
	at, ok := parseTime(text)
	if !ok {
		panic(text)
	}
	return at
}

func text(s string) paper.Value    { return paper.Value{Kind: paper.StringValue, String: s} }
func number(v float64) paper.Value { return paper.Value{Kind: paper.NumberValue, Number: v} }
func boolean(v bool) paper.Value   { return paper.Value{Kind: paper.BoolValue, Bool: v} }

// library is small enough to see every answer.
var library = []*paper.Paper{
	0: {ID: "a", Categories: []string{"cs.LG", "cs.CL"}, Authors: []string{"Ann", "Bo"}, PublishTime: day("2019-06-01"),
		Attributes: map[string]paper.Value{"venue": text("ICML"), "cites": number(10), "open": boolean(true)}},
	1: {ID: "b", Categories: []string{"cs.CL"}, Authors: []string{"Bo"}, PublishTime: day("2020-01-01T12:00:00.5Z"),
		Attributes: map[string]paper.Value{"venue": text("ACL"), "cites": number(-2.5), "open": boolean(false)}},
	2: {ID: "c-d", Categories: []string{"math-ph"},
		Attributes: map[string]paper.Value{"venue": number(7), "impact factor": number(3)}},
	3: {ID: "a", Authors: []string{"Ann"}, PublishTime: day("2021-01-01"),
		Attributes: map[string]paper.Value{"cites": text("10"), "a.b": text("true")}},
	4: {ID: "2301.00001"},
}

func columnsOf(papers []*paper.Paper) *Columns {
	c := NewColumns()
	for _, p := range papers {
		c.Append(p)
	}
	return c
}

func TestFiltersFindTheirPapers(t *testing.T) {
	c := columnsOf(library)
	for filter, want := range map[string][]uint32{
		`id = "a"`:                                 {0, 3},
		`id = a`:                                   {0, 3},
		`id:a`:                                     {0, 3},
		`id != a`:                                  {1, 2, 4},
		`id = "2301.00001"`:                        {4},
		`id >= "b"`:                                {1, 2},
		`id < "b"`:                                 {0, 3, 4},
		`id:*`:                                     {0, 1, 2, 3, 4},
		`id:"*"`:                                   nil,
		`id = (a OR b)`:                            {0, 1, 3},
		`id = a OR id = b OR id = "c-d"`:           {0, 1, 2, 3},
		`categories:cs.LG`:                         {0},
		`categories:"math-ph"`:                     {2},
		`categories:(cs.LG OR "math-ph")`:          {0, 2},
		`categories:(cs.LG AND cs.CL)`:             {0},
		`categories:(cs.CL AND NOT cs.LG)`:         {1},
		`categories:*`:                             {0, 1, 2},
		`categories:"*"`:                           nil,
		`categories:cs`:                            nil,
		`authors:Ann AND authors:Bo`:               {0},
		`authors:Ann OR authors:Bo`:                {0, 1, 3},
		`-authors:Ann`:                             {1, 2, 4},
		`NOT authors:Ann`:                          {1, 2, 4},
		`NOT (authors:Ann OR authors:Bo)`:          {2, 4},
		`NOT authors:*`:                            {2, 4},
		`publish_time >= 2020-01-01`:               {1, 3},
		`publish_time<2020-01-01T12:00:00Z`:        {0},
		`publish_time > 2020-01-01T12:00:00Z`:      {1, 3},
		`publish_time = 2020-01-01T12:00:00.5Z`:    {1},
		`publish_time:"2021-01-01"`:                {3},
		`publish_time != 2021-01-01`:               {0, 1, 2, 4},
		`publish_time:*`:                           {0, 1, 3},
		`publish_time = 2021-01-01T02:00:00+02:00`: {3},
		`publish_time <= timestamp("2019-06-01T00:00:00Z")`:     {0},
		`(publish_time>2019-01-01) AND publish_time<2020-01-01`: {0},
		`attributes.venue = "ICML"`:                             {0},
		`attributes.venue = ICML`:                               {0},
		`attributes.venue:ICML`:                                 {0},
		`attributes.venue != ICML`:                              {1, 2, 3, 4},
		`attributes.venue > "B"`:                                {0},
		`attributes.venue <= "ICML"`:                            {0, 1},
		`attributes.venue = 7`:                                  {2},
		`attributes.venue = "7"`:                                {2},
		`attributes.venue:*`:                                    {0, 1, 2},
		`attributes:venue`:                                      {0, 1, 2},
		`attributes:"impact factor"`:                            {2},
		`attributes:(open OR a.b)`:                              {0, 1, 3},
		`attributes:*`:                                          {0, 1, 2, 3},
		`attributes."impact factor" >= 3`:                       {2},
		`attributes.cites > -3`:                                 {0, 1},
		`attributes.cites = -2.5`:                               {1},
		`attributes.cites = 10.0`:                               {0, 3},
		`attributes.cites = 0xa`:                                {0, 3},
		`attributes.cites = "10"`:                               {0, 3},
		`attributes.open = true`:                                {0},
		`attributes.open = false`:                               {1},
		`attributes.open != true`:                               {1, 2, 3, 4},
		`attributes.open = "true"`:                              {0},
		`attributes.a.b = "true"`:                               {3},
		`attributes."a.b" = "true"`:                             {3},
		`attributes.unheard = 1`:                                nil,
		`attributes.unheard != 1`:                               {0, 1, 2, 3, 4},
		`id = a AND authors:Bo OR authors:Nobody`:               {0}, // OR binds tighter
		`(id = a AND authors:Bo) OR id = b`:                     {0, 1},
	} {
		f, err := Parse(filter)
		if err != nil {
			t.Errorf("Parse(%q): %v", filter, err)
			continue
		}
		got, err := c.Eval(f)
		if err != nil || !slices.Equal(slotsOf(got), append([]uint32{}, want...)) {
			t.Errorf("%s finds %v, %v, want %v", filter, slotsOf(got), err, want)
		}
	}
}

func TestEmptyColumnsFindNothing(t *testing.T) {
	c := NewColumns()
	for _, filter := range []string{"id = x", "NOT id = x", "publish_time > 2020-01-01", "attributes.x = 1 OR authors:a",
		"NOT authors:*"} {
		f, err := Parse(filter)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Eval(f); err != nil || got.Len() > 0 {
			t.Errorf("%s finds %v, %v among no papers", filter, got, err)
		}
	}
}

func TestEvalOfNoFilterIsAnError(t *testing.T) {
	for _, f := range []*Filter{nil, {}} {
		if _, err := columnsOf(library).Eval(f); !errors.Is(err, ErrNotParsed) {
			t.Errorf("Eval(%v): %v", f, err)
		}
	}
}

func TestAnswersAreTheCallersOwn(t *testing.T) {
	lowerFewSlots(t)
	c := columnsOf(library)
	for _, filter := range []string{"authors:Ann", "authors:*", "attributes.open = true", "authors:Ann AND categories:*",
		"authors:Ann OR authors:Ann"} {
		f, err := Parse(filter)
		if err != nil {
			t.Fatal(err)
		}
		first, err := c.Eval(f)
		if err != nil {
			t.Fatal(err)
		}
		want := slotsOf(first)
		c.Append(&paper.Paper{ID: "later"})
		if again, err := c.Eval(f); err != nil || !slices.Equal(slotsOf(again), want) {
			t.Errorf("%s finds %v after another paper came, want %v (%v)", filter, again, want, err)
		}
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
}

// lowerFewSlots makes bitmaps of lists that would be too short in production.
func lowerFewSlots(t testing.TB) {
	old := fewSlots
	fewSlots = 2
	t.Cleanup(func() { fewSlots = old })
}

// Columns of whole seconds take a shorter way than those with fractions; both must round no bound.
func TestTimesAreComparedToTheNanosecond(t *testing.T) {
	base := day("2020-01-01")
	for _, fraction := range []time.Duration{0, 1} {
		c := NewColumns()
		var at []time.Time
		for i := range 5 {
			at = append(at, base.Add(time.Duration(i)*time.Second+time.Duration(i)*fraction))
			c.Append(&paper.Paper{ID: "x", PublishTime: at[i]})
		}
		for _, offset := range []time.Duration{-1, 0, 1, time.Second - 1, time.Second, time.Second + 1, 2 * time.Second,
			2*time.Second + 2} {
			want := base.Add(offset)
			for sign, o := range map[string]op{"=": equal, "<": less, "<=": lessEqual, ">": greater, ">=": greaterEqual} {
				f, err := Parse("publish_time " + sign + " " + want.Format(time.RFC3339Nano))
				if err != nil {
					t.Fatal(err)
				}
				got, err := c.Eval(f)
				if err != nil {
					t.Fatal(err)
				}
				for i := range at {
					if got.Contains(uint32(i)) != o.holds(at[i].Compare(want)) {
						t.Errorf("%s: %s is found: %v", f, at[i].Format(time.RFC3339Nano), got.Contains(uint32(i)))
					}
				}
			}
		}
	}
}
