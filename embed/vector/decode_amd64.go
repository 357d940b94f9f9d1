package vector

// decodeGroups decodes whole groups of 64 dimensions, and returns how many dimensions these are.
func decodeGroups(dst []float32, coarse, fine []byte, scale float32) int {
	n := len(dst) &^ 63
	if !hasAVX512 || n == 0 {
		return 0
	}
	decodeAVX512(&dst[0], &coarse[0], &fine[0], n, scale)
	return n
}

// decodeAVX512 wants a multiple of 64, not 0.
//
//go:noescape
func decodeAVX512(dst *float32, coarse, fine *byte, n int, scale float32)
