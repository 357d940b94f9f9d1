package codes

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"github.com/akin-search/akin/embed/vector"
)

// ErrDamaged: the bytes of a saved set are not what Save writes. The set must be built again from its vectors.
var ErrDamaged = errors.New("codes: saved vectors are damaged")

// A saved set, all integers little-endian:
//
//	uint32 dims | uint32 n | uint32 CRC32C of the two | per block of 4,096 rows, the last one cut to the rows it has:
//	    rows*stride bytes coarse | rows*4 bytes scales (float32) | rows*stride/2 bytes fine
//
// The format has no version of its own: the engine's header around it has. The rows vouch for themselves, but the same rows
// make sense in several numbers of dimensions, so the header has a checksum.
const headerSize = 12

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// rowSize is the length of one saved row.
func rowSize(stride int) int64 { return int64(stride) + 4 + int64(stride)/2 }

// Save writes the first n rows, at most Len.
func (c *Codes) Save(w io.Writer, n int) error {
	v := c.View()
	if n < 0 || n > v.N {
		return fmt.Errorf("codes: asked to save %d rows of %d", n, v.N)
	}
	var header [headerSize]byte
	binary.LittleEndian.PutUint32(header[:], uint32(c.dims))
	binary.LittleEndian.PutUint32(header[4:], uint32(n))
	binary.LittleEndian.PutUint32(header[8:], crc32.Checksum(header[:8], castagnoli))
	if _, err := w.Write(header[:]); err != nil {
		return err
	}
	for b := 0; b*vector.BlockRows < n; b++ {
		for _, part := range blockParts(v.Coarse[b], v.Fine[b], c.stride, min(n-b*vector.BlockRows, vector.BlockRows)) {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
	}
	return nil
}

// blockParts are the three stretches of a block's first rows, in the order of the format.
func blockParts(coarse, fine []byte, stride, rows int) [3][]byte {
	scales := vector.BlockRows * stride
	return [3][]byte{coarse[:rows*stride], coarse[scales : scales+4*rows], fine[:rows*stride/2]}
}

// Load reads what Save wrote; size is the number of bytes r may hold, and no more memory than that justifies is taken. Bytes
// behind the set stay unread.
func Load(r io.Reader, size int64) (*Codes, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrDamaged, err)
	}
	if binary.LittleEndian.Uint32(header[8:]) != crc32.Checksum(header[:8], castagnoli) {
		return nil, fmt.Errorf("%w: header: checksum", ErrDamaged)
	}
	dims, n := binary.LittleEndian.Uint32(header[:]), binary.LittleEndian.Uint32(header[4:])
	if dims < 1 || dims > vector.MaxCodeDims {
		return nil, fmt.Errorf("%w: %d dimensions", ErrDamaged, dims)
	}
	c := New(int(dims))
	if int64(n)*rowSize(c.stride) > size-headerSize {
		return nil, fmt.Errorf("%w: %d rows do not fit into %d bytes", ErrDamaged, n, size)
	}
	for at := 0; at < int(n); at += vector.BlockRows {
		b, _ := c.open(at)
		rows := min(int(n)-at, vector.BlockRows)
		for _, part := range blockParts(b.coarse, b.fine, c.stride, rows) {
			if _, err := io.ReadFull(r, part); err != nil {
				return nil, fmt.Errorf("%w: row %d and behind: %w", ErrDamaged, at, err)
			}
		}
		for row := range rows {
			scale, err := checkRow(b, c.stride, int(dims), row)
			if err != nil {
				return nil, fmt.Errorf("%w: row %d: %w", ErrDamaged, at+row, err)
			}
			c.publish(b, row, scale, at+row)
		}
	}
	return c, nil
}

// checkRow verifies that a row is what encode writes: codes in range, padding zero, and the scale that belongs to them.
func checkRow(b block, stride, dims, row int) (scale float32, err error) {
	coarse, fine := b.coarse[row*stride:(row+1)*stride], b.fine[row*stride/2:(row+1)*stride/2]
	var squares int64
	var lowest byte = 255
	for d := 0; d < stride; d += 64 {
		hi, lo := (*[64]byte)(coarse[d:]), (*[32]byte)(fine[d/2:])
		for j, nibbles := range lo {
			x := 16*(int32(hi[j])-128) + int32(nibbles&15) - 8
			y := 16*(int32(hi[32+j])-128) + int32(nibbles>>4) - 8
			squares += int64(x*x + y*y)
			lowest = min(lowest, hi[j], hi[32+j])
		}
	}
	if lowest == 0 {
		return 0, errors.New("a code is out of range")
	}
	for i := dims; i < stride; i++ {
		if code(coarse, fine, i) != 0 {
			return 0, errors.New("padding is not zero")
		}
	}
	stored := math.Float32frombits(binary.LittleEndian.Uint32(b.coarse[vector.BlockRows*stride+4*row:]))
	if scale = scaleOf(squares); scale != stored {
		return 0, fmt.Errorf("scale %v, its codes have %v", stored, scale)
	}
	return scale, nil
}

// Check verifies every row as Load does.
func (c *Codes) Check() error {
	n := c.Len()
	zero := 0
	for i := range n {
		b := c.block(i / vector.BlockRows)
		scale, err := checkRow(b, c.stride, c.dims, i%vector.BlockRows)
		if err != nil {
			return fmt.Errorf("codes: row %d: %w", i, err)
		}
		if scale > math.Float32frombits(b.maxScale.Load()) {
			return fmt.Errorf("codes: row %d: scale %v above its block's largest", i, scale)
		}
		if scale == 0 {
			zero++
		}
	}
	if zero > c.Zero() {
		return fmt.Errorf("codes: %d zero vectors, counted %d", zero, c.Zero())
	}
	return nil
}
