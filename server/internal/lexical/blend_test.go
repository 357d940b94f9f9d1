package lexical

import "testing"

func TestTitlesAreToldFromText(t *testing.T) {
	for _, c := range []struct {
		text   string
		tokens int
		want   Kind
	}{
		{"Attention Is All You Need", 3, TitleQuery},
		{"attention is needed. ", 2, TextQuery},
		{"what is attention?", 1, TextQuery},
		{"A title with (brackets)", 3, TitleQuery},
		{"", 0, TitleQuery},
		{"a long list of words without an end", 11, TextQuery},
	} {
		if got := KindOf(c.text, c.tokens); got != c.want {
			t.Errorf("%q: kind %d, want %d", c.text, got, c.want)
		}
	}
}
