package indextest

import (
	"math"
	"math/rand/v2"
)

// Clustered returns n vectors in groups, with the look of embeddings: near neighbours exist, and groups overlap.
func Clustered(rng *rand.Rand, n, dims int) [][]float32 {
	centres := make([][]float32, max(1, n/50))
	for i := range centres {
		centres[i] = gaussian(rng, dims, 1)
	}
	vectors := make([][]float32, n)
	for i := range vectors {
		vectors[i] = near(rng, centres[rng.IntN(len(centres))], .6)
	}
	return vectors
}

func gaussian(rng *rand.Rand, dims int, scale float64) []float32 {
	v := make([]float32, dims)
	for i := range v {
		v[i] = float32(rng.NormFloat64() * scale)
	}
	return v
}

// near returns v plus normal noise of the given standard deviation.
func near(rng *rand.Rand, v []float32, noise float64) []float32 {
	w := gaussian(rng, len(v), noise)
	for i := range w {
		w[i] += v[i]
	}
	return w
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x616b696e)) }

// cosine is computed in float64, and is 0 when either vector is zero.
func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		ab += x * y
		aa += x * x
		bb += y * y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa) / math.Sqrt(bb)
}

func isZero(v []float32) bool {
	for _, x := range v {
		if x != 0 {
			return false
		}
	}
	return true
}

// unit returns v scaled to L2 norm 1.
func unit(v []float32) []float32 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	w := make([]float32, len(v))
	if sum == 0 {
		return w
	}
	for i, x := range v {
		w[i] = float32(float64(x) / math.Sqrt(sum))
	}
	return w
}
