package layout

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// blobs draws n vectors around a number of centres, and finds their neighbours by looking at all.
func blobs(n, centres, dims, k int, seed uint64) (rows [][]float32, near Neighbours) {
	rng := rand.New(rand.NewPCG(seed, 0))
	middle := make([][]float32, centres)
	for i := range middle {
		middle[i] = make([]float32, dims)
		for j := range middle[i] {
			middle[i][j] = float32(rng.NormFloat64())
		}
	}
	rows = make([][]float32, n)
	for i := range rows {
		rows[i] = make([]float32, dims)
		for j := range rows[i] {
			rows[i][j] = middle[i%centres][j] + .6*float32(rng.NormFloat64())
		}
	}
	near = Neighbours{K: k, Lists: make([]uint32, n*k)}
	for i := range rows {
		copy(near.Lists[i*k:(i+1)*k], nearestOf(n, i, k, func(j int) float64 {
			sum := 0.
			for d := range dims {
				diff := float64(rows[i][d] - rows[j][d])
				sum += diff * diff
			}
			return sum
		}))
	}
	return rows, near
}

func nearestOf(n, self, k int, distance func(j int) float64) []uint32 {
	order := make([]uint32, 0, n)
	distances := make([]float64, n)
	for j := range n {
		if j != self {
			order = append(order, uint32(j))
			distances[j] = distance(j)
		}
	}
	slices.SortFunc(order, func(a, b uint32) int {
		if distances[a] < distances[b] {
			return -1
		}
		return 1
	})
	return order[:k]
}

