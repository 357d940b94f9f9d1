package vector

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestDecodeGivesCodesTimesScale computes each dimension from what int8.go says of the planes.
func TestDecodeGivesCodesTimesScale(t *testing.T) {
	forEachClass(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(8, 8))
		for _, n := range lengths {
			stride := Stride(n)
			coarse, fine := make([]byte, stride), make([]byte, stride/2)
			for i := range coarse {
				coarse[i] = byte(r.Uint32())
			}
			for i := range fine {
				fine[i] = byte(r.Uint32())
			}
			scale := r.Float32() / 1000
			dst, guarded := misaligned(r, n, n%5)
			Decode(dst, coarse, fine, scale)
			checkGuards(t, dst, guarded, n%5)
			for i, got := range dst {
				nibble := fine[i/64*32+i%32] >> (i % 64 / 32 * 4) & 15
				code := 16*(int(coarse[i])-hiBias) + int(nibble) - loBias
				if want := float32(code) * scale; math.Float32bits(got) != math.Float32bits(want) {
					t.Fatalf("%d dimensions: number %d is %v, want %v", n, i, got, want)
				}
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	dst, coarse, fine := make([]float32, 256), make([]byte, 256), make([]byte, 128)
	for b.Loop() {
		Decode(dst, coarse, fine, .001)
	}
}
