package vector

import "slices"

// Dot returns the sum of a[i]*b[i]. b must have the length of a.
func Dot(a, b []float32) float32 {
	b = b[:len(a)]
	if len(a) == 0 {
		return 0
	}
	return dot(a, b)
}

// Axpy adds alpha*x to y. x must have the length of y.
func Axpy(y []float32, alpha float32, x []float32) {
	x = x[:len(y)]
	if len(y) > 0 {
		axpy(y, alpha, x)
	}
}

// AxpyInt8 adds alpha*x to y. x must have the length of y.
func AxpyInt8(y []float32, alpha float32, x []int8) {
	x = x[:len(y)]
	if len(y) > 0 {
		axpyInt8(y, alpha, x)
	}
}

// DotInt8 returns the sum of a[i]*b[i], which is exact for up to 131,072 codes and the same in every class. b must have
// the length of a.
func DotInt8(a, b []int8) int32 {
	b = b[:len(a)]
	if len(a) == 0 {
		return 0
	}
	return dotInt8(a, b)
}

// DotsInt8 writes DotInt8 of a and of each of the numbered rows of a table to dst (len(rows)). A row is as long as a;
// every number must be one of the table, which is checked.
func DotsInt8(dst []int32, a, table []int8, rows []uint32) {
	if len(rows) == 0 || len(a) == 0 {
		clear(dst[:len(rows)])
		return
	}
	_ = table[(int(slices.Max(rows))+1)*len(a)-1]
	dotsInt8(dst[:len(rows)], a, table, rows)
}

// Scale multiplies x by alpha.
func Scale(x []float32, alpha float32) {
	if len(x) > 0 {
		scale(x, alpha)
	}
}

// QuantizeInt8 writes the codes of x to dst, from -127 to 127 and rounded to the nearest, and returns what a code is
// to be multiplied by. dst must have the length of x. For zeros, and for rows so small that the scale would vanish,
// all are zero. It gives the same bits in every class.
func QuantizeInt8(dst []int8, x []float32) (step float32) {
	dst = dst[:len(x)]
	if len(x) == 0 {
		return 0
	}
	step = absMax(x) / 127
	if step < 1e-30 {
		clear(dst)
		return 0
	}
	quantize(dst, x, 1/step)
	return step
}

// Matrix is a matrix of float32 by rows: element (i, j) is Data[i*Stride+j]. MatMul wants Rows in multiples of RowTile
// and Cols of ColTile; zeros make up what is missing. A stride that is not a multiple of a power of two keeps a column
// from crowding a few sets of the first-level cache.
type Matrix struct {
	Data               []float32
	Rows, Cols, Stride int
}

// The tile that MatMul computes at a time.
const (
	RowTile = 8
	ColTile = 32
)

// NewMatrix makes a matrix of zeros with at least the given size, rounded up to whole tiles.
func NewMatrix(rows, cols int) Matrix {
	m := Matrix{Rows: roundUp(rows, RowTile), Cols: roundUp(cols, ColTile)}
	m.Stride = m.Cols + 16
	m.Data = make([]float32, m.Rows*m.Stride)
	return m
}

func roundUp(n, step int) int { return (n + step - 1) / step * step }

// Row returns row i.
func (m Matrix) Row(i int) []float32 { return m.Data[i*m.Stride:][:m.Cols:m.Cols] }

// MatMul sets the rows from up to below to of c to those of the product x*y. inner is the number of columns of x and
// rows of y that take part. c must not share memory with x or y.
func MatMul(c, x, y Matrix, inner, from, to int) {
	if from%RowTile != 0 || to%RowTile != 0 || c.Cols%ColTile != 0 || to > min(c.Rows, x.Rows) ||
		inner > min(x.Stride, y.Rows) || y.Cols < c.Cols {
		panic("vector: matrices that do not fit")
	}
	if inner == 0 {
		for i := from; i < to; i++ {
			clear(c.Row(i))
		}
		return
	}
	matMul(c, x, y, inner, from, to)
}

// Transpose sets the rows from up to below to of dst to the columns of src.
func Transpose(dst, src Matrix, from, to int) {
	const block = 16
	rows := min(src.Rows, dst.Cols)
	for i0 := from; i0 < to; i0 += block {
		for j0 := 0; j0 < rows; j0 += block {
			for i := i0; i < min(i0+block, to); i++ {
				out := dst.Data[i*dst.Stride+j0:][:min(block, rows-j0)]
				at := j0*src.Stride + i
				for j := range out {
					out[j] = src.Data[at]
					at += src.Stride
				}
			}
		}
	}
}
