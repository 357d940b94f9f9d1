package vector

import "slices"

// AtLeast writes to masks which of the values are at least a bound: bit i%64 of word i/64 stands for values[i]. The
// bound is at least 1, and values holds 64 for each word of masks.
func AtLeast(masks []uint64, values []uint16, bound uint16) {
	if len(masks) == 0 {
		return
	}
	_ = values[64*len(masks)-1]
	if bound == 0 {
		panic("vector: every value is at least 0")
	}
	atLeast(masks, values, bound)
}

func atLeastPortable(masks []uint64, values []uint16, bound uint16) {
	for i := range masks {
		mask := uint64(0)
		for j, v := range values[64*i:][:64] {
			// The difference borrows, and so has its upper bits set, where the value is lower.
			mask |= uint64(^(uint32(v)-uint32(bound))>>31) << j
		}
		masks[i] = mask
	}
}

// Greatest writes to dst the greatest of every 64 values, of which there are 64 for each of dst.
func Greatest(dst, values []uint16) {
	if len(dst) == 0 {
		return
	}
	_ = values[64*len(dst)-1]
	greatest(dst, values)
}

func greatestPortable(dst, values []uint16) {
	for i := range dst {
		var a, b, c, d uint16 // none waits for another
		for block := values[64*i:][:64]; len(block) >= 4; block = block[4:] {
			a, b, c, d = max(a, block[0]), max(b, block[1]), max(c, block[2]), max(d, block[3])
		}
		dst[i] = max(a, b, c, d)
	}
}

// Among writes to masks which of the values are among the keys: bit i%64 of word i/64 stands for values[i]. Masks has a
// word for each 64 values, the last ones fewer. It is worth its call where AmongIsFast.
func Among(masks []uint64, values, keys []uint16) {
	if len(values) == 0 {
		return
	}
	masks = masks[:(len(values)+63)/64]
	if len(keys) == 0 {
		clear(masks)
		return
	}
	among(masks, values, keys)
}

func amongPortable(masks []uint64, values, keys []uint16) {
	clear(masks)
	for i, v := range values {
		if slices.Contains(keys, v) {
			masks[i/64] |= 1 << (i % 64)
		}
	}
}
