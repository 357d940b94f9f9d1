package indextest

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

const dims = 24 // of most tests; no multiple of 16 or 32, so that kernels meet a remainder

var ways = []index.Query{{}, {Exact: true}, {Walk: true}}

func (s *suite) testEmpty(t *testing.T) {
	x := s.index(t, dims)
	catchup(t, x)
	for _, q := range ways {
		q.Vector, q.K = gaussian(newRand(1), dims, 1), 10
		s.search(t, x, nil, &q)
	}
}

func (s *suite) testBatch(t *testing.T) {
	rng := newRand(12)
	x := s.filled(t, Clustered(rng, 300, dims))
	queries := make([]*index.Query, 40)
	for i := range queries {
		q := ways[i%len(ways)]
		q.Vector, q.K = gaussian(rng, dims, 1), 1+i%20
		queries[i] = &q
	}
	hits, reports := make([][]index.Candidate, len(queries)), make([]index.Report, len(queries))
	if err := x.SearchBatch(t.Context(), queries, hits, reports); err != nil {
		t.Fatal(err)
	}
	for i, q := range queries {
		alone, report, err := x.Search(t.Context(), q, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(hits[i], alone) || reports[i].Exact != report.Exact {
			t.Errorf("query %d: %v, %v in a batch, and %v, %v alone", i, hits[i], reports[i], alone, report)
		}
	}
}

func (s *suite) testOrder(t *testing.T) {
	rng := newRand(2)
	vectors := Clustered(rng, 300, dims)
	for range 300 { // ties everywhere
		vectors = append(vectors, vectors[rng.IntN(100)])
	}
	x := s.filled(t, vectors)
	for _, q := range ways {
		q.K = 50
		s.meanRecall(t, x, vectors, vectors[:60], q)
	}
	// Among identical vectors, an exact search that cannot return all returns the lowest slots.
	for slot := range 50 {
		var same []uint32
		for other := range vectors {
			if cosine(vectors[other], vectors[slot]) > 1-1e-9 {
				same = append(same, uint32(other))
			}
		}
		k := (len(same) + 1) / 2
		hits, _ := s.search(t, x, vectors, &index.Query{Vector: vectors[slot], K: k, Exact: true})
		for i, h := range hits {
			if h.Slot != same[i] {
				t.Fatalf("hit %d among %v identical vectors is slot %d", i, same, h.Slot)
			}
		}
	}
}

func (s *suite) testK(t *testing.T) {
	rng := newRand(3)
	vectors := Clustered(rng, 120, dims)
	x := s.filled(t, vectors)
	kept := []index.Candidate{{Slot: 7, Score: 3}}
	for _, q := range ways {
		for _, k := range []int{-1, 0, 1, 2, 119, 120, 121, 10_000, math.MaxInt} {
			q.Vector, q.K = vectors[5], k
			s.search(t, x, vectors, &q)
			got, _, err := x.Search(context.Background(), &q, kept)
			if err != nil || len(got) == 0 || got[0] != kept[0] {
				t.Fatalf("Search with K %d does not append to what it is given: %v, %v", k, got, err)
			}
			s.verifyHits(t, vectors, &q, got[1:])
		}
	}
}

func (s *suite) testZero(t *testing.T) {
	rng := newRand(4)
	vectors := Clustered(rng, 200, dims)
	zeros := 0
	for i := range vectors {
		if i%3 == 0 { // the first among them
			vectors[i] = make([]float32, dims)
			zeros++
		}
	}
	x := s.filled(t, vectors)
	if got := x.Info().Zero; got != zeros {
		t.Errorf("Info().Zero = %d, want %d", got, zeros)
	}
	for _, q := range ways {
		q.K = 1000
		s.meanRecall(t, x, vectors, vectors[:20], q) // a zero query vector finds nothing
	}
	v := gaussian(rng, dims, 1)
	if err := x.Vector(0, v); err != nil || !isZero(v) {
		t.Errorf("Vector of a zero vector: %v, %v", v, err)
	}
	scores := []float32{9, 9}
	if err := x.Scores(unit(vectors[1]), []uint32{0, 3}, scores); err != nil || scores[0] != 0 || scores[1] != 0 {
		t.Errorf("Scores of zero vectors: %v, %v", scores, err)
	}
	only := s.index(t, dims)
	appendAll(t, only, [][]float32{vectors[0], vectors[3]})
	catchup(t, only)
	for _, q := range ways {
		q.Vector, q.K = vectors[1], 5
		s.search(t, only, [][]float32{vectors[0], vectors[3]}, &q)
	}
}

func (s *suite) testScaling(t *testing.T) {
	rng := newRand(5)
	var vectors [][]float32
	for _, scale := range []float64{1e-30, 1e-6, 1, 1e6, 1e18, 3e37} { // squares beyond float32 at both ends
		vectors = append(vectors, gaussian(rng, dims, scale))
	}
	copies := make([][]float32, len(vectors))
	x := s.index(t, dims)
	for i, v := range vectors {
		copies[i] = append([]float32(nil), v...)
		appendAll(t, x, [][]float32{v})
		clear(v) // the index keeps its own copy
	}
	catchup(t, x)
	for i, v := range copies {
		hits, _ := s.search(t, x, copies, &index.Query{Vector: v, K: 1, Exact: true})
		if hits[0].Slot != uint32(i) {
			t.Errorf("vector %d finds %+v before itself", i, hits[0])
		}
	}
}

func (s *suite) testBadInput(t *testing.T) {
	rng := newRand(6)
	vectors := Clustered(rng, 50, dims)
	x := s.filled(t, vectors)
	with := func(bad float32) []float32 {
		v := gaussian(rng, dims, 1)
		v[dims-1] = bad
		return v
	}
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		name   string
		vector []float32
		want   error
	}{
		{"nil", nil, index.ErrDims},
		{"short", make([]float32, dims-1), index.ErrDims},
		{"long", gaussian(rng, dims+1, 1), index.ErrDims},
		{"NaN", with(float32(math.NaN())), index.ErrNotFinite},
		{"+Inf", with(inf), index.ErrNotFinite},
		{"-Inf", with(-inf), index.ErrNotFinite},
	} {
		if _, err := x.Append(c.vector); !errors.Is(err, c.want) {
			t.Errorf("Append of a %s vector: %v, want %v", c.name, err, c.want)
		}
		for _, q := range ways {
			q.Vector, q.K = c.vector, 3
			if hits, _, err := x.Search(context.Background(), &q, nil); !errors.Is(err, c.want) || len(hits) > 0 {
				t.Errorf("Search for a %s vector: %v, %v, want %v", c.name, hits, err, c.want)
			}
		}
		if err := x.Scores(c.vector, []uint32{1}, make([]float32, 1)); !errors.Is(err, c.want) {
			t.Errorf("Scores of a %s vector: %v, want %v", c.name, err, c.want)
		}
	}
	if err := x.Vector(1, make([]float32, dims-1)); !errors.Is(err, index.ErrDims) {
		t.Errorf("Vector into a short slice: %v, want %v", err, index.ErrDims)
	}
	if x.Len() != len(vectors) {
		t.Errorf("refused vectors took slots: Len() = %d, want %d", x.Len(), len(vectors))
	}
	appendAll(t, x, vectors[:1])
}

