package vector

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestGramHoldsTheProductsOfAllPairs compares with sums in double precision, and asks for the same bits on both sides
// of the diagonal and wherever a pair of rows stands.
func TestGramHoldsTheProductsOfAllPairs(t *testing.T) {
	forEachClass(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 4))
		for _, n := range []int{0, 1, 3, 4, 5, 7, 8, 11, 50} {
			for _, dims := range []int{0, 1, 15, 16, 24, 48, 256} {
				rows, _ := misaligned(r, n*dims, n%3)
				dst, guarded := misaligned(r, n*n, dims%5)
				Gram(dst, rows, n, dims)
				checkGuards(t, dst, guarded, dims%5)
				for i := range n {
					for j := range n {
						var sum, size float64
						for k := range dims {
							product := float64(rows[i*dims+k]) * float64(rows[j*dims+k])
							sum += product
							size += math.Abs(product)
						}
						if got := dst[i*n+j]; !near(float64(got), sum, size) || got != dst[j*n+i] {
							t.Fatalf("%d rows of %d: rows %d and %d give %v and %v, want %v", n, dims, i, j, got, dst[j*n+i], sum)
						}
					}
				}
				if n < 8 {
					continue
				}
				fewer := make([]float32, (n-1)*(n-1))
				Gram(fewer, rows[dims:], n-1, dims)
				for i := range n - 1 {
					for j := range n - 1 {
						if fewer[i*(n-1)+j] != dst[(i+1)*n+j+1] {
							t.Fatalf("%d rows of %d: rows %d and %d give %v, without the first row %v", n, dims, i+1, j+1,
								dst[(i+1)*n+j+1], fewer[i*(n-1)+j])
						}
					}
				}
			}
		}
	})
}

func BenchmarkGram(b *testing.B) {
	const n = 50
	for _, dims := range []int{256} {
		rows, _ := misaligned(rand.New(rand.NewPCG(1, 1)), n*dims, 0)
		dst := make([]float32, n*n)
		b.Run(fmt.Sprint(dims), func(b *testing.B) {
			for b.Loop() {
				Gram(dst, rows, n, dims)
			}
		})
	}
}
