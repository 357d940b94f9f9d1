package embed

import "math"

// exp returns e^x for x of at most 0, to a relative error of 2e-7; below -87 it returns that of -87. It computes in
// float32 with nothing that a compiler may fuse, so that it gives the same bits on every machine.
func exp(x float32) float32 {
	x = max(x, -87)
	n := float32(math.Floor(float64(x*math.Log2E) + .5))
	// x - n ln 2 in two parts, the first of which is exact.
	r := float32(x-float32(n*0.693359375)) + float32(n*2.12194440e-4)
	// The polynomial of Cephes' expf (Moshier).
	p := float32(1.9875691500e-4)
	p = float32(p*r) + 1.3981999507e-3
	p = float32(p*r) + 8.3334519073e-3
	p = float32(p*r) + 4.1665795894e-2
	p = float32(p*r) + 1.6666665459e-1
	p = float32(p*r) + 5.0000001201e-1
	p = float32(p*float32(r*r)) + r + 1
	return float32(p * math.Float32frombits(uint32(int32(n)+127)<<23))
}
