package vector

import (
	"math/rand/v2"
	"testing"
)

func TestAtLeastMarksWhatReachesTheBound(t *testing.T) {
	forEachClass(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		for _, n := range []int{0, 1, 2, 7} {
			for _, bound := range []uint16{1, 2, 1 << 8, 1<<15 - 1, 1 << 15, 1<<15 + 1, 1<<16 - 1} {
				values, masks := make([]uint16, 64*n), make([]uint64, n)
				for i := range values {
					values[i] = uint16(r.Uint32()) >> (i % 17)
					if i%3 == 0 {
						values[i] = bound + uint16(r.IntN(3)) - 1
					}
				}
				AtLeast(masks, values, bound)
				for i, v := range values {
					if got := masks[i/64]>>(i%64)&1 == 1; got != (v >= bound) {
						t.Fatalf("%d of %d words: %d at least %d is %t", i, n, v, bound, got)
					}
				}
			}
		}
	})
}

func BenchmarkAtLeast(b *testing.B) {
	for _, class := range []string{Portable, AVX2} {
		b.Run(class, func(b *testing.B) {
			defer Limit(class)()
			values, masks := make([]uint16, 87_296), make([]uint64, 87_296/64)
			b.ReportAllocs()
			for b.Loop() {
				AtLeast(masks, values, 1000)
			}
		})
	}
}
