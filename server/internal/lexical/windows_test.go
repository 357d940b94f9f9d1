package lexical

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

// smallWindows makes windows of 1,024 slots until the test ends.
func smallWindows(t *testing.T) {
	t.Helper()
	old := window
	window = 1 << 10
	t.Cleanup(func() { window = old })
}

// sumsOfRows are the sums of the papers that the last Top knew, from their rows, over the lists that it added up.
func sumsOfRows(x *Index, q *Query) []uint16 {
	s := &q.top
	total := 0.
	for _, w := range q.weights {
		total += w
	}
	weights := map[uint32]float32{}
	for _, i := range s.lists[:len(s.lists)-len(s.order)] {
		weights[q.features[i]] = float32(q.weights[i] * ((1<<sumBits - 1) / total))
	}
	out := make([]uint16, s.sums.n)
	for slot := range uint32(len(out)) {
		tokens := x.rows.at(slot).tokens
		for p := x.row(slot).all(); len(p.lows) > 0; {
			word := p.next()
			if weight, ok := weights[word>>countBits]; ok {
				out[slot] += uint16(weight*s.impact[postingClass(word&maxCount, tokens)]) + 1
			}
		}
	}
	return out
}

// checkSums compares the sums of the last Top, of k papers, and what it found, with the sums of rows.
func checkSums(t *testing.T, x *Index, q *Query, k int, accept index.Accept, found []index.Candidate) {
	t.Helper()
	want := sumsOfRows(x, q)
	if got := q.top.sums.by[:len(want)]; !slices.Equal(got, want) {
		t.Fatalf("%d lists of %d: other sums than of rows", len(q.features)-len(q.top.order), len(q.features))
	}
	if len(q.top.order) > 0 && len(found) < k {
		t.Fatalf("found %d papers of %d, and left lists out", len(found), k)
	}
	var best []index.Candidate
	for slot, sum := range want {
		if sum > 0 && (accept == nil || accept.Accepts(uint32(slot))) {
			best = append(best, index.Candidate{Slot: uint32(slot), Score: float32(sum) * q.top.unit})
		}
	}
	slices.SortStableFunc(best, func(a, b index.Candidate) int { return cmp.Compare(b.Score, a.Score) })
	if !slices.Equal(found, best[:min(k, len(best))]) {
		t.Fatalf("found %v, want the first %d of %v", found, k, best[:min(2*k, len(best))])
	}
}

func TestWindowsAddUpWhatRowsSay(t *testing.T) {
	smallWindows(t)
	defer func(n int) { topBudget = n }(topBudget)
	rng := rand.New(rand.NewPCG(21, 22))
	x := New()
	const papers = 5<<10 + 500 // the last window is a part of one, and no multiple of 64
	set := map[uint32]bool{}
	for slot := range uint32(papers) {
		x.Append(randomTerms(rng, 20, 3000))
		if slot > 3000 && rng.IntN(100) == 0 { // none in the first window
			set[slot] = true
		}
	}
	var q Query // used for all, so that one would find what another leaves behind
	left := 0
	for range 15 {
		words := randomTerms(rng, 12, 3000)
		for _, topBudget = range []int{300, 5000, 1 << 30} {
			for _, accept := range []index.Accept{nil, accepts{set, false}} {
				x.Prepare(&q, words)
				found, err := x.Top(t.Context(), &q, 20, accept, nil)
				if err != nil {
					t.Fatal(err)
				}
				if !q.Empty() {
					checkSums(t, x, &q, 20, accept, found)
					left += len(q.top.order)
				}
			}
		}
	}
	if left == 0 {
		t.Error("no list was ever left out")
	}
}

// TestWindowsBesideTheAppender checks queries by the rows while papers are appended: those that come after a query
// began count nothing.
func TestWindowsBesideTheAppender(t *testing.T) {
	smallWindows(t)
	rng := rand.New(rand.NewPCG(23, 24))
	x := New()
	for range 1<<10 - 100 {
		x.Append(randomTerms(rng, 10, 1000))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		rng := rand.New(rand.NewPCG(25, 26))
		for range 1 << 12 {
			x.Append(randomTerms(rng, 10, 1000))
		}
	}()
	var q Query
	for appending := true; appending; {
		select {
		case <-done:
			appending = false // once more
		default:
		}
		x.Prepare(&q, randomTerms(rng, 12, 1000))
		found, err := x.Top(t.Context(), &q, 20, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !q.Empty() {
			checkSums(t, x, &q, 20, nil, found)
		}
	}
}

// endsAfter is a context that is canceled once it was asked so often.
type endsAfter struct {
	context.Context
	asked, end int
}

func (c *endsAfter) Err() error {
	if c.asked++; c.asked > c.end {
		return context.Canceled
	}
	return nil
}

func TestTopEndsBetweenWindows(t *testing.T) {
	smallWindows(t)
	rng := rand.New(rand.NewPCG(29, 30))
	x := New()
	for range 3 << 10 {
		x.Append(terms(1+rng.Uint32N(50), 1+rng.Uint32N(50)))
	}
	var q Query
	words := terms(1, 2, 3)
	ended := 0
	for n := 0; ; n++ {
		x.Prepare(&q, words)
		found, err := x.Top(&endsAfter{Context: t.Context(), end: n}, &q, 20, nil, nil)
		if err == nil {
			checkSums(t, x, &q, 20, nil, found)
			break
		}
		if ended++; !errors.Is(err, context.Canceled) || len(found) != 0 {
			t.Fatalf("%d papers, %v", len(found), err)
		}
	}
	if ended != 3 {
		t.Errorf("ended at %d places", ended)
	}
}
