package rank

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
		{"nearly an abstract.", 59, TextQuery},
		{"an abstract.", 60, PaperQuery},
	} {
		if got := KindOf(c.text, c.tokens); got != c.want {
			t.Errorf("%q: kind %d, want %d", c.text, got, c.want)
		}
	}
}

func TestDefaultWeightsAreWithinTheirRanges(t *testing.T) {
	for _, k := range []Kind{TextQuery, TitleQuery, PaperQuery} {
		for _, trained := range []bool{false, true} {
			w := DefaultWeights(k, trained)
			if w.Dense < 0 || w.Dense > 1 || w.Phrase < 0 || w.Words < 0 || w.Words > Depth {
				t.Errorf("kind %d, trained %v: %+v", k, trained, w)
			}
		}
		if DefaultWeights(k, false).Dense >= DefaultWeights(k, true).Dense {
			t.Errorf("kind %d: the cosine of an untrained model counts as much as that of a trained one", k)
		}
	}
}
