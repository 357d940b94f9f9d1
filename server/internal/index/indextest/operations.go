package indextest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

// testRandomOperations expresses updates and deletes as the engine's owner does, as Accept sets over slots that never
// change, and compares every answer with a map of live keys.
func (s *suite) testRandomOperations(t *testing.T) {
	steps := 600
	if testing.Short() {
		steps = 250
	}
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) { s.randomOperations(t, newRand(100+seed), steps) })
	}
}

func (s *suite) randomOperations(t *testing.T, rng *rand.Rand, steps int) {
	d := 1 + rng.IntN(40)
	pool := Clustered(rng, 200, d)
	pool = append(pool, make([]float32, d))
	x := s.index(t, d)
	var vectors [][]float32
	live := map[int]uint32{} // key -> slot
	sum, answers := 0., 0
	for range steps {
		switch op := rng.IntN(100); {
		case op < 55: // insert or update
			v := pool[rng.IntN(len(pool))]
			slot, err := x.Append(v)
			if err != nil || int(slot) != len(vectors) {
				t.Fatalf("Append: slot %d, %v, want slot %d", slot, err, len(vectors))
			}
			vectors = append(vectors, v)
			live[rng.IntN(150)] = slot
		case op < 65: // delete
			delete(live, rng.IntN(150))
		case op < 68:
			catchup(t, x)
		case op < 69:
			x = s.reload(t, x, x.Len())
		default:
			q := ways[rng.IntN(len(ways))]
			q.Vector, q.K = pool[rng.IntN(len(pool))], rng.IntN(30)
			if rng.IntN(4) > 0 {
				slots := make([]uint32, 0, len(live))
				for _, slot := range live {
					slots = append(slots, slot)
				}
				q.Accept = NewSet(slots, rng.IntN(2) == 0)
			}
			_, recall := s.search(t, x, vectors, &q)
			if !q.Walk || q.Accept == nil {
				sum += recall
				answers++
			}
		}
	}
	if mean := sum / float64(max(1, answers)); mean < s.Recall {
		t.Errorf("mean recall over random operations is %.3f, want %.3f", mean, s.Recall)
	}
}

// testChurn replaces a fifth of all vectors, again and again: tombstones in the graph must not cost recall.
func (s *suite) testChurn(t *testing.T) {
	rng := newRand(40)
	fresh := Clustered(rng, 2*s.Vectors+40, dims)
	queries := fresh[2*s.Vectors:]
	fresh = fresh[:2*s.Vectors]
	vectors := fresh[:s.Vectors:s.Vectors]
	fresh = fresh[s.Vectors:]
	x := s.filled(t, vectors)
	live := make([]uint32, len(vectors))
	for i := range live {
		live[i] = uint32(i)
	}
	for round := range 5 {
		for range len(live) / 5 {
			slot, err := x.Append(fresh[0])
			if err != nil {
				t.Fatal(err)
			}
			vectors = append(vectors, fresh[0])
			live[rng.IntN(len(live))] = slot
			fresh = fresh[1:]
		}
		catchup(t, x)
		q := index.Query{K: 10, Accept: NewSet(live, false)}
		if got := s.meanRecall(t, x, vectors, queries, q); got < s.Recall {
			t.Errorf("after %d rounds of 20%% churn mean recall@10 is %.3f, want %.3f", round+1, got, s.Recall)
		}
	}
}

// reload saves the first n slots and returns what Load makes of them.
func (s *suite) reload(t *testing.T, x index.Searcher, n int) index.Searcher {
	t.Helper()
	var buf bytes.Buffer
	if err := x.Save(context.Background(), &buf, index.Span{To: n}); err != nil {
		t.Fatalf("Save of %d slots: %v", n, err)
	}
	y := s.make(t, x.Dims())
	if err := y.Load(bytes.NewReader(buf.Bytes()), int64(buf.Len())); err != nil {
		t.Fatalf("Load of %d slots: %v", n, err)
	}
	if y.Len() != n || y.Dims() != x.Dims() {
		t.Fatalf("a saved index of %d slots, %d dims loads with %d, %d", n, x.Dims(), y.Len(), y.Dims())
	}
	checkAtEnd(t, y)
	if err := y.Check(); err != nil {
		t.Fatalf("Check after Load of %d slots: %v", n, err)
	}
	return y
}

func (s *suite) testVisible(t *testing.T) {
	rng := newRand(41)
	vectors := Clustered(rng, 300, dims)
	x := s.index(t, dims)
	for i, v := range vectors {
		appendAll(t, x, vectors[i:i+1])
		for _, q := range []index.Query{{K: 1}, {K: 1, Exact: true}} {
			q.Vector = v
			if s.MayMiss && !q.Exact {
				continue
			}
			hits, _, err := x.Search(context.Background(), &q, nil)
			if err != nil || len(hits) != 1 || hits[0].Slot != uint32(i) {
				t.Fatalf("the vector just appended to slot %d finds %v, %v", i, hits, err)
			}
		}
		if i%50 == 49 {
			catchup(t, x)
		}
	}
}
