package lexical

import (
	"math"
	"slices"
	"testing"
)

func TestBlendScalesBothToTheirRange(t *testing.T) {
	var r Ranking
	r.Resize(3)
	copy(r.Slots, []uint32{5, 6, 7})
	copy(r.Cosines, []float32{.5, 0, 1})
	copy(r.BM25, []float64{30, 10, 10})
	r.Blend(.25)
	for i, want := range []float64{.25*.5 + .75, 0, .25} {
		if math.Abs(r.Scores[i]-want) > 1e-9 {
			t.Errorf("candidate %d: %g, want %g", i, r.Scores[i], want)
		}
	}
	r.Order()
	if !slices.Equal(r.Slots, []uint32{5, 7, 6}) || !slices.Equal(r.BM25, []float64{30, 10, 10}) ||
		!slices.Equal(r.Cosines, []float32{.5, 1, 0}) || r.Scores[1] != .25 {
		t.Errorf("ordered: %+v", r)
	}
}

func TestBlendOfEqualScoresIsZeroAndTiesAreOrderedBySlot(t *testing.T) {
	var r Ranking
	r.Resize(3)
	copy(r.Slots, []uint32{9, 3, 4})
	copy(r.Cosines, []float32{.7, .7, .7})
	copy(r.BM25, []float64{0, 0, 0})
	r.Blend(.5)
	r.Order()
	if !slices.Equal(r.Slots, []uint32{3, 4, 9}) || !slices.Equal(r.Scores, []float64{0, 0, 0}) {
		t.Errorf("got %v with %v", r.Slots, r.Scores)
	}
	r.Resize(0)
	r.Blend(.5)
	r.Order()
	if r.Len() != 0 {
		t.Errorf("%d candidates of none", r.Len())
	}
}

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
