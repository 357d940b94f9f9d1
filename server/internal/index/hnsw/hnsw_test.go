package hnsw

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

// clustered draws vectors around random centres, which is closer to the vectors of texts than noise is.
func clustered(r *rand.Rand, dims, n int) [][]float32 {
	centres := make([][]float32, 1+n/50)
	for i := range centres {
		centres[i] = gaussian(r, dims)
	}
	vectors := make([][]float32, n)
	for i := range vectors {
		v, c := gaussian(r, dims), centres[r.IntN(len(centres))]
		for j := range v {
			v[j] = .8*v[j] + c[j]
		}
		vectors[i] = v
	}
	return vectors
}

func gaussian(r *rand.Rand, dims int) []float32 {
	v := make([]float32, dims)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

// build appends vectors and catches up on two workers.
func build(t testing.TB, dims int, vectors [][]float32, config Config) *Index {
	t.Helper()
	x := New(dims, config)
	appendAll(t, x, vectors)
	catchUp(t, x)
	return x
}

func appendAll(t testing.TB, x *Index, vectors [][]float32) {
	t.Helper()
	for i, v := range vectors {
		if _, err := x.Append(v); err != nil {
			t.Fatalf("append %d: %v", i, err)
		}
	}
}

func catchUp(t testing.TB, x *Index) {
	t.Helper()
	if err := x.Catchup(context.Background(), index.Workers(2)); err != nil {
		t.Fatal(err)
	}
}

func check(t testing.TB, x *Index) {
	t.Helper()
	if err := x.Check(); err != nil {
		t.Fatal(err)
	}
}

func search(t testing.TB, x *Index, q index.Query) ([]index.Candidate, index.Report) {
	t.Helper()
	hits, report, err := x.Search(context.Background(), &q, nil)
	if err != nil {
		t.Fatal(err)
	}
	return hits, report
}

// recall is the share of the exact k best that walks find, over queries.
func recall(t testing.TB, x *Index, queries [][]float32, k, ef int, accept index.Accept) float64 {
	t.Helper()
	found, wanted := 0, 0
	for _, v := range queries {
		exact, _ := search(t, x, index.Query{Vector: v, K: k, Exact: true, Accept: accept})
		walked, report := search(t, x, index.Query{Vector: v, K: k, Ef: ef, Walk: true, Accept: accept})
		if report.Exact {
			t.Fatal("a walk was asked for and a scan was done")
		}
		wanted += len(exact)
		for _, c := range exact {
			if slices.ContainsFunc(walked, func(w index.Candidate) bool { return w.Slot == c.Slot }) {
				found++
			}
		}
	}
	return float64(found) / float64(wanted)
}

func TestWalkFindsTheNearest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	n := 2000
	if testing.Short() {
		n = 1200 // more than one stride of a build
	}
	x := build(t, 32, clustered(r, 32, n), Config{})
	check(t, x)
	if got := recall(t, x, clustered(r, 32, 50), 10, 64, nil); got < .97 {
		t.Fatalf("recall %.3f", got)
	}
}

// TestNearTwinsMakeTheBeamWide: around one centre, neighbours differ by less than coarse codes can tell. A walk that
// ended by their scores alone would stop among the first that look as good as the tenth.
func TestNearTwinsMakeTheBeamWide(t *testing.T) {
	const dims, k = 24, 10
	r := rand.New(rand.NewPCG(5, 5))
	centre := gaussian(r, dims)
	vectors := make([][]float32, 2000)
	for i := range vectors {
		vectors[i] = gaussian(r, dims)
		for j, c := range centre {
			vectors[i][j] = c + .002*vectors[i][j]
		}
	}
	x := build(t, dims, vectors, Config{})
	found := 0
	for _, v := range vectors[:40] {
		exact, _ := search(t, x, index.Query{Vector: v, K: k, Exact: true})
		hits, _ := search(t, x, index.Query{Vector: v, K: k, Walk: true})
		for _, h := range hits {
			if slices.ContainsFunc(exact, func(e index.Candidate) bool { return e.Slot == h.Slot }) {
				found++
			}
		}
	}
	if recall := float64(found) / (40 * k); recall < .6 {
		t.Errorf("recall@10 of near twins is %.3f", recall)
	}
}
