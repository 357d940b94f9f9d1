package vector

import (
	"math/rand/v2"
	"slices"
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

func TestGreatestIsThatOfEverySixtyFour(t *testing.T) {
	forEachClass(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(9, 10))
		for _, n := range []int{0, 1, 2, 7, 64} {
			for at := range 64 { // the greatest stands everywhere
				values, got := make([]uint16, 64*n), make([]uint16, n+1)
				for i := range values {
					values[i] = uint16(r.Uint32()) >> (1 + i/64%16)
				}
				for i := range n {
					values[64*i+at] |= 1 << 15 >> (i % 16)
				}
				got[n] = 7
				Greatest(got[:n], values)
				for i := range n {
					if want := slices.Max(values[64*i:][:64]); got[i] != want {
						t.Fatalf("%d of %d: %d, want %d", i, n, got[i], want)
					}
				}
				if got[n] != 7 {
					t.Fatal("one too many was written")
				}
			}
		}
	})
}

func TestAmongMarksTheKeysAndReadsNothingBehindTheValues(t *testing.T) {
	forEachClass(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		for _, n := range []int{0, 1, 2, 31, 32, 33, 63, 64, 65, 85, 127, 128, 129, 255} {
			for _, m := range []int{0, 1, 2, 10, 33} {
				keys, values := make([]uint16, m), make([]uint16, n+200)
				for i := range keys {
					keys[i] = uint16(r.IntN(60)) << (i % 11) // 0 among them, which a register holds where nothing was read
				}
				for i := range values { // those behind n are keys, too
					values[i] = uint16(r.IntN(60)) << (i % 11)
				}
				masks := []uint64{7, 7, 7, 7, 7}
				Among(masks, values[:n], keys)
				for i := range 64 * ((n + 63) / 64) {
					want := i < n && slices.Contains(keys, values[i])
					if got := masks[i/64]>>(i%64)&1 == 1; got != want {
						t.Fatalf("%d of %d values, %d keys: %d is %t", i, n, m, values[i], got)
					}
				}
				if masks[(n+63)/64] != 7 {
					t.Fatalf("%d values: a mask too many was written", n)
				}
			}
		}
	})
}

func BenchmarkAmong(b *testing.B) {
	for _, class := range []string{Portable, AVX512} {
		b.Run(class, func(b *testing.B) {
			defer Limit(class)()
			values, keys, masks := make([]uint16, 85), make([]uint16, 10), make([]uint64, 2)
			for i := range values {
				values[i] = uint16(100 * i)
			}
			for i := range keys {
				keys[i] = uint16(777 * i)
			}
			b.ReportAllocs()
			for b.Loop() {
				Among(masks, values, keys)
			}
		})
	}
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

func BenchmarkGreatest(b *testing.B) {
	for _, class := range []string{Portable, AVX2} {
		b.Run(class, func(b *testing.B) {
			defer Limit(class)()
			values, dst := make([]uint16, 87_296), make([]uint16, 87_296/64)
			b.ReportAllocs()
			for b.Loop() {
				Greatest(dst, values)
			}
		})
	}
}
