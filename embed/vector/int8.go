package vector

// The int8 kernels score vectors kept as 12-bit codes. A code c in [-2032, 2032] is kept in two planes, so that the
// walk of a graph and the scan of a set touch only the coarse one:
//
//	hi = (c+8)>>4, -127 to 127, kept as the byte hi+128      (coarse plane, one byte a dimension)
//	lo = c - 16*hi,  -8 to   7, kept as the nibble lo+8      (fine plane, half a byte a dimension)
//
// Bytes are biased because the multiply of AVX-512 VNNI takes one unsigned and one signed operand: with rows unsigned
// and queries signed the correction is 128 times the sum of the query, one number a query instead of one a row. Two
// signed operands would need vpmaddubsw, whose 16-bit sums saturate.
//
// Rows lie in blocks of BlockRows, so that a set can grow without moving. A coarse block is BlockRows rows of stride
// bytes followed by BlockRows float32 scales; a fine block is BlockRows rows of stride/2 bytes. The stride is the
// number of dimensions rounded up to a multiple of 64; padding holds 128 in the coarse plane and 8 in both nibbles of
// the fine one, which are the zeros of the biased forms.
//
// Within a fine row each group of 32 bytes holds 64 dimensions: byte j keeps dimension j in its low nibble and
// dimension 32+j in its high one.

// BlockRows is the number of rows of one block.
const BlockRows = 1 << blockShift

const (
	blockShift = 12
	blockMask  = BlockRows - 1
)

// Limits and constants of the codes.
const (
	// MaxCodeDims is the largest number of dimensions whose integer sums cannot overflow.
	MaxCodeDims = 4096
	// MaxCode is the largest magnitude of a 12-bit code.
	MaxCode = 127 * 16

	hiBias   = 128
	loBias   = 8
	codeBias = 16*hiBias + loBias
)

// Stride is the length in bytes of a coarse row of dims dimensions: a multiple of 64.
func Stride(dims int) int { return (dims + 63) &^ 63 }

// CoarseBlock is the length in bytes of a block of coarse rows with their scales.
func CoarseBlock(stride int) int { return BlockRows * (stride + 4) }

// FineBlock is the length in bytes of a block of fine rows.
func FineBlock(stride int) int { return BlockRows * stride / 2 }

// Int8Query is a query as two signed planes of 16 bits together: element = Step * (256*Hi + Lo).
type Int8Query struct {
	Hi, Lo       []int8 // len Stride(dims), padding zero
	SumHi, SumLo int32  // sums of the planes, for the bias of the rows
	Step         float32
}

// Coarse writes the approximate cosine of the query with each slot to dst (len(slots)): sum(hi_row * Hi) * row scale *
// Step * 4096, where a row's scale is that of its 12-bit code. Slots must lie in blocks, which is not checked.
func Coarse(dst []float32, q *Int8Query, blocks [][]byte, slots []uint32) {
	if len(slots) == 0 {
		return
	}
	_ = dst[len(slots)-1]
	coarse(dst, q, blocks, slots)
}

// CoarseRun is Coarse over the rows first to first+len(dst)-1 of one block.
func CoarseRun(dst []float32, q *Int8Query, block []byte, first int) {
	if len(dst) == 0 {
		return
	}
	_ = block[CoarseBlock(len(q.Hi))-1]
	if first < 0 || first+len(dst) > BlockRows {
		panic("vector: run leaves its block")
	}
	coarseRun(dst, q, block, first)
}

// Fine writes the cosine of the query with each slot to dst (len(slots)) from both planes: sum(c * (256*Hi + Lo)) * row
// scale * Step. Slots must lie in blocks, which is not checked.
func Fine(dst []float32, q *Int8Query, coarseBlocks, fineBlocks [][]byte, slots []uint32) {
	if len(slots) == 0 {
		return
	}
	_ = dst[len(slots)-1]
	fine(dst, q, coarseBlocks, fineBlocks, slots)
}
