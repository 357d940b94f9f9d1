package codes

import (
	"fmt"
	"math"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index"
)

// Query is a vector prepared for scoring. It is scratch for one goroutine at a time and keeps its memory between uses.
type Query struct {
	vector.Int8Query

	// The coarse score of a row of scale s differs from the fine one by at most errorScale*s + errorFixed.
	errorScale, errorFixed float32
	// What the query's fine plane adds to that difference, as a standard deviation.
	deviation float32
}

// rounding covers what float32 arithmetic adds to the error bound.
const rounding = 4e-6

// Set prepares v, of any length but zero. ok is false for the zero vector, which is similar to nothing; the error is
// index.ErrDims or index.ErrNotFinite.
func (q *Query) Set(c *Codes, v []float32) (ok bool, err error) {
	if len(v) != c.dims {
		return false, fmt.Errorf("%w: %d, the index has %d", index.ErrDims, len(v), c.dims)
	}
	largest, err := largestMagnitude(v)
	if err != nil || largest == 0 {
		return false, err
	}
	q.resize(c.stride)
	absolute, squares, squaresLo := q.split(v, 256*127/float64(largest))
	q.Step = scaleOf(squares)
	q.bound(float64(absolute), math.Sqrt(float64(squaresLo)))
	return true, nil
}

// split writes the planes of the code of v and their sums. It returns the L1 norm of the code and its square sum, and
// that of the low plane: of up to 4,096 dimensions of 2^15 and of 2^7.
func (q *Query) split(v []float32, factor float64) (absolute int32, squares int64, squaresLo int32) {
	hi, lo := q.Hi[:len(v)], q.Lo[:len(v)]
	var sumHi, sum int32
	for i, x := range v {
		e := nearest(float64(x) * factor)
		h := (e + 128) >> 8
		l := e - 256*h
		hi[i], lo[i] = int8(h), int8(l)
		sum += e
		sumHi += h
		absolute += max(e, -e)
		squares += int64(e) * int64(e)
		squaresLo += l * l
	}
	q.SumHi, q.SumLo = sumHi, sum-256*sumHi
	return absolute, squares, squaresLo
}

// SetCoarse prepares the coarse plane of a stored vector alone, for Coarse and not for Fine.
func (q *Query) SetCoarse(v *View, slot uint32) {
	q.resize(v.stride)
	coarse := v.Row(slot)
	hi := q.Hi[:len(coarse)]
	var sum int32
	for i, b := range coarse {
		h := int8(b ^ 0x80)
		hi[i] = h
		sum += int32(h)
	}
	q.SumHi = sum
	q.Step = v.Scale(slot) / 16
}

func (q *Query) resize(stride int) {
	if cap(q.Hi) < stride {
		q.Hi, q.Lo = make([]int8, stride), make([]int8, stride)
		return
	}
	q.Hi, q.Lo = q.Hi[:stride], q.Lo[:stride]
	clear(q.Hi)
	clear(q.Lo)
}

// bound computes the error bound from the L1 norm of the query's code and the L2 norm of its low plane. The fine score
// is Step*s*sum((16hi+lo)(256Hi+Lo)), the coarse one Step*s*sum(16hi*256Hi). The difference, sum(lo*(256Hi+Lo)) +
// sum(16hi*Lo), is at most 8*L1(query) + |16hi|*|Lo|, and |16hi| is at most |c| + 8*sqrt(d), where |c| = 1/s.
func (q *Query) bound(absolute, lo float64) {
	step, dims := float64(q.Step), math.Sqrt(float64(len(q.Hi)))
	q.errorScale = float32(step * 8 * (absolute + dims*lo))
	q.errorFixed = float32(step*lo) + rounding
	q.deviation = float32(step * lo / dims)
}

// Margin is the most by which a coarse score of a row of the view may differ from its fine score.
func (q *Query) Margin(v *View) float32 { return q.margin(v.largestScale()) }

// Noise is what such a score hardly ever differs by: three standard deviations, since what the fine planes hold is
// spread evenly over a step.
func (q *Query) Noise(v *View) float32 {
	largest := v.largestScale()
	row := 16 / math.Sqrt(12) * float64(largest)
	return min(q.margin(largest), float32(3*math.Hypot(row, float64(q.deviation))))
}

func (q *Query) margin(scale float32) float32 { return q.errorScale*scale + q.errorFixed }

func (v *View) largestScale() (largest float32) {
	for _, m := range v.maxScale {
		largest = max(largest, math.Float32frombits(m.Load()))
	}
	return largest
}
