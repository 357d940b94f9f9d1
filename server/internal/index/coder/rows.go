//go:build !windows

package coder

import (
	"fmt"
	"math"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index"
)

// chunkRows is the number of vectors allocated together. Chunks never move, so the graph may point into them.
const chunkRows = 1024

// rows holds the vectors, scaled to L2 norm 1 or all zero. A copy of the struct sees the rows of its moment for ever.
type rows struct {
	dims   int
	n      int // rows that count; one more may be written
	chunks [][]float32
}

// write stores a row behind the last and returns its slot and place. The caller counts it by n++.
func (r *rows) write(row []float32) (slot uint32, stored []float32) {
	if r.n == len(r.chunks)*chunkRows {
		r.chunks = append(r.chunks, make([]float32, chunkRows*r.dims))
	}
	stored = r.row(uint32(r.n))
	copy(stored, row)
	return uint32(r.n), stored
}

func (r *rows) row(slot uint32) []float32 {
	at := int(slot%chunkRows) * r.dims
	return r.chunks[slot/chunkRows][at : at+r.dims : at+r.dims]
}

func (r *rows) bytes() int64 { return int64(len(r.chunks)) * chunkRows * int64(r.dims) * 4 }

// checkVector returns ErrDims or ErrNotFinite for a vector that cannot be compared.
func checkVector(v []float32, dims int) error {
	if len(v) != dims {
		return fmt.Errorf("%w: %d, want %d", index.ErrDims, len(v), dims)
	}
	for i, value := range v {
		if value-value != 0 { // true for NaN and the infinities alone
			return fmt.Errorf("%w: dimension %d is %v", index.ErrNotFinite, i, value)
		}
	}
	return nil
}

// normalise writes v scaled to L2 norm 1 to dst, and reports whether v is zero.
func normalise(dst, v []float32) (zero bool, err error) {
	if err := checkVector(v, len(dst)); err != nil {
		return false, err
	}
	var sum float64
	for _, value := range v {
		sum += float64(value) * float64(value)
	}
	if sum == 0 {
		clear(dst)
		return true, nil
	}
	scale := 1 / math.Sqrt(sum)
	for i, value := range v {
		dst[i] = float32(float64(value) * scale)
	}
	return false, nil
}

// dot is the inner product of two vectors of one length.
func dot(a, b []float32) float32 { return vector.Dot(a, b) }
