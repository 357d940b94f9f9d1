package vector

import "math"

// The products below stand in conversions of their own, which keeps compilers from fusing them with the sums: the
// portable kernels give the same bits on every machine.

func dotPortable(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		x, y := a[i:i+4:i+4], b[i:i+4:i+4]
		s0 += float32(x[0] * y[0])
		s1 += float32(x[1] * y[1])
		s2 += float32(x[2] * y[2])
		s3 += float32(x[3] * y[3])
	}
	for ; i < len(a); i++ {
		s0 += float32(a[i] * b[i])
	}
	return (s0 + s1) + (s2 + s3)
}

func axpyPortable(y []float32, alpha float32, x []float32) {
	for i, v := range x {
		y[i] += float32(alpha * v)
	}
}

func axpyInt8Portable(y []float32, alpha float32, x []int8) {
	for i, v := range x {
		y[i] += float32(alpha * float32(v))
	}
}

func dotInt8Portable(a, b []int8) (sum int32) {
	for i, v := range a {
		sum += int32(v) * int32(b[i])
	}
	return sum
}

// eachDotInt8 is dotsInt8 by one product after the other.
func eachDotInt8(dst []int32, a, table []int8, rows []uint32) {
	for i, row := range rows {
		dst[i] = dotInt8(a, table[int(row)*len(a):][:len(a)])
	}
}

func scalePortable(x []float32, alpha float32) {
	for i := range x {
		x[i] *= alpha
	}
}

func matMulPortable(c, x, y Matrix, inner, from, to int) {
	for i := from; i < to; i++ {
		out := c.Row(i)
		clear(out)
		for k, v := range x.Data[i*x.Stride:][:inner] {
			axpyPortable(out, v, y.Data[k*y.Stride:][:c.Cols])
		}
	}
}

func absMaxPortable(x []float32) float32 {
	var top float32
	for _, v := range x {
		top = max(top, v, -v)
	}
	return top
}

func quantizePortable(dst []int8, x []float32, inverse float32) {
	for i, v := range x {
		dst[i] = int8(math.RoundToEven(float64(float32(v * inverse))))
	}
}
