package codes

import (
	"fmt"
	"math"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index"
)

// largestMagnitude is max|v|, or index.ErrNotFinite.
func largestMagnitude(v []float32) (float32, error) {
	var largest, sum float32
	for _, x := range v {
		largest = max(largest, float32(math.Abs(float64(x))))
		sum += x - x // NaN where x is NaN or infinite
	}
	if sum != 0 {
		return 0, fmt.Errorf("%w: send numbers between -3.4e38 and 3.4e38", index.ErrNotFinite)
	}
	return largest, nil
}

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
		c := int32(math.Round(float64(x) * factor))
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
