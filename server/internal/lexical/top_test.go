package lexical

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

// accepts is a set of slots, listed or not.
type accepts struct {
	set    map[uint32]bool
	listed bool
}

func (a accepts) Accepts(slot uint32) bool { return a.set[slot] }
func (a accepts) Share() float64           { return .5 }
func (a accepts) Slots() index.Listing {
	if !a.listed {
		return nil
	}
	return index.Slots(slices.Sorted(maps.Keys(a.set)))
}

// bruteForce scores every slot.
func bruteForce(x *Index, q *Query, k int, accept index.Accept) []index.Candidate {
	var all []index.Candidate
	for slot := range uint32(x.Len()) {
		if score := x.score(q, slot); score > 0 && (accept == nil || accept.Accepts(slot)) {
			all = append(all, index.Candidate{Slot: slot, Score: float32(score)})
		}
	}
	slices.SortFunc(all, func(a, b index.Candidate) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Slot, b.Slot))
	})
	return all[:min(k, len(all))]
}

// mostEstimate is what a paper of some BM25 may be taken for: counts and lengths are known by classes, and each list
// adds up to a unit more.
func mostEstimate(q *Query, bm25 float64) float64 {
	return bm25*1.06 + float64(len(q.features))*float64(q.top.unit)
}

// estimated orders the accepted slots of index by what Estimates says of them.
func estimated(x *Index, q *Query, accept index.Accept) []index.Candidate {
	slots, estimates := make([]uint32, x.Len()), make([]float64, x.Len())
	for i := range slots {
		slots[i] = uint32(i)
	}
	x.Estimates(q, slots, estimates)
	var all []index.Candidate
	for i, slot := range slots {
		if estimates[i] > 0 && (accept == nil || accept.Accepts(slot)) {
			all = append(all, index.Candidate{Slot: slot, Score: float32(estimates[i])})
		}
	}
	slices.SortFunc(all, func(a, b index.Candidate) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Slot, b.Slot))
	})
	return all
}

func TestTopFindsTheHighestEstimates(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	x := New()
	for range 3000 {
		x.Append(randomTerms(rng, 60, 3000))
	}
	set := map[uint32]bool{}
	for len(set) < 150 {
		set[uint32(rng.IntN(3000))] = true
	}
	eachWindow(t, func(t *testing.T) {
		var q Query // never but for the next query: what one leaves behind, the next one has not
		for range 50 {
			x.Prepare(&q, randomTerms(rng, 12, 3000))
			for _, accept := range []index.Accept{nil, accepts{set, false}, accepts{set, true}} {
				got, err := x.Top(t.Context(), &q, 20, accept, nil)
				if err != nil {
					t.Fatal(err)
				}
				want := estimated(x, &q, accept)
				if accept != nil && accept.Slots() != nil {
					want = bruteForce(x, &q, 3000, accept)
				}
				if !slices.Equal(got, want[:min(20, len(want))]) {
					t.Fatalf("got %v\nwant %v", got, want)
				}
			}
		}
	})
}

// TestEstimatesAreNearTheirScores compares all papers of eight words and more; of shorter ones the length is hardly
// known.
func TestEstimatesAreNearTheirScores(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	x := New()
	for range 3000 {
		x.Append(randomTerms(rng, 60, 3000))
	}
	complete := 0
	for range 50 {
		var q Query
		words := randomTerms(rng, 12, 3000)
		x.Prepare(&q, words)
		exact := estimated(x, &q, nil) // before anything is looked up
		if want := bruteForce(x, &q, 3000, nil); !slices.Equal(exact, want) {
			t.Fatalf("before Top: %v, want %v", exact[:10], want[:10])
		}
		if _, err := x.Top(t.Context(), &q, 20, nil, nil); err != nil {
			t.Fatal(err)
		}
		for _, c := range exact {
			var estimate [1]float64
			x.Estimates(&q, []uint32{c.Slot}, estimate[:])
			score := float64(c.Score)
			if most := mostEstimate(&q, score); estimate[0] > most {
				t.Fatalf("paper %d of BM25 %g is taken for %g", c.Slot, score, estimate[0])
			}
			if all := len(q.top.order) == 0; all && x.rows.at(c.Slot).tokens >= 8 {
				if complete++; estimate[0] < score*.94 {
					t.Fatalf("paper %d of BM25 %g is taken for %g", c.Slot, score, estimate[0])
				}
			}
		}
		x.Prepare(&q, words)
		if again := estimated(x, &q, nil); !slices.Equal(again, exact) {
			t.Fatal("the sums outlive what they are of")
		}
	}
	if complete < 1000 {
		t.Errorf("%d papers were compared where all lists were added up", complete)
	}
}

