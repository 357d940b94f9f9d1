package layout

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/akin-search/akin/embed/vector"
)

const (
	principalSample = 10_000 // rows that the axes are found from
	principalRounds = 60     // of power iteration
	lookEvery       = 4096   // rows between two looks at the context
)

// Principal projects n vectors of some dimensions on their first two principal components, found from up to 10,000 of
// them, evenly spread. row writes one vector to dst, and fails never for the same row alone. The sign of an axis is
// such that its largest part is positive, so equal rows give equal maps.
func Principal(ctx context.Context, n, dims int, row func(i int, dst []float32) error) ([]Point, error) {
	mean, axes, err := principalAxes(ctx, n, dims, row)
	if err != nil {
		return nil, err
	}
	points, v := make([]Point, n), make([]float32, dims)
	x0, y0 := vector.Dot(mean, axes[0]), vector.Dot(mean, axes[1])
	for i := range points {
		if i%lookEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err := row(i, v); err != nil {
			return nil, err
		}
		points[i] = Point{vector.Dot(v, axes[0]) - x0, vector.Dot(v, axes[1]) - y0}
	}
	return points, nil
}

// principalAxes returns the mean of the sampled rows and their two principal axes, of length 1. The covariance is never
// made: an axis is multiplied by the rows and their transpose instead.
func principalAxes(ctx context.Context, n, dims int, row func(i int, dst []float32) error) (mean []float32,
	axes [2][]float32, err error) {
	every := max(1, n/principalSample)
	var rows [][]float32
	mean = make([]float32, dims)
	for i := 0; i < n; i += every {
		v := make([]float32, dims)
		if err := row(i, v); err != nil {
			return nil, axes, err
		}
		rows = append(rows, v)
		vector.Axpy(mean, 1, v)
	}
	vector.Scale(mean, 1/float32(max(1, len(rows))))
	for _, v := range rows {
		vector.Axpy(v, -1, mean)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for a := range axes {
		axis := make([]float32, dims)
		for j := range axis {
			axis[j] = float32(rng.NormFloat64())
		}
		next := make([]float32, dims)
		for range principalRounds {
			if err := ctx.Err(); err != nil {
				return nil, axes, err
			}
			if a == 1 {
				vector.Axpy(axis, -vector.Dot(axis, axes[0]), axes[0])
			}
			clear(next)
			for _, v := range rows {
				vector.Axpy(next, vector.Dot(v, axis), v)
			}
			norm := math.Sqrt(float64(vector.Dot(next, next)))
			if norm < 1e-20 {
				break // the rows differ along no further axis
			}
			copy(axis, next)
			vector.Scale(axis, float32(1/norm))
		}
		largest := float32(0)
		for _, v := range axis {
			if v*v > largest*largest {
				largest = v
			}
		}
		if largest < 0 {
			vector.Scale(axis, -1)
		}
		axes[a] = axis
	}
	return mean, axes, nil
}
