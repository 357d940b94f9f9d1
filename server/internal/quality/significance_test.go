package quality

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestStandardErrorsAreThoseOfTheMean(t *testing.T) {
	got := StandardErrors([]Metrics{{NDCG10: .2, Hit1: 1}, {NDCG10: .4, Hit1: 1}, {NDCG10: .9, Hit1: 1}})
	// Mean .5, squares .09 + .01 + .16, variance .13, over 3.
	if want := math.Sqrt(.13 / 3); math.Abs(got.NDCG10-want) > 1e-12 || got.Hit1 != 0 {
		t.Errorf("got %+v, want %.4f and 0", got, want)
	}
	if got := StandardErrors([]Metrics{{NDCG10: .2}}); got != (Metrics{}) {
		t.Errorf("of one query: %+v", got)
	}
}

// TestComparisonsTellChanceFromMore: few queries can be counted out by hand, and many that differ by noise alone give
// every p as often as any other.
func TestComparisonsTellChanceFromMore(t *testing.T) {
	// All five are better by the same: of 32 assignments of signs two are as extreme.
	a, b := make([]Metrics, 5), make([]Metrics, 5)
	for i := range a {
		a[i].NDCG10, b[i].NDCG10 = .5, .4
	}
	c := Compare(a, b, 1)
	if math.Abs(c.NDCG10.Difference-.1) > 1e-9 || math.Abs(c.NDCG10.P-2./32) > .01 {
		t.Errorf("five of five: %+v, want .1 and 1 of 16", c.NDCG10)
	}
	if c.Hit1.Difference != 0 || c.Hit1.P != 1 {
		t.Errorf("no difference: %+v", c.Hit1)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	below := 0
	for trial := range 100 {
		a, b := make([]Metrics, 30), make([]Metrics, 30)
		for i := range a {
			a[i].MRR10, b[i].MRR10 = rng.Float64(), rng.Float64()
		}
		if Compare(a, b, uint64(trial)).MRR10.P < .2 {
			below++
		}
	}
	if below < 5 || below > 38 { // 20 are expected, with a standard deviation of 4
		t.Errorf("p is below .2 in %d of 100 comparisons of nothing", below)
	}
	if got := Compare(nil, nil, 1); got.NDCG10.Difference != 0 {
		t.Errorf("of no queries: %+v", got)
	}
}
