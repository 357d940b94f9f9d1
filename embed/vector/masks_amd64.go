package vector

func atLeast(masks []uint64, values []uint16, bound uint16) {
	if !hasAVX2 {
		atLeastPortable(masks, values, bound)
		return
	}
	atLeastAVX2(&masks[0], &values[0], len(masks), bound)
}

//go:noescape
func atLeastAVX2(masks *uint64, values *uint16, n int, bound uint16)

func greatest(dst, values []uint16) {
	if !hasAVX2 {
		greatestPortable(dst, values)
		return
	}
	greatestAVX2(&dst[0], &values[0], len(dst))
}

//go:noescape
func greatestAVX2(dst, values *uint16, n int)

func among(masks []uint64, values, keys []uint16) {
	if !hasAVX512 {
		amongPortable(masks, values, keys)
		return
	}
	amongAVX512(&masks[0], &values[0], len(values), &keys[0], len(keys))
}

// AmongIsFast reports whether Among compares many values at a time.
func AmongIsFast() bool { return hasAVX512 }

//go:noescape
func amongAVX512(masks *uint64, values *uint16, n int, keys *uint16, m int)
