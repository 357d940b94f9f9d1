package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/akin-search/akin/server/internal/paper"
)

// fill writes n papers and returns their ids' format.
func fill(b testing.TB, s *Store, n int) {
	b.Helper()
	ctx := context.Background()
	var pending []*Pending
	for i := 0; i < n; {
		var muts []Mutation
		for ; i < n && len(muts) < 500; i++ {
			muts = append(muts, put(sample(fmt.Sprintf("paper-%07d", i), i)))
		}
		p, err := s.Submit(ctx, muts)
		if err != nil {
			b.Fatal(err)
		}
		pending = append(pending, p)
	}
	for _, p := range pending {
		if _, err := p.Wait(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWrites compares single upserts of many callers with batches, all of new papers.
func BenchmarkWrites(b *testing.B) {
	for _, c := range []struct{ callers, batch int }{{1, 1}, {16, 1}, {64, 1}, {256, 1}, {1, 500}, {4, 500}, {16, 500}} {
		b.Run(fmt.Sprintf("callers=%d/batch=%d", c.callers, c.batch), func(b *testing.B) {
			var next, commits atomic.Int64
			s := open(b, b.TempDir(), Options{Committed: func(Commit) { commits.Add(1) }})
			var wg sync.WaitGroup
			b.ResetTimer()
			for range c.callers {
				wg.Go(func() {
					for {
						var muts []Mutation
						for range c.batch {
							i := int(next.Add(1))
							if i > b.N {
								break
							}
							muts = append(muts, put(sample(fmt.Sprintf("paper-%07d", (i*7919)%10_000_019), i)))
						}
						if len(muts) == 0 {
							return
						}
						if _, err := tryWrite(s, muts...); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "papers/s")
			b.ReportMetric(float64(b.N)/float64(commits.Load()), "papers/commit")
		})
	}
}

// BenchmarkPapers reads what a search shows.
func BenchmarkPapers(b *testing.B) {
	s := open(b, b.TempDir(), Options{})
	const n = 50_000
	fill(b, s, n)
	for _, c := range []struct {
		k         int
		abstracts bool
	}{{10, false}, {10, true}, {1, true}} {
		b.Run(fmt.Sprintf("k=%d/abstracts=%t", c.k, c.abstracts), func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				rnd := rand.New(rand.NewPCG(1, rand.Uint64()))
				ordinals := make([]uint64, c.k)
				var dst []*paper.Paper
				for pb.Next() {
					for i := range ordinals {
						ordinals[i] = 1 + rnd.Uint64N(n)
					}
					var err error
					if dst, err = s.Papers(ordinals, c.abstracts, dst[:0]); err != nil || dst[0] == nil {
						b.Fatal(dst, err)
					}
				}
			})
		})
	}
	b.Run("ordinal", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, ok, err := ordinalOf(s, fmt.Sprintf("paper-%07d", i%n)); !ok || err != nil {
				b.Fatal(ok, err)
			}
		}
	})
}

// BenchmarkOpen opens a store of 87,000 papers.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	s := open(b, dir, Options{})
	fill(b, s, 87_000)
	b.Logf("%d bytes", s.Size())
	shut(b, s)
	for _, verify := range []int64{0, -1} {
		b.Run(fmt.Sprintf("verify=%d", verify), func(b *testing.B) {
			for b.Loop() {
				s, err := Open(dir, Options{VerifyBytes: verify})
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
