package engine

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/rank"
	"github.com/akin-search/akin/server/internal/sample"
)

// TestPagesOfAnySizeShowOneRanking pages through searches of a trained model, whose first hits are made of fewer
// candidates than can be paged through.
func TestPagesOfAnySizeShowOneRanking(t *testing.T) {
	papers, err := sample.Papers()
	if err != nil {
		t.Fatal(err)
	}
	e := open(t, t.TempDir())
	mustUpsert(t, e, papers...)
	if _, err := e.Train(t.Context(), TrainOptions{Epochs: 2, Seed: 1}, nil); err != nil {
		t.Fatal(err)
	}
	least := -1.
	for name, q := range map[string]Query{
		"a title":        {Text: papers[7].Title},
		"a sentence":     {Text: "How do transformers store factual knowledge, and how can it be edited?"},
		"a paper":        {PaperID: papers[3].ID},
		"unknown words":  {Text: "zyzzyva quokka"},
		"a least cosine": {Text: papers[7].Title, Options: Options{MinCosine: &least}},
		"age":            {Text: papers[7].Title, Options: Options{RecencyHalfLife: 5000 * time.Hour}},
	} {
		q.PageSize = minDepth
		whole := search(t, e, q).Hits
		if len(whole) != minDepth && q.Text != "zyzzyva quokka" {
			t.Errorf("%s: %d hits", name, len(whole))
		}
		if !slices.IsSortedFunc(whole, func(a, b Hit) int { return cmp.Compare(b.Score, a.Score) }) {
			t.Errorf("%s: scores rise", name)
		}
		for _, size := range []int{10, 33, rank.Depth} {
			var joined []Hit
			for q.PageSize, q.PageToken = size, ""; ; {
				page := search(t, e, q)
				joined = append(joined, page.Hits...)
				if q.PageToken = page.NextPageToken; q.PageToken == "" {
					break
				}
			}
			if got, want := fmt.Sprint(ids(joined)), fmt.Sprint(ids(whole)); got != want {
				t.Errorf("%s: pages of %d hold\n%s\nand one page\n%s", name, size, got, want)
			}
		}
		q.PageToken = ""
	}
}

func TestReachFollowsWhatDecides(t *testing.T) {
	both := rank.Weights{Dense: .5, Words: rank.Depth / 2}
	for _, test := range []struct {
		name         string
		options      Options
		weights      rank.Weights
		limit, depth int
		want         [2]int // candidates, reach
	}{
		{"the first hits", Options{}, both, 10, 100, [2]int{rank.Depth, 0}},
		{"as many hits as are looked at closely", Options{}, both, rank.Close, 100, [2]int{rank.Depth, 100}},
		{"some of them dropped", Options{MinCosine: new(float64)}, both, 10, 100, [2]int{rank.Depth, 100}},
		{"some of them dropped as not rare", Options{MinOneIn: 2}, both, 10, 100, [2]int{rank.Depth, 100}},
		{"the last page", Options{}, both, 100, 100, [2]int{rank.Depth, 100}},
		{"a large page", Options{}, both, 10, 200, [2]int{200, 200}},
		{"no words", Options{}, rank.Weights{Dense: .6}, 10, 100, [2]int{100, 100}},
		{"words above all", Options{}, rank.Weights{Dense: .05, Words: rank.Depth}, 10, 100, [2]int{100, 100}},
		{"age", Options{RecencyHalfLife: time.Hour}, both, 10, 100, [2]int{100, 100}},
		{"diversity", Options{Diversity: .3}, both, 10, 100, [2]int{100, 100}},
	} {
		candidates, reach := test.options.Reach(&test.weights, test.limit, test.depth)
		if got := [2]int{candidates, reach}; got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
