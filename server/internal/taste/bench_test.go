package taste

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/lexical"
)

// BenchmarkRate rates the candidates of one recommendation: 1,200 papers of about 100 words, which are as frequent as
// words of a language are (Zipf).
func BenchmarkRate(b *testing.B) {
	const dims, papers = 256, 6200
	rng := rand.New(rand.NewPCG(1, 1))
	words := rand.NewZipf(rng, 1.1, 10, 100_000)
	index := lexical.New()
	terms, rows := make([]embed.Terms, papers), make([]float32, papers*dims)
	for i := range terms {
		counts := map[uint32]uint16{}
		for range 150 {
			counts[uint32(words.Uint64())]++
		}
		for id := range counts {
			terms[i].IDs = append(terms[i].IDs, id)
		}
		slices.Sort(terms[i].IDs)
		for _, id := range terms[i].IDs {
			terms[i].Counts = append(terms[i].Counts, counts[id])
			terms[i].Tokens += int(counts[id])
		}
		index.Append(&terms[i])
		for j := range dims {
			rows[i*dims+j] = float32(rng.NormFloat64() / math.Sqrt(dims))
		}
	}
	const candidates = 1200
	slots := make([]uint32, candidates)
	for i := range slots {
		slots[i] = uint32(papers - candidates + i)
	}
	for _, likes := range []int{3, 50, 5000} {
		b.Run(fmt.Sprintf("likes=%d", likes), func(b *testing.B) {
			var taste Taste
			var rater Rater
			ratings := make([]Rating, candidates)
			b.ReportAllocs()
			for b.Loop() {
				taste.Reset(Default(), index, dims)
				for i := range likes {
					taste.Like(Subject{Vector: rows[i*dims : (i+1)*dims], Words: &terms[i], Weight: 1})
				}
				taste.Prepare()
				err := taste.Rate(context.Background(), &rater, slots, rows[(papers-candidates)*dims:], ratings)
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