func (s *suite) testBadSlots(t *testing.T) {
	x := s.filled(t, Clustered(newRand(7), 20, dims))
	v := unit(gaussian(newRand(8), dims, 1))
	for _, slot := range []uint32{20, 21, 1 << 20, math.MaxUint32} {
		if err := x.Scores(v, []uint32{1, slot}, make([]float32, 2)); err == nil {
			t.Errorf("Scores of slot %d of 20 is no error", slot)
		}
		if err := x.Vector(slot, make([]float32, dims)); err == nil {
			t.Errorf("Vector of slot %d of 20 is no error", slot)
		}
	}
	if err := x.Scores(v, []uint32{1, 2}, make([]float32, 1)); err == nil {
		t.Error("Scores of two slots into one place is no error")
	}
}

func (s *suite) testScores(t *testing.T) {
	rng := newRand(9)
	vectors := Clustered(rng, 200, dims)
	vectors = append(vectors, make([]float32, dims))
	spike := make([]float32, dims)
	spike[3] = -2
	vectors = append(vectors, spike)
	x := s.filled(t, vectors)
	slots := make([]uint32, len(vectors))
	for i := range slots {
		slots[i] = uint32(len(slots) - 1 - i)
	}
	scores := make([]float32, len(slots))
	stored := make([]float32, dims)
	for _, q := range vectors[:50] {
		if err := x.Scores(unit(q), slots, scores); err != nil {
			t.Fatal(err)
		}
		for i, slot := range slots {
			if want := cosine(q, vectors[slot]); !within(float64(scores[i]), want, s.Epsilon) {
				t.Fatalf("slot %d scores %g, its cosine is %g", slot, scores[i], want)
			}
		}
	}
	for slot, v := range vectors {
		if err := x.Vector(uint32(slot), stored); err != nil {
			t.Fatal(err)
		}
		for i, want := range unit(v) {
			if !within(float64(stored[i]), float64(want), s.Epsilon) {
				t.Fatalf("slot %d dimension %d is stored as %g, want %g", slot, i, stored[i], want)
			}
		}
	}
}
