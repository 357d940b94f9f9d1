package rank

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index/flat"
)

// randomNeighbourhood makes n candidates with random vectors and scores.
func randomNeighbourhood(t testing.TB, rng *rand.Rand, n, dims int) (*list, *flat.Index) {
	t.Helper()
	vectors := flat.New(dims)
	l := &list{}
	l.resize(n)
	row := make([]float32, dims)
	for i := range n {
		for j := range row {
			row[j] = float32(rng.NormFloat64()) + 1 // mostly alike
		}
		slot, err := vectors.Append(row)
		if err != nil {
			t.Fatal(err)
		}
		l.slots[i], l.scores[i], l.parts[i] = slot, math.Round(rng.Float64()*40)/40, Parts{}
	}
	return l, vectors
}

// TestNeighboursFollowTheirFormula compares with the formula, spelt out.
func TestNeighboursFollowTheirFormula(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for _, n := range []int{0, 1, 2, 3, 10, 11, 12, neighbourhood, neighbourhood + 30} {
		const dims, weight = 16, .25
		l, vectors := randomNeighbourhood(t, rng, n, dims)
		before := slices.Clone(l.scores)
		if err := l.neighbours(vectors, weight); err != nil {
			t.Fatal(err)
		}
		// The best by score, ties by position.
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return int(40 * (before[b] - before[a])) })
		order = order[:min(n, neighbourhood)]
		want := slices.Clone(before)
		if len(order) >= 3 {
			means := formula(t, vectors, l.slots, before, order)
			for i, at := range order {
				want[at] += weight * means[i]
			}
		}
		for i := range want {
			if math.Abs(l.scores[i]-want[i]) > 1e-6 || math.Abs(l.scores[i]-before[i]-l.parts[i].Neighbourhood) > 1e-9 {
				t.Errorf("%d candidates, number %d: %g with part %g, want %g", n, i, l.scores[i], l.parts[i].Neighbourhood, want[i])
			}
		}
	}
}

func formula(t *testing.T, vectors *flat.Index, slots []uint32, scores []float64, order []int) []float64 {
	t.Helper()
	rows := make([][]float32, len(order))
	s := make([]float64, len(order))
	for i, at := range order {
		rows[i], s[i] = make([]float32, vectors.Dims()), scores[at]
		if err := vectors.Vector(slots[at], rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	unit := func(v []float64) {
		low, high := slices.Min(v), slices.Max(v)
		for i := range v {
			v[i] = (v[i] - low) / (high - low)
		}
	}
	unit(s)
	means := make([]float64, len(order))
	for i := range order {
		type pair struct{ w, s float64 }
		var others []pair
		for j := range order {
			if c := max(0, float64(vector.Dot(rows[i], rows[j]))); i != j {
				others = append(others, pair{c * c, s[j]})
			}
		}
		slices.SortFunc(others, func(a, b pair) int { return int(math.Copysign(1, b.w-a.w)) })
		sum, weights := 0., 0.
		for _, o := range others[:min(10, len(others))] {
			sum += o.w * o.s
			weights += o.w
		}
		means[i] = sum / weights
	}
	unit(means)
	return means
}

func TestNeighboursAllocateNothing(t *testing.T) {
	l, vectors := randomNeighbourhood(t, rand.New(rand.NewPCG(1, 1)), 120, 64)
	if n := testing.AllocsPerRun(20, func() {
		if err := l.neighbours(vectors, .1); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%g allocations", n)
	}
}

func BenchmarkNeighbours(b *testing.B) {
	l, vectors := randomNeighbourhood(b, rand.New(rand.NewPCG(1, 1)), 150, 256)
	before := slices.Clone(l.scores)
	for b.Loop() {
		copy(l.scores, before)
		if err := l.neighbours(vectors, .1); err != nil {
			b.Fatal(err)
		}
	}
}
