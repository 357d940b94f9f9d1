package vector

// Dot returns the sum of a[i]*b[i]. b must have the length of a.
func Dot(a, b []float32) float32 {
	b = b[:len(a)]
	return dotPortable(a, b)
}

// Axpy adds alpha*x to y. x must have the length of y.
func Axpy(y []float32, alpha float32, x []float32) {
	x = x[:len(y)]
	axpyPortable(y, alpha, x)
}

// AxpyInt8 adds alpha*x to y. x must have the length of y.
func AxpyInt8(y []float32, alpha float32, x []int8) {
	x = x[:len(y)]
	axpyInt8Portable(y, alpha, x)
}

// Scale multiplies x by alpha.
func Scale(x []float32, alpha float32) {
	scalePortable(x, alpha)
}
