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

func TestTopIsExactWhereEveryCandidateIsScored(t *testing.T) {
	defer func(a int, b, c, d float64) { topBudget, topSpare, topSkipped, typicalImpact = a, b, c, d }(topBudget, topSpare,
		topSkipped, typicalImpact)
	topBudget, topSpare, topSkipped, typicalImpact = 1<<30, 1e6, 1e6, 1
	rng := rand.New(rand.NewPCG(5, 6))
	x := New()
	for range 3000 {
		x.Append(randomTerms(rng, 60, 3000))
	}
	set := map[uint32]bool{}
	for range 1000 {
		set[uint32(rng.IntN(3000))] = true
	}
	var q Query
	for range 50 {
		x.Prepare(&q, randomTerms(rng, 12, 3000))
		for _, accept := range []index.Accept{nil, accepts{set, false}, accepts{set, true}} {
			got, err := x.Top(t.Context(), &q, 20, accept, nil)
			if err != nil {
				t.Fatal(err)
			}
			if want := bruteForce(x, &q, 20, accept); !slices.Equal(got, want) {
				t.Fatalf("got %v\nwant %v", got, want)
			}
		}
	}
}

func TestTopFindsNearlyAllOfTheBestWithItsDefaults(t *testing.T) {
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
			if slices.Contains(got, w) {
				found++
			}
		}
		if !slices.IsSortedFunc(got, func(a, b index.Candidate) int {
			return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Slot, b.Slot))
		}) {
			t.Fatalf("out of order: %v", got)
		}
	}
	if share := float64(found) / float64(wanted); share < .85 {
		t.Errorf("found %.3f of the best papers, want .85", share)
	}
}

func TestTopIsTheSameWhetherAllSlotsAreLookedThroughOrThoseTouched(t *testing.T) {
	defer func(n, budget int, a, b float64) {
		fewSlots, topBudget, topSpare, topSkipped = n, budget, a, b
	}(fewSlots, topBudget, topSpare, topSkipped)
	topSpare, topSkipped = 1e6, 1e6 // which of nearly the same sums are scored may differ
	rng := rand.New(rand.NewPCG(7, 8))
	x := New()
	for range 3001 { // no multiple of 64
		x.Append(randomTerms(rng, 60, 3000))
	}
	set := map[uint32]bool{}
	for range 1000 {
		set[uint32(rng.IntN(3001))] = true
	}
	var q Query // used for both, so that one would find what the other leaves behind
	all := 0
	for range 50 {
		terms := randomTerms(rng, 12, 3000)
		for _, budget := range []int{100, 1 << 20} {
			for _, accept := range []index.Accept{nil, accepts{set, false}} {
				var found [2][]index.Candidate
				for i, few := range []int{1 << 18, 0} {
					fewSlots, topBudget = few, budget
					x.Prepare(&q, terms)
					var err error
					if found[i], err = x.Top(t.Context(), &q, 20, accept, nil); err != nil {
						t.Fatal(err)
					}
				}
				if !slices.Equal(found[0], found[1]) {
					t.Fatalf("budget %d: %v and %v", budget, found[0], found[1])
				}
				all += len(found[0])
			}
		}
	}
	if all < 50 {
		t.Errorf("found only %d papers in all", all)
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
	if want := bruteForce(x, &q, 5, nil); err != nil || !slices.Equal(got, want) {
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
