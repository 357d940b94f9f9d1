package vector

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestTenthGreatestIsThatOfASortedColumn(t *testing.T) {
	forEachClass(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(2, 9))
		for _, n := range []int{0, 1, 9, 10, 11, 15, 16, 17, 31, 32, 33, 50, 64} {
			for values := range 4 {
				matrix, _ := misaligned(r, n*n, n%3)
				for i := range matrix {
					if values < 3 { // many alike, or few above 0, or all below
						matrix[i] = float32(r.IntN(10) - 4*values)
					}
				}
				dst, guarded := misaligned(r, n, n%5)
				TenthGreatest(dst, matrix, n)
				checkGuards(t, dst, guarded, n%5)
				for column, got := range dst {
					var sorted []float32
					for row := range n {
						sorted = append(sorted, matrix[row*n+column])
					}
					slices.Sort(sorted)
					want := float32(0)
					if n >= 10 {
						want = max(0, sorted[n-10])
					}
					if got != want {
						t.Fatalf("column %d of %d is %v, want %v", column, n, got, want)
					}
				}
			}
		}
	})
}
