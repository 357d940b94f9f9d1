package engine

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// TestEpochsAgreeWithAModel enters, leaves, advances and looks at random, in one goroutine, and compares every look
// with a model that knows each query. Whoever gives a look up after advancing changes nothing for the next: that is
// what advance alone is.
func TestEpochsAgreeWithAModel(t *testing.T) {
	type query struct {
		pin   *epoch
		sees  uint64 // revision at its begin
		after uint64 // number of advances before it
	}
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 3))
		revision, advances := uint64(rng.IntN(5)), uint64(1)
		r := newReaders(revision)
		var queries []query
		for range 500 {
			switch rng.IntN(6) {
			case 0, 1:
				queries = append(queries, query{r.enter(), revision, advances})
			case 2, 3:
				if n := len(queries); n > 0 {
					i := rng.IntN(n)
					r.leave(queries[i].pin)
					queries[i] = queries[n-1]
					queries = queries[:n-1]
				}
			case 4:
				revision += uint64(rng.IntN(3))
				if rng.IntN(2) == 0 {
					if advances++; r.advance(revision) != advances {
						t.Fatalf("seed %d: epochs are numbered out of turn", seed)
					}
				}
			case 5:
				number, seen := r.oldest(revision)
				if advances = r.current.Load().number; len(queries) == 0 && (seen != revision || number != advances) {
					t.Fatalf("seed %d: without queries %d can be removed through %d, want %d", seed, number, seen, revision)
				}
				for _, q := range queries {
					if seen > q.sees || number > q.after {
						t.Fatalf("seed %d: removed through %d, and a query sees %d", seed, seen, q.sees)
					}
				}
				if n := r.epochs(); n > len(queries)+1 {
					t.Fatalf("seed %d: %d epochs are remembered for %d queries", seed, n, len(queries))
				}
			}
		}
		if r.running() != len(queries) || r.alone() != (len(queries) <= 1 && runtime.GOMAXPROCS(0) > 1) {
			t.Fatalf("seed %d: %d queries counted, there are %d", seed, r.running(), len(queries))
		}
	}
}

// TestNothingIsRemovedUnderAConcurrentQuery has queries read records while a writer replaces them and a collector
// removes what oldest allows.
func TestNothingIsRemovedUnderAConcurrentQuery(t *testing.T) {
	const last = 20_000
	var visible atomic.Uint64 // the revision that queries see
	var removed atomic.Uint64 // records replaced at or before it are gone
	r := newReaders(0)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for visible.Load() < last {
				pin := r.enter()
				sees := visible.Load()
				runtime.Gosched()
				if gone := removed.Load(); gone > sees {
					t.Errorf("a query sees revision %d, and the records of %d are gone", sees, gone)
				}
				r.leave(pin)
			}
		})
	}
	for revision := uint64(1); revision <= last; revision++ {
		visible.Store(revision)
		if revision%4 == 0 {
			r.advance(revision) // someone else's garbage
		}
		_, seen := r.oldest(revision)
		removed.Store(seen)
	}
	wg.Wait()
	if _, seen := r.oldest(last); seen != last {
		t.Errorf("when all have left, %d is held", seen)
	}
}

// TestOneLongQueryCostsOneEpoch keeps a query while others come and go for long.
func TestOneLongQueryCostsOneEpoch(t *testing.T) {
	r := newReaders(0)
	long := r.enter()
	for revision := uint64(1); revision <= 10_000; revision++ {
		r.leave(r.enter())
		if _, seen := r.oldest(revision); seen != 0 {
			t.Fatalf("removed through %d under the query", seen)
		}
		if n := r.epochs(); n > 3 {
			t.Fatalf("%d epochs", n)
		}
	}
	r.leave(long)
	if _, seen := r.oldest(10_000); seen != 10_000 {
		t.Errorf("removed through %d", seen)
	}
}

func BenchmarkEnterAndLeave(b *testing.B) {
	r := newReaders(0)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.leave(r.enter())
		}
	})
}

// epochs is how many epochs are remembered.
func (r *readers) epochs() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.pinned)
}
