package codes

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/index/slab"
)

// Codes is a growing set of vectors.
type Codes struct {
	dims, stride int
	fresh        struct{ coarse, fine *slab.Slab } // the appender's
	coarse, fine slab.Table[[]byte]                // blocks
	maxScale     slab.Table[*atomic.Uint32]        // largest scale of a block, as float32 bits
	n            atomic.Int64                      // rows published
	zero         atomic.Int64
}

// View is the set as it was at one moment: rows 0 to N-1. It stays valid while the set grows.
type View struct {
	N            int
	Coarse, Fine [][]byte // blocks for the kernels of package vector
	maxScale     []*atomic.Uint32
	stride       int
}

// New returns an empty set of vectors of dims dimensions, 1 to vector.MaxCodeDims.
func New(dims int) *Codes {
	if dims < 1 || dims > vector.MaxCodeDims {
		panic(fmt.Sprintf("codes: %d dimensions, want 1 to %d", dims, vector.MaxCodeDims))
	}
	c := &Codes{dims: dims, stride: vector.Stride(dims)}
	c.fresh.coarse, c.fresh.fine = slab.New(vector.CoarseBlock(c.stride)), slab.New(vector.FineBlock(c.stride))
	return c
}

// Dims is the number of dimensions.
func (c *Codes) Dims() int { return c.dims }

// Len is the number of vectors.
func (c *Codes) Len() int { return int(c.n.Load()) }

// Zero is the number of zero vectors among them.
func (c *Codes) Zero() int { return int(c.zero.Load()) }

// Bytes is the memory of the blocks.
func (c *Codes) Bytes() int64 {
	return int64(len(c.maxScale.Chunks())) * int64(vector.CoarseBlock(c.stride)+vector.FineBlock(c.stride))
}

// View returns the set as it is now.
func (c *Codes) View() View {
	n := c.Len() // before the blocks, which are added before the length covers them
	return View{N: n, Coarse: c.coarse.Chunks(), Fine: c.fine.Chunks(), maxScale: c.maxScale.Chunks(), stride: c.stride}
}

// Append adds a vector. The error is index.ErrDims or index.ErrNotFinite. One goroutine at a time.
func (c *Codes) Append(v []float32) (slot uint32, err error) {
	if len(v) != c.dims {
		return 0, fmt.Errorf("%w: %d, the index has %d", index.ErrDims, len(v), c.dims)
	}
	largest, err := largestMagnitude(v)
	if err != nil {
		return 0, err
	}
	n := int(c.n.Load())
	block, row := c.open(n)
	scale := encode(
		block.coarse[row*c.stride:(row+1)*c.stride],
		block.fine[row*c.stride/2:(row+1)*c.stride/2], v, largest)
	c.publish(block, row, scale, n)
	return uint32(n), nil
}

// block is one block of rows, for writing.
type block struct {
	coarse, fine []byte
	maxScale     *atomic.Uint32
}

// open returns the block and row of slot n, adding a block where there is none yet.
func (c *Codes) open(n int) (block, int) {
	i := n / vector.BlockRows
	if i == len(c.maxScale.Chunks()) {
		c.coarse.Add(c.fresh.coarse.Bytes())
		c.fine.Add(c.fresh.fine.Bytes())
		c.maxScale.Add(new(atomic.Uint32))
	}
	return c.block(i), n % vector.BlockRows
}

// block returns a block that holds a published row, or that the appender has opened.
func (c *Codes) block(i int) block {
	return block{c.coarse.Chunks()[i], c.fine.Chunks()[i], c.maxScale.Chunks()[i]}
}

// publish stores the scale of a row and makes the row visible as slot n.
func (c *Codes) publish(b block, row int, scale float32, n int) {
	binary.LittleEndian.PutUint32(b.coarse[vector.BlockRows*c.stride+4*row:], math.Float32bits(scale))
	if scale == 0 {
		c.zero.Add(1)
	}
	if scale > math.Float32frombits(b.maxScale.Load()) {
		b.maxScale.Store(math.Float32bits(scale))
	}
	c.n.Store(int64(n) + 1)
}

// Scale is the scale of a row's 12-bit code; 0 means that the vector is zero.
func (v *View) Scale(slot uint32) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(
		v.Coarse[slot/vector.BlockRows][vector.BlockRows*v.stride+4*int(slot%vector.BlockRows):]))
}

// Row is the coarse row of a slot, one biased byte a dimension, and must not be changed.
func (v *View) Row(slot uint32) []byte {
	row := int(slot % vector.BlockRows)
	return v.Coarse[slot/vector.BlockRows][row*v.stride : (row+1)*v.stride : (row+1)*v.stride]
}

// FineRow is the fine row of a slot, and must not be changed.
func (v *View) FineRow(slot uint32) []byte {
	row := int(slot % vector.BlockRows)
	return v.Fine[slot/vector.BlockRows][row*v.stride/2 : (row+1)*v.stride/2 : (row+1)*v.stride/2]
}

// Vector writes the vector of a slot to dst (len Dims): L2 norm 1, or all zero.
func (v *View) Vector(slot uint32, dst []float32) {
	vector.Decode(dst, v.Row(slot), v.FineRow(slot), v.Scale(slot))
}

// Vector writes the vector of a slot to dst, whose length is Dims. An error says that the slot is not published, or
// wraps index.ErrDims.
func (c *Codes) Vector(slot uint32, dst []float32) error {
	view := c.View()
	if int(slot) >= view.N {
		return fmt.Errorf("codes: slot %d of %d", slot, view.N)
	}
	if len(dst) != c.dims {
		return fmt.Errorf("%w: %d, the index has %d", index.ErrDims, len(dst), c.dims)
	}
	view.Vector(slot, dst)
	return nil
}