func drawn(t *testing.T, rows [][]float32, near Neighbours, o Options) []Point {
	t.Helper()
	start, err := Principal(t.Context(), len(rows), len(rows[0]), func(i int, dst []float32) error {
		copy(dst, rows[i])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	points, err := Compute(t.Context(), near, start, o)
	if err != nil {
		t.Fatal(err)
	}
	return points
}

// keptOn is the share of the first 5 neighbours that are among the 15 nearest on the map.
func keptOn(points []Point, near Neighbours) float64 {
	hits := 0
	for i, p := range points {
		seen := nearestOf(len(points), i, 15, func(j int) float64 {
			return math.Hypot(float64(points[j].X-p.X), float64(points[j].Y-p.Y))
		})
		for _, j := range near.Lists[i*near.K:][:5] {
			if slices.Contains(seen, j) {
				hits++
			}
		}
	}
	return float64(hits) / float64(5*len(points))
}

func TestTheMapKeepsMoreNeighboursThanItsBeginning(t *testing.T) {
	rows, near := blobs(600, 12, 24, 10, 1)
	points := drawn(t, rows, near, Options{Steps: 300})
	start, err := Principal(t.Context(), len(rows), len(rows[0]), func(i int, dst []float32) error {
		copy(dst, rows[i])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, before := keptOn(points, near), keptOn(start, near)
	if got < .45 || got < 2*before {
		t.Errorf("the map keeps %.3f of the neighbours, its beginning %.3f", got, before)
	}
}

func TestTheMapIsTheSameForAnyNumberOfWorkers(t *testing.T) {
	const n, k = 5000, 5 // several pieces of points and bands of rows
	rng := rand.New(rand.NewPCG(2, 2))
	near, start := Neighbours{K: k, Lists: make([]uint32, n*k)}, make([]Point, n)
	for i := range start {
		start[i] = Point{60 * rng.Float32(), 60 * rng.Float32()}
		for j := range k {
			near.Lists[i*k+j] = uint32((i + 1 + 31*j) % n)
		}
	}
	drawn := func(o Options) []Point {
		o.Steps, o.Settled = 20, true
		points, err := Compute(t.Context(), near, start, o)
		if err != nil {
			t.Fatal(err)
		}
		return points
	}
	at := 0
	changing := func() int { at++; return 1 + at%5 }
	one := drawn(Options{})
	for name, workers := range map[string]func() int{"three": func() int { return 3 }, "changing": changing} {
		if other := drawn(Options{Workers: workers}); !slices.Equal(one, other) {
			t.Errorf("%s workers draw another map than one", name)
		}
	}
}

func TestDrawingAgainLeavesPlacesWhereTheyWere(t *testing.T) {
	rows, near := blobs(800, 10, 16, 10, 3)
	before := drawn(t, rows, near, Options{Steps: 250})
	rng := rand.New(rand.NewPCG(9, 9))
	for i := range len(rows) { // another model finds some other neighbours
		list := near.Lists[i*near.K:][:near.K]
		if j := uint32(rng.IntN(len(rows))); int(j) != i && !slices.Contains(list, j) {
			list[near.K-1] = j
		}
	}
	after, err := Compute(t.Context(), near, before, Options{Settled: true, Steps: 100})
	if err != nil {
		t.Fatal(err)
	}
	Align(after, func(i int) (Point, bool) { return before[i], true })
	low, high := bounds(before)
	moves := make([]float64, len(before))
	for i, p := range before {
		moves[i] = math.Hypot(float64(after[i].X-p.X), float64(after[i].Y-p.Y))
	}
	slices.Sort(moves)
	if median := moves[len(moves)/2] / float64(high.X-low.X); median > .05 {
		t.Errorf("the median place moved by %.3f of the width", median)
	}
}

func TestComputeStopsWithItsContext(t *testing.T) {
	rows, near := blobs(200, 4, 4, 5, 4)
	ctx, cancel := context.WithCancel(t.Context())
	steps := 0
	_, err := Compute(ctx, near, make([]Point, len(rows)), Options{Progress: func(done, of int) {
		if steps = done; done == 7 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || steps != 7 {
		t.Errorf("cancelled after step 7, it ended after step %d with %v", steps, err)
	}
	if _, err := Principal(ctx, 10, 4, func(int, []float32) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("principal components with an ended context: %v", err)
	}
}

func TestPointsThatBeginTogetherComeApart(t *testing.T) {
	_, near := blobs(300, 3, 4, 5, 5)
	points, err := Compute(t.Context(), near, make([]Point, 300), Options{Steps: 200})
	if err != nil {
		t.Fatal(err)
	}
	distinct := map[Point]bool{}
	for _, p := range points {
		if math.IsNaN(float64(p.X)) || math.IsInf(float64(p.Y), 0) {
			t.Fatalf("a point went to %v", p)
		}
		distinct[p] = true
	}
	if len(distinct) < 295 {
		t.Errorf("300 points have %d places", len(distinct))
	}
}

func TestSmallAndOddGraphs(t *testing.T) {
	for name, near := range map[string]Neighbours{
		"nothing":         {K: 3},
		"one point":       {K: 2, Lists: []uint32{None, None}},
		"two points":      {K: 1, Lists: []uint32{1, 0}},
		"nobody's friend": {K: 1, Lists: []uint32{1, 0, None}},
		"two islands":     {K: 1, Lists: []uint32{1, 0, 3, 2}},
	} {
		points, err := Compute(t.Context(), near, make([]Point, len(near.Lists)/near.K), Options{})
		if err != nil || len(points) != len(near.Lists)/near.K {
			t.Errorf("%s: %d points, %v", name, len(points), err)
		}
		for _, p := range points {
			if d := math.Hypot(float64(p.X), float64(p.Y)); !(d < 1000) {
				t.Errorf("%s: a point went to %v", name, p)
			}
		}
	}
	for name, c := range map[string]struct {
		near  Neighbours
		start []Point
	}{
		"no lists":           {Neighbours{K: 0}, nil},
		"half a list":        {Neighbours{K: 2, Lists: []uint32{1}}, nil},
		"itself":             {Neighbours{K: 1, Lists: []uint32{0}}, make([]Point, 1)},
		"a stranger":         {Neighbours{K: 1, Lists: []uint32{7, 0}}, make([]Point, 2)},
		"too few places":     {Neighbours{K: 1, Lists: []uint32{1, 0}}, make([]Point, 1)},
		"a place that's not": {Neighbours{K: 1, Lists: []uint32{1, 0}}, []Point{{float32(math.NaN()), 0}, {}}},
	} {
		if _, err := Compute(t.Context(), c.near, c.start, Options{}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestPlaceIsBesideTheNeighboursThatAgree(t *testing.T) {
	near := []Point{{1, 1}, {1.2, 1}, {90, 90}, {1, 1.1}}
	p, ok := Place(near, Point{.25, 0})
	if !ok || math.Hypot(float64(p.X-1.35), float64(p.Y-1)) > .4 {
		t.Errorf("placed at %v", p)
	}
	if _, ok := Place(nil, Point{}); ok {
		t.Error("a point without neighbours has a place")
	}
}

func TestAlignUndoesTurnsMirrorsAndMoves(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	was := make([]Point, 50)
	for i := range was {
		was[i] = Point{rng.Float32() * 10, rng.Float32()}
	}
	sin, cos := math.Sincos(2)
	for _, mirror := range []float64{1, -1} {
		points := make([]Point, len(was))
		for i, p := range was {
			x, y := float64(p.X)*mirror, float64(p.Y)
			points[i] = Point{float32(cos*x - sin*y + 7), float32(sin*x + cos*y - 3)}
		}
		Align(points, func(i int) (Point, bool) { return was[i], i%2 == 0 })
		for i, p := range points {
			if d := math.Hypot(float64(p.X-was[i].X), float64(p.Y-was[i].Y)); d > 1e-4 {
				t.Fatalf("mirrored %v: point %d is %g from where it was", mirror < 0, i, d)
			}
		}
	}
	lonely := []Point{{1, 2}}
	Align(lonely, func(int) (Point, bool) { return Point{}, false })
	if lonely[0] != (Point{1, 2}) {
		t.Errorf("a map that nothing is known of was moved: %v", lonely)
	}
}

func BenchmarkStep(b *testing.B) {
	const n, k = 20_000, 15
	rng := rand.New(rand.NewPCG(8, 8))
	near := Neighbours{K: k, Lists: make([]uint32, n*k)}
	for i := range near.Lists {
		near.Lists[i] = uint32((i/k + 1 + i%k*7) % n)
	}
	start := make([]Point, n)
	for i := range start {
		start[i] = Point{rng.Float32() * 100, rng.Float32() * 100}
	}
	g, err := newGraph(near.Lists, k)
	if err != nil {
		b.Fatal(err)
	}
	d := newDescent(g, start)
	d.work.size = 1
	for b.Loop() {
		d.step(1, 1, 0)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/point")
}
