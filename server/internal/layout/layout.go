package layout

import (
	"context"
	"fmt"
	"math"
)

// Point is a place on the map. The unit is that of t-SNE: points push each other hardest at about half of it.
type Point struct{ X, Y float32 }

// Neighbours are the nearest neighbours of n points.
type Neighbours struct {
	K     int      // of each point, at least 1
	Lists []uint32 // n rows of K, None at the end of shorter ones; no point names itself, nor another twice
}

// Options say how a layout is computed. The zero value means the defaults.
type Options struct {
	// Settled says that start is an earlier map, so that places are corrected rather than found: the distances in it stay
	// as they are, nothing is exaggerated, and fewer steps are made.
	Settled bool
	// Steps of gradient descent. 0: 500, or 150 from a settled start.
	Steps int
	// Workers says how many goroutines work, at least 1; it is asked again at every step. Nil: one.
	Workers func() int
	// Pause is called by every worker between two pieces of its work, some tenths of a millisecond apart. Nil: nothing.
	Pause func()
	// Progress is told after every step, by the calling goroutine. Nil: no one.
	Progress func(done, of int)
}

const (
	freshSteps   = 500
	settledSteps = 150
	startWidth   = 1e-4 // standard deviation along x with which a layout begins, small beside a unit
)

// Compute lays points out, beginning at start, which has a place for each point. It returns the context's error when
// that ends first.
func Compute(ctx context.Context, near Neighbours, start []Point, o Options) ([]Point, error) {
	g, err := newGraph(near.Lists, near.K)
	if err != nil {
		return nil, err
	}
	n := len(near.Lists) / near.K
	if len(start) != n {
		return nil, fmt.Errorf("layout: %d points begin at %d places", n, len(start))
	}
	for i, p := range start {
		if x := float64(p.X) + float64(p.Y); math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, fmt.Errorf("layout: point %d begins nowhere", i)
		}
	}
	if o.Workers == nil {
		o.Workers = func() int { return 1 }
	}
	d := newDescent(g, start)
	if !o.Settled {
		d.shrink(startWidth)
	}
	if n > 1 {
		err = d.run(ctx, &o)
	}
	if err != nil {
		return nil, err
	}
	return d.points, nil
}
