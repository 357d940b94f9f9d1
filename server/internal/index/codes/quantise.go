package codes

import (
	"fmt"
	"math"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index"
)

// largestMagnitude is max|v|, or index.ErrNotFinite.
func largestMagnitude(v []float32) (float32, error) {
	const sign, infinity = 1 << 31, 0xff << 23
	largest := uint32(0) // the bits of magnitudes order as they do; those of infinity and NaN stand above all others
	for _, x := range v {
		largest = max(largest, math.Float32bits(x)&^sign)
	}
	if largest >= infinity {
		return 0, fmt.Errorf("%w: send numbers between -3.4e38 and 3.4e38", index.ErrNotFinite)
	}
	return math.Float32frombits(largest), nil
}

// nearest rounds to the nearest integer, halves away from zero, as math.Round does. What it adds is the number before
// one half, with which halves alone reach the next integer. The conversion keeps a product from being fused with it.
func nearest(x float64) int32 { return int32(float64(x) + math.Copysign(.49999999999999994, x)) }

// encode writes the code of v to the two planes and returns its scale. The vector may have any length but zero;
// largest is max|v|, and 0 gives the zero row with scale 0.
func encode(coarse, fine []byte, v []float32, largest float32) (scale float32) {
	var factor float64
	if largest > 0 {
		factor = vector.MaxCode / float64(largest)
	}
	for i := range fine {
		fine[i] = 0x88
	}
	var squares int64
	for i, x := range v {
		c := nearest(float64(x) * factor)
		squares += int64(c) * int64(c)
		hi := (c + 8) >> 4
		coarse[i] = byte(hi + 128)
		nibble := byte(c - 16*hi + 8)
		at, high := finePlace(i)
		if high {
			fine[at] = fine[at]&0x0f | nibble<<4
		} else {
			fine[at] = fine[at]&0xf0 | nibble
		}
	}
	for i := len(v); i < len(coarse); i++ {
		coarse[i] = 128
	}
	return scaleOf(squares)
}

// scaleOf is 1/|c| from the sum of the squares of c, 0 for the zero vector.
func scaleOf(squares int64) float32 {
	if squares == 0 {
		return 0
	}
	return float32(1 / math.Sqrt(float64(squares)))
}

// finePlace is where the nibble of dimension i lies in a fine row.
func finePlace(i int) (at int, high bool) { return i/64*32 + i%32, i&32 != 0 }

// code is the 12-bit code of dimension i.
func code(coarse, fine []byte, i int) int32 {
	at, high := finePlace(i)
	nibble := fine[at] & 0x0f
	if high {
		nibble = fine[at] >> 4
	}
	return 16*(int32(coarse[i])-128) + int32(nibble) - 8
}
