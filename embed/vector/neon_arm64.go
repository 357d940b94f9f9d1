package vector

import "unsafe"

// On arm64 sums over a row are NEON's, with the dot products of ARMv8.2 (SDOT), and what follows is the portable
// twin's: integer sums are the same in any order, so that the results are the same to the bit.

func coarse(dst []float32, q *Int8Query, blocks [][]byte, slots []uint32) {
	if !hasDotProd {
		coarsePortable(dst, q, blocks, slots)
		return
	}
	stride := len(q.Hi)
	for i, slot := range slots {
		dst[i] = coarseRowNEON(q, blocks[slot>>blockShift], stride, int(slot&blockMask))
	}
}

func coarseRun(dst []float32, q *Int8Query, block []byte, first int) {
	if !hasDotProd {
		coarseRunPortable(dst, q, block, first)
		return
	}
	for i := range dst {
		dst[i] = coarseRowNEON(q, block, len(q.Hi), first+i)
	}
}

func coarseRowNEON(q *Int8Query, block []byte, stride, row int) float32 {
	dot := dotHiNEON(&block[row*stride], &q.Hi[0], stride)
	return float32(dot) * rowScale(block, stride, row) * (q.Step * 4096)
}

func fine(dst []float32, q *Int8Query, coarseBlocks, fineBlocks [][]byte, slots []uint32) {
	if !hasDotProd {
		finePortable(dst, q, coarseBlocks, fineBlocks, slots)
		return
	}
	stride := len(q.Hi)
	for i, slot := range slots {
		row, block := int(slot&blockMask), coarseBlocks[slot>>blockShift]
		x, y := dotFineNEON(&block[row*stride], &fineBlocks[slot>>blockShift][row*stride/2], &q.Hi[0], &q.Lo[0], stride)
		dot := float32(x)*256 + float32(y) // the product by 256 is exact: fused or not, the sum is the same
		dst[i] = dot * rowScale(block, stride, row) * q.Step
	}
}

func dotInt8(a, b []int8) int32 {
	n := len(a) &^ 15
	if !hasDotProd || n == 0 {
		return dotInt8Portable(a, b)
	}
	return dotInt8NEON(&a[0], &b[0], n) + dotInt8Portable(a[n:], b[n:])
}

func atLeast(masks []uint64, values []uint16, bound uint16) {
	if !hasDotProd { // a test's wish: every arm64 has NEON
		atLeastPortable(masks, values, bound)
		return
	}
	atLeastNEON(&masks[0], &values[0], len(masks), bound)
}

func greatest(dst, values []uint16) {
	if !hasDotProd { // as above
		greatestPortable(dst, values)
		return
	}
	greatestNEON(&dst[0], &values[0], len(dst))
}

func among(masks []uint64, values, keys []uint16) { amongPortable(masks, values, keys) }

// AmongIsFast reports whether Among compares many values at a time.
func AmongIsFast() bool { return false }

// Prefetch brings the first lines (of 64 bytes) at p towards the first-level cache.
func Prefetch(p unsafe.Pointer, lines int) { prefetch(p, lines) }

//go:noescape
func prefetch(p unsafe.Pointer, lines int)

// dotHiNEON is the sum of (row-128)*q over n dimensions, a multiple of 64.
//
//go:noescape
func dotHiNEON(row *byte, q *int8, n int) int32

// dotFineNEON is the sum of the row's codes, of both planes, times those of the query's two planes, over n dimensions,
// a multiple of 64.
//
//go:noescape
func dotFineNEON(coarse, fine *byte, hi, lo *int8, n int) (x, y int32)

// dotInt8NEON wants a multiple of 16, not 0.
//
//go:noescape
func dotInt8NEON(a, b *int8, n int) int32

//go:noescape
func atLeastNEON(masks *uint64, values *uint16, n int, bound uint16)

//go:noescape
func greatestNEON(dst, values *uint16, n int)
