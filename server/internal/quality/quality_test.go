package quality

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-6 {
		t.Errorf("%s: %.7f, want %.7f", what, got, want)
	}
}

func TestFiguresAreThoseComputedByHand(t *testing.T) {
	grades := map[string]int{"a": 3, "b": 2, "c": 1, "d": 0, "e": -1}
	m, ok := Score([]string{"d", "b", "x", "a"}, grades)
	if !ok {
		t.Fatal("a query with relevant documents has no score")
	}
	// gain 2/log2(3) + 3/log2(5) = 1.2618595 + 1.2920297; ideal 3 + 2/log2(3) + 1/2 = 4.7618595.
	near(t, "ndcg@10", m.NDCG10, 2.5538892/4.7618595)
	near(t, "recall@10", m.Recall10, 2./3)
	near(t, "recall@100", m.Recall100, 2./3)
	near(t, "mrr@10", m.MRR10, .5)
	near(t, "hit@1", m.Hit1, 0)
}

func TestAnIdealRankingScoresOne(t *testing.T) {
	m, _ := Score([]int{1, 2, 3}, map[int]int{1: 2, 2: 1})
	if m != (Metrics{1, 1, 1, 1, 1}) {
		t.Errorf("got %+v", m)
	}
}

func TestCutsAreAtTenAndAHundred(t *testing.T) {
	ranking := make([]int, 150)
	for i := range ranking {
		ranking[i] = i
	}
	m, _ := Score(ranking, map[int]int{10: 1, 99: 1, 100: 1, 9: 1})
	near(t, "recall@10", m.Recall10, .25)
	near(t, "recall@100", m.Recall100, .75)
	near(t, "mrr@10", m.MRR10, .1)
	// ideal 1 + .6309298 + .5 + .4306766 = 2.5616064; gain 1/log2(11) = .2890648.
	near(t, "ndcg@10", m.NDCG10, .2890648/2.5616064)
}

func TestTheIdealGainIsCutAtTenToo(t *testing.T) {
	grades := map[int]int{}
	ranking := make([]int, 10)
	for i := range 20 {
		grades[i] = 1
		if i < 10 {
			ranking[i] = i
		}
	}
	m, _ := Score(ranking, grades)
	near(t, "ndcg@10", m.NDCG10, 1)
	near(t, "recall@10", m.Recall10, .5)
}

func TestQueriesWithoutRelevantDocumentsAreSkipped(t *testing.T) {
	for _, grades := range []map[int]int{nil, {1: 0}, {1: -2}} {
		if _, ok := Score([]int{1}, grades); ok {
			t.Errorf("grades %v have a score", grades)
		}
	}
}

func TestAnEmptyRankingScoresZero(t *testing.T) {
	if m, ok := Score(nil, map[int]int{1: 1}); !ok || m != (Metrics{}) {
		t.Errorf("got %+v, %v", m, ok)
	}
}

func TestMeanIsOverQueries(t *testing.T) {
	if m := Mean([]Metrics{{1, 0, 1, 1, 1}, {0, 0, 1, .5, 0}}); m != (Metrics{.5, 0, 1, .75, .5}) {
		t.Errorf("got %+v", m)
	}
	if m := Mean(nil); m != (Metrics{}) {
		t.Errorf("mean of nothing: %+v", m)
	}
}
