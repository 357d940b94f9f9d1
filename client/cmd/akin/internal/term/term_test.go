package term

import (
	"slices"
	"strings"
	"testing"
)

func TestWrapKeepsEveryWordAndTheWidth(t *testing.T) {
	for _, text := range []string{
		"", "word", "several words of some length", "a-word-that-is-much-longer-than-the-line",
		"注意力机制在自然语言处理中的应用",
		"mixed 注意力 and words", "  spaces   between  ",
	} {
		for columns := 2; columns < 30; columns++ {
			lines := Wrap(text, columns)
			for _, line := range lines {
				if Width(line) > columns {
					t.Errorf("%d columns: %q is too wide", columns, line)
				}
			}
			squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
			if squeeze(strings.Join(lines, "")) != squeeze(text) {
				t.Errorf("%d columns: %q lost something of %q", columns, lines, text)
			}
		}
	}
	if got := Wrap("a b", 0); !slices.Equal(got, []string{"a b"}) {
		t.Errorf("%q", got)
	}
	if got := Wrap("注意", 1); !slices.Equal(got, []string{"注", "意"}) {
		t.Errorf("wide runes on a line of one column: %q", got)
	}
}

func TestCutNeverSplitsAWideRune(t *testing.T) {
	for columns := range 12 {
		if got := Cut("注意力 attention", columns); Width(got) > columns || strings.ContainsRune(got, '\uFFFD') {
			t.Errorf("%d columns: %q", columns, got)
		}
	}
}

func TestCleanMakesOnePrintableLine(t *testing.T) {
	for text, want := range map[string]string{
		"plain": "plain", "  kept as is ": "  kept as is ", "a\nb\tc": "a b c", "\x1b[31mred": "[31mred", "a\u202eb": "a b",
		"a\u2028b": "a b", "\x00": "",
	} {
		if got := Clean(text); got != want {
			t.Errorf("Clean(%q) = %q", text, got)
		}
	}
}

func TestATableNeverExceedsTheScreenWhileColumnsCanGive(t *testing.T) {
	table := func() *Table {
		tab := NewTable(Column{Title: "N", Right: true}, Column{Title: "ID", Whole: true}, Column{Title: "TEXT", Least: 8},
			Column{Title: "EXTRA", Optional: true})
		tab.Row("1", "short", "some text that is rather long for a table", "extra")
		tab.Row("22", "an-id-of-more-than-twenty", "短い 注意力机制在自然语言", "")
		return tab
	}
	for width := 12; width < 120; width++ {
		var b strings.Builder
		if err := table().Write(&b, Screen{Width: width}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			line = strings.TrimSuffix(line, "\n")
			if Width(line) > width && line != "an-id-of-more-than-twenty" {
				t.Errorf("%d columns: %q", width, line)
			}
		}
		if !strings.Contains(b.String(), "an-id-of-more-than-twenty") {
			t.Errorf("%d columns: the id was cut in\n%s", width, b.String())
		}
	}
}

func TestATableGoesOutInPiecesUnderOneHeader(t *testing.T) {
	tab := NewTable(Column{Title: "A"}, Column{Title: "B"})
	var b strings.Builder
	for _, cell := range []string{"1", "2"} {
		tab.Row(cell, "x")
		if err := tab.Write(&b, Screen{Width: 20}); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.String(); got != "A  B\n1  x\n2  x\n" {
		t.Errorf("%q", got)
	}
}

func TestWithoutAScreenRowsAreTabbedAndWhole(t *testing.T) {
	tab := NewTable(Column{Title: "A"}, Column{Title: "B", Least: 3})
	tab.Row("1\t2", strings.Repeat("long ", 50))
	var b strings.Builder
	if err := tab.Write(&b, Screen{}); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); strings.Count(got, "\t") != 1 || !strings.Contains(got, strings.Repeat("long ", 50)) {
		t.Errorf("%q", got)
	}
}

func TestPaintIsForColourScreens(t *testing.T) {
	if got := (Screen{Colour: true}).Paint(Bold, "x"); got != "\x1b[1mx\x1b[0m" {
		t.Errorf("%q", got)
	}
	if got := (Screen{}).Paint(Bold, "x"); got != "x" {
		t.Errorf("%q", got)
	}
}
