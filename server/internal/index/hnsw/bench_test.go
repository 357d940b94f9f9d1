package hnsw

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

// BenchmarkCosts prints the costs that plan.go holds: ns/row of both scans and ns/step of a walk, at 256 dimensions.
// The vectors are drawn around centres; annbench measures real ones.
func BenchmarkCosts(b *testing.B) {
	const n = 40_000
	r := rand.New(rand.NewPCG(1, 2))
	vectors := clustered(r, 256, n+64)
	x := build(b, 256, vectors[:n], Config{})
	queries := vectors[n:]
	for _, bench := range []struct {
		name  string
		query index.Query
		units float64
		unit  string
	}{
		{"scan", index.Query{Exact: true}, n, "ns/row"},
		{"listed", index.Query{Exact: true, Accept: fakeAccept{n / 20, n, true}}, n / 20, "ns/row"},
		{"walk", index.Query{Walk: true, Ef: 64}, 64, "ns/step"},
		{"walk-half-accepted", index.Query{Walk: true, Ef: 64, Accept: fakeAccept{n / 2, n, false}}, 128, "ns/step"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			var dst []index.Candidate
			for i := 0; b.Loop(); i++ {
				q := bench.query
				q.Vector, q.K = queries[i%len(queries)], 10
				var err error
				if dst, _, err = x.Search(context.Background(), &q, dst[:0]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/bench.units, bench.unit)
		})
	}
}
