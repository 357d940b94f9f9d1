package codes

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

// parallelAboveBytes sets the size above which scans are parallel, and makes room for three workers.
func parallelAboveBytes(t testing.TB, size int) {
	old, procs, machine := parallelAbove, runtime.GOMAXPROCS(4), cores
	cores = func() int { return 4 }
	parallelAbove = size
	t.Cleanup(func() {
		parallelAbove = old
		runtime.GOMAXPROCS(procs)
		cores = machine
		if n := scanning.Load(); n != 0 {
			t.Errorf("%d goroutines count as scanning when none is", n)
		}
	})
}

// withTies is a set in which every vector is there several times, far apart.
func withTies(t testing.TB, r *rand.Rand, dims, n int) *Codes {
	t.Helper()
	c := New(dims)
	vectors := make([][]float32, n/5)
	for i := range vectors {
		vectors[i] = randomVector(r, dims)
	}
	for i := range n {
		if _, err := c.Append(vectors[i%len(vectors)]); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestManyCoresFindWhatOneFinds(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 11))
	c := withTies(t, r, 16, 12_000)
	view := c.View()
	var list index.Slots
	for slot := uint32(1); int(slot) < view.N; slot += 1 + r.Uint32N(3) {
		list = append(list, slot)
	}
	var parallel Parallel
	for _, n := range []int{1, 3, MaxJobs} {
		for _, k := range []int{1, 300, 30_000} {
			for _, from := range []int{0, 4500} {
				t.Run(fmt.Sprintf("%d queries for %d from %d", n, k, from), func(t *testing.T) {
					queries, tops, jobs := make([]Query, n), make([]Top, n), make([]Job, n)
					for i := range jobs {
						if _, err := queries[i].Set(c, randomVector(r, 16)); err != nil {
							t.Fatal(err)
						}
						jobs[i] = Job{Query: &queries[i], Top: &tops[i]}
						if i%2 == 1 {
							jobs[i].Accept = third{}
						}
					}
					answers := func() (all [][]index.Candidate) {
						for i := range tops {
							tops[i].Reset(k)
						}
						if scored, err := parallel.ScanBatch(context.Background(), &view, jobs, from, view.N); err != nil ||
							scored != view.N-from {
							t.Fatalf("scored %d, %v", scored, err)
						}
						for i := range tops {
							all = append(all, tops[i].AppendSorted(nil))
						}
						tops[0].Reset(k)
						scored, err := parallel.ScanList(context.Background(), &view, &queries[0], list, third{}, &tops[0])
						if err != nil || scored != len(list) {
							t.Fatalf("scored %d listed, %v", scored, err)
						}
						return append(all, tops[0].AppendSorted(nil))
					}
					alone := answers()
					parallelAboveBytes(t, 0)
					together := answers()
					if parallel.started == 0 {
						t.Error("no worker was started")
					}
					for i := range alone {
						if len(alone[i]) == 0 || !slices.Equal(alone[i], together[i]) {
							t.Fatalf("answer %d differs: %d and %d hits", i, len(alone[i]), len(together[i]))
						}
					}
				})
			}
		}
	}
}

// watcher accepts everything and calls do at the n-th question.
type watcher struct {
	asked *atomic.Int64
	n     int64
	do    func()
}

func (w watcher) Accepts(uint32) bool {
	if w.asked.Add(1) == w.n {
		w.do()
	}
	return true
}
func (w watcher) Slots() index.Listing { return nil }
func (w watcher) Share() float64       { return 1 }

func TestAParallelScanStopsWithItsContext(t *testing.T) {
	parallelAboveBytes(t, 0)
	c := withTies(t, rand.New(rand.NewPCG(12, 12)), 4, 60_000)
	view := c.View()
	var (
		parallel Parallel
		q        Query
		top      Top
	)
	if _, err := q.Set(c, []float32{1, 2, 3, 4}); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{1, 3000} {
		top.Reset(view.N) // every row is asked for
		ctx, cancel := context.WithCancel(context.Background())
		asked, until := new(atomic.Int64), 0 // until: what had been asked for when the context had ended for all
		n, err := parallel.Scan(ctx, &view, &q, 0, view.N, watcher{asked, at, func() {
			cancel()
			until = int(asked.Load())
		}}, &top)
		// Four goroutines finish the chunks they are in; one that starts later may take none.
		if !errors.Is(err, context.Canceled) || n > until+8*chunk {
			t.Errorf("cancelled at row %d, over at row %d: scored %d, %v", at, until, n, err)
		}
	}
}

