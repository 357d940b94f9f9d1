//go:build !amd64 && !arm64

package vector

import "unsafe"

func coarse(dst []float32, q *Int8Query, blocks [][]byte, slots []uint32) {
	coarsePortable(dst, q, blocks, slots)
}

func coarseRun(dst []float32, q *Int8Query, block []byte, first int) {
	coarseRunPortable(dst, q, block, first)
}

func fine(dst []float32, q *Int8Query, coarseBlocks, fineBlocks [][]byte, slots []uint32) {
	finePortable(dst, q, coarseBlocks, fineBlocks, slots)
}

// Prefetch brings the first lines (of 64 bytes) at p towards the first-level cache where the machine has an
// instruction for it; here it does nothing.
func Prefetch(unsafe.Pointer, int) {}

func dotInt8(a, b []int8) int32 { return dotInt8Portable(a, b) }
