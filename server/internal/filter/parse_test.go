package filter

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/akin-search/akin/server/internal/paper"
)

func TestErrorsNameThePlaceTheFieldAndTheRemedy(t *testing.T) {
	for _, c := range []struct {
		filter   string
		position int
		field    string
		message  string // a part of it
	}{
		{"", 0, "", "empty"},
		{" \t\n", 0, "", "empty"},
		{"graph", 0, "", "not a condition"},
		{"*", 0, "", "not a condition"},
		{"id = ", 4, "", "ends where a value"},
		{"title = x", 0, "title", "no such field"},
		{"id.x = y", 0, "id.x", "no fields of its own"},
		{`"id" = "x"`, 0, "", "where a field is expected"},
		{`id = "a" AND 5 > 3`, 13, "", "where a field is expected"},
		{`id = "a" id = "b"`, 9, "", "side by side"},
		{`id = a id = b id = c`, 7, "", "side by side"},
		{`categories = "cs.LG"`, 13, "categories", `categories:"VALUE"`},
		{`authors > "A"`, 10, "authors", `authors:"VALUE"`},
		{`attributes = "x"`, 13, "attributes", `attributes:"VALUE"`},
		{`attributes:""`, 11, "attributes", "name is expected"},
		{"id = 2301.00001", 5, "id", "quotes"},
		{"categories:5", 11, "categories", "quotes"},
		{"publish_time > 2020", 15, "publish_time", "a time is expected"},
		{`publish_time > "yesterday"`, 15, "publish_time", "a time is expected"},
		{"publish_time > 2020-13-01", 15, "publish_time", "a time is expected"},
		{`publish_time > timestamp("x")`, 15, "publish_time", "a time is expected"},
		{`publish_time > duration("5s")`, 15, "publish_time", "no function duration"},
		{`attributes.t > timestamp("2020-01-01T00:00:00Z")`, 15, "attributes.t", "kept as text in quotes"},
		{"attributes.open > true", 18, "attributes.open", "no order"},
		{"lower(id)", 0, "", "no function lower"},
		{"categories:math-ph", 15, "", "quotes"},
		{`id = "open`, 5, "", "unterminated string"},
		{`(id = "a"`, 9, "", "not closed"},
		{`id = "a")`, 8, "", "trailing"},
		{"publish_time > 2020-01-01 AND publish_time < 2021-01-01 AND nofield:x", 60, "nofield", "no such field"},
		{"   title = x", 3, "title", "no such field"},
		{"id = \xff", 5, "", "invalid UTF-8"},
		{`id = "a" AND`, 8, "", "condition is missing"},
	} {
		f, err := Parse(c.filter)
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, ErrInvalid) || f != nil {
			t.Errorf("Parse(%q): %v, %v, want an *Error", c.filter, f, err)
			continue
		}
		if e.Position != c.position || e.Field != c.field || !strings.Contains(e.Message, c.message) {
			t.Errorf("Parse(%q): %d %q %q, want %d %q %q", c.filter, e.Position, e.Field, e.Message, c.position, c.field,
				c.message)
		}
	}
}

func TestLengthAndDepthAreLimited(t *testing.T) {
	condition := `categories:"cs.LG"`
	long := condition + strings.Repeat(" OR "+condition, MaxLength/(len(condition)+4)-1)
	if _, err := Parse(long); err != nil {
		t.Errorf("a filter of %d bytes: %v", len(long), err)
	}
	if _, err := Parse(long + strings.Repeat(" ", MaxLength)); !errors.Is(err, ErrInvalid) {
		t.Errorf("a filter beyond the length limit: %v", err)
	}
	nest := func(depth int) string { return strings.Repeat("(", depth) + condition + strings.Repeat(")", depth) }
	if _, err := Parse(nest(MaxDepth)); err != nil {
		t.Errorf("%d parentheses: %v", MaxDepth, err)
	}
	for _, deep := range []string{
		nest(MaxDepth + 1),
		strings.Repeat("(", 4000),
		strings.Repeat("f(", 2000),
		strings.Repeat("NOT (", 800),
		strings.Repeat("id:(", 1000),
		`x"` + strings.Repeat("(", 4000), // the quote is a part of the word
	} {
		if _, err := Parse(deep); err == nil || !strings.Contains(err.Error(), "deeper") {
			t.Errorf("a deep filter %.20q: %v", deep, err)
		}
	}
}

func TestAFilterKeepsItsText(t *testing.T) {
	const text = "  id = x AND publish_time > 2020-01-01 "
	f, err := Parse(text)
	if err != nil || f.String() != text {
		t.Errorf("Parse(%q): %v, %v", text, f, err)
	}
}

func TestErrorsDoNotRepeatALongFilter(t *testing.T) {
	for _, long := range []string{
		strings.Repeat("a.", 2000) + "a = 1", strings.Repeat("a.", 2000) + "a", `"` + strings.Repeat("é", 2000) + `"`,
		"id." + strings.Repeat("a", 4000) + " = 1", strings.Repeat("f", 4000) + "()",
		"attributes." + strings.Repeat("a", 4000) + " > true",
	} {
		if _, err := Parse(long); err == nil || len(err.Error()) > 500 || !utf8.ValidString(err.Error()) {
			t.Errorf("Parse(%.20q...): %v", long, err)
		}
	}
}

func TestBothFiltersMustAccept(t *testing.T) {
	parse := func(text string) *Filter {
		f, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	either, one := parse(`categories:"a" OR categories:"b"`), parse(`id != "x"`)
	both := And(either, one)
	for _, c := range []struct {
		paper paper.Paper
		want  bool
	}{
		{paper.Paper{ID: "y", Categories: []string{"b"}}, true},
		{paper.Paper{ID: "x", Categories: []string{"b"}}, false},
		{paper.Paper{ID: "y", Categories: []string{"c"}}, false},
	} {
		if got := both.Match(&c.paper); got != c.want {
			t.Errorf("%s on %v: %v", both, c.paper, got)
		}
		if got := parse(both.String()).Match(&c.paper); got != c.want {
			t.Errorf("%s, parsed again, on %v: %v", both, c.paper, got)
		}
	}
	if And(nil, one) != one || And(one, nil) != one || And(nil, nil) != nil {
		t.Error("nil does not accept everything")
	}
	if (*Filter)(nil).Match(&paper.Paper{}) || (&Filter{}).Match(&paper.Paper{}) {
		t.Error("a filter that was not parsed matches")
	}
}