func TestAPanicOfAFilterReachesTheCaller(t *testing.T) {
	parallelAboveBytes(t, 0)
	c := withTies(t, rand.New(rand.NewPCG(13, 13)), 4, 40_000)
	view := c.View()
	var (
		parallel Parallel
		q        Query
		top      Top
	)
	if _, err := q.Set(c, []float32{1, 2, 3, 4}); err != nil {
		t.Fatal(err)
	}
	for at := int64(1); at < 40_000; at += 5000 {
		func() {
			defer func() {
				if got := recover(); got != "the filter's" {
					t.Errorf("asked %d times: recovered %v", at, got)
				}
			}()
			top.Reset(view.N)
			_, _ = parallel.Scan(context.Background(), &view, &q, 0, view.N,
				watcher{new(atomic.Int64), at, func() { panic("the filter's") }}, &top)
		}()
	}
}

func TestAScanStartsNoWorkersBesideOthers(t *testing.T) {
	parallelAboveBytes(t, 0)
	c := withTies(t, rand.New(rand.NewPCG(14, 14)), 4, 20_000)
	view := c.View()
	var (
		parallel Parallel
		q        Query
		top      Top
	)
	if _, err := q.Set(c, []float32{1, 2, 3, 4}); err != nil {
		t.Fatal(err)
	}
	for others, want := range map[int32]int{0: 3, 1: 2, 3: 0, 50: 0} { // of four processors
		scanning.Add(others)
		top.Reset(10)
		n, err := parallel.Scan(context.Background(), &view, &q, 0, view.N, nil, &top)
		scanning.Add(-others)
		if parallel.started != want || n != view.N || err != nil {
			t.Errorf("beside %d others: %d workers, want %d; scored %d, %v", others, parallel.started, want, n, err)
		}
	}
}

func TestParallelScansDoNotAllocate(t *testing.T) {
	parallelAboveBytes(t, 0)
	c := withTies(t, rand.New(rand.NewPCG(15, 15)), 16, 20_000)
	view := c.View()
	var (
		parallel Parallel
		q        Query
		top      Top
	)
	if _, err := q.Set(c, randomVector(rand.New(rand.NewPCG(1, 1)), 16)); err != nil {
		t.Fatal(err)
	}
	scan := func(n int) {
		for range n {
			top.Reset(10)
			if _, err := parallel.Scan(context.Background(), &view, &q, 0, view.N, third{}, &top); err != nil {
				t.Fatal(err)
			}
		}
	}
	scan(20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	scan(200)
	runtime.ReadMemStats(&after)
	// One for each worker would be 600. Some come from the scheduler, which keeps the goroutines it has made.
	if n := after.Mallocs - before.Mallocs; n > 300 {
		t.Errorf("%d allocations in 200 scans with workers", n)
	}
}

// BenchmarkParallel prints, by the size of a scan, what it costs alone and with workers: parallelAbove is where they
// are repaid.
func BenchmarkParallel(b *testing.B) {
	c := withTies(b, rand.New(rand.NewPCG(16, 16)), 256, 100_000)
	view := c.View()
	var (
		parallel Parallel
		q        Query
		top      Top
	)
	if _, err := q.Set(c, randomVector(rand.New(rand.NewPCG(1, 1)), 256)); err != nil {
		b.Fatal(err)
	}
	old := parallelAbove
	defer func() { parallelAbove = old }()
	for _, n := range []int{4096, 8192, 16_384, 32_768, 65_536, 100_000} {
		for _, way := range []struct {
			name  string
			above int
		}{{"alone", 1 << 40}, {"parallel", 0}} {
			b.Run(fmt.Sprintf("%d/%s", n, way.name), func(b *testing.B) {
				parallelAbove = way.above
				b.SetBytes(int64(n) * 260)
				b.ReportAllocs()
				for b.Loop() {
					top.Reset(10)
					if _, err := parallel.Scan(context.Background(), &view, &q, 0, n, nil, &top); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
