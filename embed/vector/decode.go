package vector

// Decode writes a row of 12-bit codes, times its scale, to dst. The row is one of each plane; dst may be shorter than
// their stride. All classes give the same bits.
func Decode(dst []float32, coarse, fine []byte, scale float32) {
	coarse, fine = coarse[:(len(dst)+63)&^63], fine[:(len(dst)+63)&^63/2]
	n := decodeGroups(dst, coarse, fine, scale)
	decodePortable(dst[n:], coarse[n:], fine[n/2:], scale)
}

func decodePortable(dst []float32, coarse, fine []byte, scale float32) {
	for len(dst) > 0 {
		nibbles := fine[:32]
		n := min(32, len(dst))
		decodeHalf(dst[:n], coarse, nibbles, 0, scale)
		dst, coarse = dst[n:], coarse[32:]
		n = min(32, len(dst))
		decodeHalf(dst[:n], coarse, nibbles, 4, scale)
		dst, coarse, fine = dst[n:], coarse[32:], fine[32:]
	}
}

// decodeHalf writes up to 32 dimensions, whose nibbles are those that shift moves to the low bits.
func decodeHalf(dst []float32, coarse, nibbles []byte, shift uint8, scale float32) {
	coarse, nibbles = coarse[:len(dst)], nibbles[:len(dst)]
	for i := range dst {
		code := int32(coarse[i])<<4 + int32(nibbles[i]>>shift&0x0f) - codeBias
		dst[i] = float32(code) * scale
	}
}
