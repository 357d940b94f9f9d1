package indextest

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

func (s *suite) testExact(t *testing.T) {
	rng := newRand(20)
	vectors := Clustered(rng, s.Vectors, dims)
	x := s.index(t, dims)
	half := len(vectors) / 2
	appendAll(t, x, vectors[:half])
	catchup(t, x)
	appendAll(t, x, vectors[half:]) // an engine with a graph now has vectors outside it
	for range 2 {
		if got := s.meanRecall(t, x, vectors, vectors[half-20:half+20], index.Query{K: 10, Exact: true}); got < .99 {
			t.Errorf("exact searches have recall %.3f of the float32 truth", got)
		}
		catchup(t, x)
	}
}

func (s *suite) testRecall(t *testing.T) {
	rng := newRand(21)
	vectors := Clustered(rng, s.Vectors+100, dims)
	vectors, queries := vectors[:s.Vectors], vectors[s.Vectors:]
	x := s.index(t, dims)
	half := len(vectors) / 2
	appendAll(t, x, vectors[:half])
	s.wantRecall(t, x, vectors[:half], queries, nil, s.Recall)
	catchup(t, x)
	appendAll(t, x, vectors[half:])
	s.wantRecall(t, x, vectors, queries, nil, s.Recall)
	catchup(t, x)
	s.wantRecall(t, x, vectors, queries, nil, s.Recall)
}

func (s *suite) testAccept(t *testing.T) {
	rng := newRand(22)
	vectors := Clustered(rng, s.Vectors, dims)
	x := s.filled(t, vectors)
	queries := Clustered(rng, 40, dims)
	for _, share := range []float64{1, .5, .1, .01, 0} {
		slots := make([]uint32, 0, len(vectors))
		for _, slot := range rng.Perm(len(vectors))[:int(math.Ceil(share*float64(len(vectors))))] {
			slots = append(slots, uint32(slot))
		}
		for _, list := range []bool{true, false} {
			accept := NewSet(slots, list)
			for _, q := range ways {
				q.K, q.Accept = 10, accept
				got := s.meanRecall(t, x, vectors, queries, q)
				if !q.Walk && got < s.Recall {
					t.Errorf("mean recall@10 is %.3f with %g of all accepted (listed %v, exact %v), want %.3f",
						got, share, list, q.Exact, s.Recall)
				}
			}
		}
	}
	// A single slot, far from the query.
	for slot := range vectors[:20] {
		s.search(t, x, vectors, &index.Query{Vector: queries[0], K: 3, Accept: NewSet([]uint32{uint32(slot)}, true)})
	}
}

func (s *suite) testIdentical(t *testing.T) {
	rng := newRand(23)
	vectors := Clustered(rng, s.Vectors, dims)
	queries := vectors[:40:40]
	same := gaussian(rng, dims, 1)
	for range 2 * s.Vectors {
		vectors = append(vectors, same)
	}
	ordinary := len(vectors) / 3
	rng.Shuffle(len(vectors)-40, func(i, j int) { // the queries stay where they are
		vectors[40+i], vectors[40+j] = vectors[40+j], vectors[40+i]
	})
	x := s.filled(t, vectors)
	// Recall of ordinary vectors does not suffer.
	s.wantRecall(t, x, vectors, queries, nil, s.Adversarial)
	// Every ordinary vector finds itself or an equal.
	tried, found := 0, 0.
	for _, v := range vectors {
		if &v[0] == &same[0] {
			continue
		}
		_, recall := s.search(t, x, vectors, &index.Query{Vector: v, K: 1, Walk: true})
		found += recall
		if tried++; tried == 100 {
			break
		}
	}
	if share := found / float64(tried); share < s.Adversarial {
		t.Errorf("%.3f of the ordinary vectors among %d identical ones find themselves, want %.3f", share, 2*s.Vectors,
			s.Adversarial)
	}
	// The identical ones are found, and in order of slots where they are all scored.
	s.wantRecall(t, x, vectors, [][]float32{same}, nil, s.Adversarial)
	got := s.meanRecall(t, x, vectors, [][]float32{same, queries[0]}, index.Query{K: 2*ordinary + 10, Exact: true})
	if got < .99 {
		t.Errorf("an exact search beyond all identical vectors has recall %.3f", got)
	}
}

