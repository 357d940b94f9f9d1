package vector

import (
	"encoding/binary"
	"math"
)

// The portable twins of the int8 kernels. Their integer sums equal those of the assembly exactly, and the few float32
// operations behind them run in the same order, so that every kernel gives the same bits.

func rowScale(block []byte, stride, row int) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(block[BlockRows*stride+4*row:]))
}

func dotHi(row []byte, q []int8) int32 {
	var s0, s1 int32
	q = q[:len(row)]
	for i := 0; i+1 < len(row); i += 2 {
		s0 += int32(row[i]) * int32(q[i])
		s1 += int32(row[i+1]) * int32(q[i+1])
	}
	return s0 + s1
}

func coarsePortable(dst []float32, q *Int8Query, blocks [][]byte, slots []uint32) {
	stride := len(q.Hi)
	for i, slot := range slots {
		dst[i] = coarseRow(q, blocks[slot>>blockShift], stride, int(slot&blockMask))
	}
}

func coarseRunPortable(dst []float32, q *Int8Query, block []byte, first int) {
	for i := range dst {
		dst[i] = coarseRow(q, block, len(q.Hi), first+i)
	}
}

func coarseRow(q *Int8Query, block []byte, stride, row int) float32 {
	dot := dotHi(block[row*stride:(row+1)*stride], q.Hi) - hiBias*q.SumHi
	return float32(dot) * rowScale(block, stride, row) * (q.Step * 4096)
}

func finePortable(dst []float32, q *Int8Query, coarseBlocks, fineBlocks [][]byte, slots []uint32) {
	stride := len(q.Hi)
	for i, slot := range slots {
		row := int(slot & blockMask)
		block := coarseBlocks[slot>>blockShift]
		hi := block[row*stride : (row+1)*stride]
		lo := fineBlocks[slot>>blockShift][row*stride/2 : (row+1)*stride/2]
		var x, y int32
		for d := 0; d < stride; d += 64 {
			for j := range 32 {
				nibbles := lo[d/2+j]
				a := 16*int32(hi[d+j]) + int32(nibbles&15)
				b := 16*int32(hi[d+32+j]) + int32(nibbles>>4)
				x += a*int32(q.Hi[d+j]) + b*int32(q.Hi[d+32+j])
				y += a*int32(q.Lo[d+j]) + b*int32(q.Lo[d+32+j])
			}
		}
		x -= codeBias * q.SumHi
		y -= codeBias * q.SumLo
		dot := float32(x)*256 + float32(y) // the product by 256 is exact: fused or not, the sum is the same
		dst[i] = dot * rowScale(block, stride, row) * q.Step
	}
}