func TestTopFindsMostOfTheBestWhereListsAreLeftOut(t *testing.T) {
	defer func(a int) { topBudget = a }(topBudget)
	topBudget = 1500 // of 30,000 postings or so, as the default is on large corpora
	rng := rand.New(rand.NewPCG(7, 8))
	x := New()
	for range 3000 {
		x.Append(randomTerms(rng, 60, 3000))
	}
	var q Query
	found, wanted := 0, 0
	for range 100 {
		x.Prepare(&q, randomTerms(rng, 12, 3000))
		got, err := x.Top(t.Context(), &q, 20, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range bruteForce(x, &q, 20, nil) {
			wanted++
			if slices.ContainsFunc(got, func(c index.Candidate) bool { return c.Slot == w.Slot }) {
				found++
			}
		}
		if !slices.IsSortedFunc(got, func(a, b index.Candidate) int {
			return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Slot, b.Slot))
		}) {
			t.Fatalf("out of order: %v", got)
		}
	}
	if share := float64(found) / float64(wanted); share < .7 {
		t.Errorf("found %.3f of the best papers, want .7", share)
	}
}

func TestTopOfNothingIsNothing(t *testing.T) {
	x := New()
	var q Query
	for _, k := range []int{0, 5} {
		x.Prepare(&q, terms(1))
		if got, err := x.Top(t.Context(), &q, k, nil, nil); err != nil || len(got) != 0 {
			t.Errorf("empty index: %v, %v", got, err)
		}
	}
	x.Append(terms(1))
	x.Prepare(&q, terms())
	if got, err := x.Top(t.Context(), &q, 5, nil, nil); err != nil || len(got) != 0 {
		t.Errorf("empty query: %v, %v", got, err)
	}
	x.Prepare(&q, terms(1))
	if got, err := x.Top(t.Context(), &q, 5, accepts{listed: true}, nil); err != nil || len(got) != 0 {
		t.Errorf("nothing accepted: %v, %v", got, err)
	}
}

func TestTopEndsWithItsContextAndStaysUsable(t *testing.T) {
	x := New()
	x.Append(terms(1, 2))
	var q Query
	x.Prepare(&q, terms(1, 2))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.Top(ctx, &q, 5, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want canceled", err)
	}
	got, err := x.Top(t.Context(), &q, 5, nil, nil)
	if want := estimated(x, &q, nil); err != nil || len(got) != 1 || !slices.Equal(got, want) {
		t.Errorf("after a cancelled query: %v, %v; want %v", got, err, want)
	}
}

func TestTopAllocatesNothingOnceGrown(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	x := New()
	for range 500 {
		x.Append(randomTerms(rng, 200, 2000))
	}
	query := randomTerms(rng, 300, 2000)
	var q Query
	dst := make([]index.Candidate, 0, 50)
	ctx := context.Background()
	if n := testing.AllocsPerRun(20, func() {
		x.Prepare(&q, query)
		if _, err := x.Top(ctx, &q, 50, nil, dst); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a query, want 0", n)
	}
}

func TestLengthClassesAreMonotoneAndNearTheirLengths(t *testing.T) {
	last := uint32(0)
	for tokens := uint32(8); tokens < 1448; tokens++ {
		class := lengthClass(tokens)
		if class < last || class >= lengthClasses {
			t.Fatalf("length %d has class %d after %d", tokens, class, last)
		}
		last = class
		if ratio := classLength(class) / float64(tokens); ratio < .87 || ratio > 1.15 {
			t.Errorf("length %d is taken for %.1f", tokens, classLength(class))
		}
	}
	for _, tokens := range []uint32{0, 1, 7, 1 << 31} {
		if class := lengthClass(tokens); class >= lengthClasses {
			t.Errorf("length %d has class %d", tokens, class)
		}
	}
}