func (s *suite) testSorted(t *testing.T) {
	rng := newRand(24)
	vectors := Clustered(rng, s.Vectors, dims)
	axis := gaussian(rng, dims, 1)
	slices.SortFunc(vectors, func(a, b []float32) int {
		if cosine(a, axis) < cosine(b, axis) {
			return -1
		}
		return 1
	})
	x := s.filled(t, vectors)
	s.wantRecall(t, x, vectors, Clustered(rng, 60, dims), nil, s.Adversarial)
	// Along a spiral every vector is nearest to the one before it.
	spiral := make([][]float32, s.Vectors)
	for i := range spiral {
		angle := 6 * float64(i) / float64(len(spiral))
		v := gaussian(rng, dims, .01)
		v[0] += float32(math.Cos(angle))
		v[1] += float32(math.Sin(angle))
		v[2] += float32(angle)
		spiral[i] = v
	}
	y := s.filled(t, spiral)
	s.wantRecall(t, y, spiral, spiral[:60], nil, s.Adversarial)
	s.wantRecall(t, y, spiral, spiral[len(spiral)-60:], nil, s.Adversarial)
}

func (s *suite) testFarCluster(t *testing.T) {
	rng := newRand(25)
	main := gaussian(rng, dims, 1)
	far := make([]float32, dims)
	for i, v := range main {
		far[i] = -v
	}
	var vectors, queries [][]float32
	for i := range s.Vectors {
		centre := main
		if i > s.Vectors*4/5 || i == 0 {
			centre = far
		}
		vectors = append(vectors, near(rng, centre, .3))
	}
	for range 30 {
		queries = append(queries, near(rng, far, .3))
	}
	x := s.filled(t, vectors)
	s.wantRecall(t, x, vectors, queries, nil, s.Adversarial)
}

func (s *suite) testOneDimension(t *testing.T) {
	rng := newRand(26)
	vectors := make([][]float32, 300)
	for i := range vectors {
		vectors[i] = []float32{float32(rng.NormFloat64())}
	}
	vectors[17][0] = 0
	x := s.filled(t, vectors)
	for _, q := range ways {
		for _, k := range []int{1, 10, 200, 400} {
			q.K = k
			s.meanRecall(t, x, vectors, vectors[:25], q)
		}
	}
}

func (s *suite) testDimensions(t *testing.T) {
	for _, d := range []int{2, 3, 7, 16, 31, 33, 64, 100, 256, 384, 1000} {
		rng := newRand(uint64(d))
		vectors := Clustered(rng, 80, d)
		x := s.filled(t, vectors)
		for _, q := range ways {
			q.K = 10
			s.meanRecall(t, x, vectors, vectors[:10], q)
		}
	}
}

func (s *suite) testCancelled(t *testing.T) {
	rng := newRand(27)
	vectors := Clustered(rng, 400, dims)
	x := s.index(t, dims)
	appendAll(t, x, vectors)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, q := range ways {
		q.Vector, q.K = vectors[0], 10
		if hits, _, err := x.Search(ctx, &q, nil); !errors.Is(err, context.Canceled) || len(hits) > 0 {
			t.Errorf("Search after cancellation (exact %v, walk %v): %d hits, %v", q.Exact, q.Walk, len(hits), err)
		}
	}
	// A cancelled Catchup leaves an index that works, and the next one finishes it.
	if err := x.Catchup(ctx, index.Workers(2)); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled Catchup: %v", err)
	}
	s.meanRecall(t, x, vectors, vectors[:10], index.Query{K: 10})
	catchup(t, x)
	s.meanRecall(t, x, vectors, vectors[:10], index.Query{K: 10, Exact: true})
}
