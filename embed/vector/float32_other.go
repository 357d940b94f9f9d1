//go:build !amd64

package vector

func dot(a, b []float32) float32 { return dotPortable(a, b) }

func axpy(y []float32, alpha float32, x []float32) { axpyPortable(y, alpha, x) }

func axpyInt8(y []float32, alpha float32, x []int8) { axpyInt8Portable(y, alpha, x) }

func dotsInt8(dst []int32, a, table []int8, rows []uint32) { eachDotInt8(dst, a, table, rows) }

func scale(x []float32, alpha float32) { scalePortable(x, alpha) }

func matMul(c, x, y Matrix, inner, from, to int) { matMulPortable(c, x, y, inner, from, to) }

func absMax(x []float32) float32 { return absMaxPortable(x) }

func quantize(dst []int8, x []float32, inverse float32) { quantizePortable(dst, x, inverse) }
