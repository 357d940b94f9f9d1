package vector

func dot(a, b []float32) float32 {
	if hasAVX2 {
		return dotAVX2(&a[0], &b[0], len(a))
	}
	return dotPortable(a, b)
}

func axpy(y []float32, alpha float32, x []float32) {
	switch {
	case hasAVX512:
		axpyAVX512(&y[0], &x[0], len(y), alpha)
	case hasAVX2:
		axpyAVX2(&y[0], &x[0], len(y), alpha)
	default:
		axpyPortable(y, alpha, x)
	}
}

func axpyInt8(y []float32, alpha float32, x []int8) {
	switch {
	case hasAVX512:
		axpyInt8AVX512(&y[0], &x[0], len(y), alpha)
	case hasAVX2:
		axpyInt8AVX2(&y[0], &x[0], len(y), alpha)
	default:
		axpyInt8Portable(y, alpha, x)
	}
}

func dotInt8(a, b []int8) int32 {
	n := len(a) &^ 15
	if !hasAVX2 || n == 0 {
		return dotInt8Portable(a, b)
	}
	return dotInt8AVX2(&a[0], &b[0], n) + dotInt8Portable(a[n:], b[n:])
}

func dotsInt8(dst []int32, a, table []int8, rows []uint32) {
	if !hasVNNI || len(a)%64 != 0 {
		eachDotInt8(dst, a, table, rows)
		return
	}
	dotsInt8VNNI(&dst[0], &a[0], &table[0], &rows[0], len(rows), len(a))
}

func scale(x []float32, alpha float32) {
	if hasAVX2 {
		scaleAVX2(&x[0], len(x), alpha)
		return
	}
	scalePortable(x, alpha)
}

func matMul(c, x, y Matrix, inner, from, to int) {
	if !hasAVX2 {
		matMulPortable(c, x, y, inner, from, to)
		return
	}
	// A panel of columns of y stays in the cache while the rows of x pass by.
	for j := 0; j < c.Cols; j += ColTile {
		for i := from; i < to; i += RowTile {
			if hasAVX512 {
				matTileAVX512(&c.Data[i*c.Stride+j], &x.Data[i*x.Stride], &y.Data[j], inner, 4*c.Stride, 4*x.Stride, 4*y.Stride)
				continue
			}
			for di := 0; di < RowTile; di += 4 {
				for dj := 0; dj < ColTile; dj += 16 {
					matTileAVX2(&c.Data[(i+di)*c.Stride+j+dj], &x.Data[(i+di)*x.Stride], &y.Data[j+dj], inner,
						4*c.Stride, 4*x.Stride, 4*y.Stride)
				}
			}
		}
	}
}

func absMax(x []float32) float32 {
	n := len(x) &^ 7
	if !hasAVX2 || n == 0 {
		return absMaxPortable(x)
	}
	return max(absMaxAVX2(&x[0], n), absMaxPortable(x[n:]))
}

func quantize(dst []int8, x []float32, inverse float32) {
	n := len(x) &^ 7
	if !hasAVX2 || n == 0 {
		quantizePortable(dst, x, inverse)
		return
	}
	quantizeAVX2(&dst[0], &x[0], n, inverse)
	quantizePortable(dst[n:], x[n:], inverse)
}

// absMaxAVX2 and quantizeAVX2 want a multiple of 8, not 0.
//
//go:noescape
func absMaxAVX2(x *float32, n int) float32

//go:noescape
func quantizeAVX2(dst *int8, x *float32, n int, inverse float32)

//go:noescape
func dotAVX2(a, b *float32, n int) float32

//go:noescape
func axpyAVX2(y, x *float32, n int, alpha float32)

//go:noescape
func axpyAVX512(y, x *float32, n int, alpha float32)

//go:noescape
func axpyInt8AVX2(y *float32, x *int8, n int, alpha float32)

//go:noescape
func axpyInt8AVX512(y *float32, x *int8, n int, alpha float32)

// dotInt8AVX2 wants a multiple of 16, not 0.
//
//go:noescape
func dotInt8AVX2(a, b *int8, n int) int32

//go:noescape
func scaleAVX2(x *float32, n int, alpha float32)

// matTileAVX2 computes 4 rows and 16 columns of a product; the steps are strides in bytes.
//
//go:noescape
func matTileAVX2(c, x, y *float32, inner, stepC, stepX, stepY int)

// matTileAVX512 computes 8 rows and 32 columns of a product; the steps are strides in bytes.
//
//go:noescape
func matTileAVX512(c, x, y *float32, inner, stepC, stepX, stepY int)

//go:noescape
func dotsInt8VNNI(dst *int32, a, table *int8, rows *uint32, n, dims int)
