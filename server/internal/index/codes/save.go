package codes

import (
	"context"
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

// A saved stretch of a set, all integers little-endian:
//
//	uint32 dims | uint32 from | uint32 to | uint32 CRC32C of the three
//	per block of 4,096 rows, cut to the rows from..to:
//	    rows*stride bytes coarse | rows*4 bytes scales (float32) | rows*stride/2 bytes fine
//
// The format has no version of its own: the engine's header around it has. The rows' own checksum is the business of
// whoever holds the bytes; Check verifies that they are what encode writes.
const headerSize = 16

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// rowSize is the length of one saved row.
func rowSize(stride int) int64 { return int64(stride) + 4 + int64(stride)/2 }

// Save writes the rows from..to-1, of those below Len.
func (c *Codes) Save(ctx context.Context, w io.Writer, from, to int) error {
	v := c.View()
	if from < 0 || from > to || to > v.N {
		return fmt.Errorf("codes: asked to save the rows %d to %d of %d", from, to, v.N)
	}
	var header [headerSize]byte
	binary.LittleEndian.PutUint32(header[:], uint32(c.dims))
	binary.LittleEndian.PutUint32(header[4:], uint32(from))
	binary.LittleEndian.PutUint32(header[8:], uint32(to))
	binary.LittleEndian.PutUint32(header[12:], crc32.Checksum(header[:12], castagnoli))
	if _, err := w.Write(header[:]); err != nil {
		return err
	}
	for at := from; at < to; {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, first := at/vector.BlockRows, at%vector.BlockRows
		end := min(first+to-at, vector.BlockRows)
		for _, part := range blockParts(v.Coarse[b], v.Fine[b], c.stride, first, end) {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
		at += end - first
	}
	return nil
}

// blockParts are the three stretches of a block's rows first..end-1, in the order of the format.
func blockParts(coarse, fine []byte, stride, first, end int) [3][]byte {
	scales := coarse[vector.BlockRows*stride:]
	return [3][]byte{coarse[first*stride : end*stride], scales[4*first : 4*end], fine[first*stride/2 : end*stride/2]}
}

// Load appends what Save wrote of a set that was as long as this one; size is the number of bytes r may hold, and no
// more memory than that justifies is taken. Bytes behind the rows stay unread. Nobody else uses the set meanwhile;
// after an error it is of no use.
func (c *Codes) Load(r io.Reader, size int64) error {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return fmt.Errorf("%w: header: %w", ErrDamaged, err)
	}
	if binary.LittleEndian.Uint32(header[12:]) != crc32.Checksum(header[:12], castagnoli) {
		return fmt.Errorf("%w: header: checksum", ErrDamaged)
	}
	dims, from, to := binary.LittleEndian.Uint32(header[:]), binary.LittleEndian.Uint32(header[4:]),
		binary.LittleEndian.Uint32(header[8:])
	switch {
	case int64(dims) != int64(c.dims):
		return fmt.Errorf("%w: %d dimensions, the set has %d", ErrDamaged, dims, c.dims)
	case int64(from) != int64(c.Len()) || to < from:
		return fmt.Errorf("%w: rows %d to %d, the set has %d", ErrDamaged, from, to, c.Len())
	case int64(to-from)*rowSize(c.stride) > size-headerSize:
		return fmt.Errorf("%w: %d rows do not fit into %d bytes", ErrDamaged, to-from, size)
	}
	for at := int(from); at < int(to); {
		b, first := c.open(at)
		end := min(first+int(to)-at, vector.BlockRows)
		for _, part := range blockParts(b.coarse, b.fine, c.stride, first, end) {
			if _, err := io.ReadFull(r, part); err != nil {
				return fmt.Errorf("%w: row %d and behind: %w", ErrDamaged, at, err)
			}
		}
		for row := first; row < end; row++ {
			scale, err := checkRow(b, c.stride, c.dims, row)
			if err != nil {
				return fmt.Errorf("%w: row %d: %w", ErrDamaged, at+row-first, err)
			}
			c.publish(b, row, scale, at+row-first)
		}
		at += end - first
	}
	return nil
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

// Check verifies every row.
func (c *Codes) Check() error {
	n := c.Len()
	zero := 0
	for i := range n {
		b := c.block(i / vector.BlockRows)
		scale, err := checkRow(b, c.stride, c.dims, i%vector.BlockRows)
		if err != nil {
			return fmt.Errorf("%w: row %d: %w", ErrDamaged, i, err)
		}
		if scale > math.Float32frombits(b.maxScale.Load()) {
			return fmt.Errorf("%w: row %d: scale %v above its block's largest", ErrDamaged, i, scale)
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
