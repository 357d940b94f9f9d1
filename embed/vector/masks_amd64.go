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
