package vector

import "unsafe"

func coarse(dst []float32, q *Int8Query, blocks [][]byte, slots []uint32) {
	switch {
	case hasVNNI:
		coarseVNNI(&dst[0], &q.Hi[0], &blocks[0], &slots[0], len(slots), len(q.Hi), hiBias*q.SumHi, q.Step*4096)
	case hasAVX2:
		coarseAVX2(&dst[0], &q.Hi[0], &blocks[0], &slots[0], len(slots), len(q.Hi), hiBias*q.SumHi, q.Step*4096)
	default:
		coarsePortable(dst, q, blocks, slots)
	}
}

func coarseRun(dst []float32, q *Int8Query, block []byte, first int) {
	stride := len(q.Hi)
	rows, scales := &block[first*stride], &block[BlockRows*stride+4*first]
	switch {
	case hasVNNI:
		coarseRunVNNI(&dst[0], &q.Hi[0], rows, scales, len(dst), stride, hiBias*q.SumHi, q.Step*4096)
	case hasAVX2:
		coarseRunAVX2(&dst[0], &q.Hi[0], rows, scales, len(dst), stride, hiBias*q.SumHi, q.Step*4096)
	default:
		coarseRunPortable(dst, q, block, first)
	}
}

func fine(dst []float32, q *Int8Query, coarseBlocks, fineBlocks [][]byte, slots []uint32) {
	switch {
	case hasVNNI:
		fineVNNI(&dst[0], &q.Hi[0], &q.Lo[0], &coarseBlocks[0], &fineBlocks[0], &slots[0], len(slots), len(q.Hi),
			codeBias*q.SumHi, codeBias*q.SumLo, q.Step)
	case hasAVX2:
		fineAVX2(&dst[0], &q.Hi[0], &q.Lo[0], &coarseBlocks[0], &fineBlocks[0], &slots[0], len(slots), len(q.Hi),
			codeBias*q.SumHi, codeBias*q.SumLo, q.Step)
	default:
		finePortable(dst, q, coarseBlocks, fineBlocks, slots)
	}
}

// Prefetch brings the first lines (of 64 bytes) at p towards the first-level cache.
func Prefetch(p unsafe.Pointer, lines int) { prefetch(p, lines) }

//go:noescape
func prefetch(p unsafe.Pointer, lines int)

//go:noescape
func coarseVNNI(dst *float32, hi *int8, blocks *[]byte, slots *uint32, n, stride int, bias int32, scale float32)

//go:noescape
func coarseAVX2(dst *float32, hi *int8, blocks *[]byte, slots *uint32, n, stride int, bias int32, scale float32)

//go:noescape
func coarseRunVNNI(dst *float32, hi *int8, rows, scales *byte, n, stride int, bias int32, scale float32)

//go:noescape
func coarseRunAVX2(dst *float32, hi *int8, rows, scales *byte, n, stride int, bias int32, scale float32)

//go:noescape
func fineVNNI(
	dst *float32, hi, lo *int8, coarseBlocks, fineBlocks *[]byte, slots *uint32, n, stride int,
	biasHi, biasLo int32, step float32,
)

//go:noescape
func fineAVX2(
	dst *float32, hi, lo *int8, coarseBlocks, fineBlocks *[]byte, slots *uint32, n, stride int,
	biasHi, biasLo int32, step float32,
)
