package layout

import (
	"context"
	"math"
	"slices"
)

// descent is the state of a layout under way.
type descent struct {
	graph  *graph
	points []Point
	moving []Point   // velocity, per step
	gains  []Point   // factors of the learning rate, along each axis
	next   []Point   // scratch: first how each point is pushed, then its new place
	sums   []float64 // of the potential, by piece of the points
	field  field
	work   crew
}

const (
	exaggeration  = 12  // of the pull in the first quarter of the steps, in which clusters form
	earlyMomentum = .5  // in that quarter
	momentum      = .8  // afterwards
	gravity       = .5  // pull to the origin, per unit, times the square of the number of points
	gainLeast     = .01 // bounds and steps of the gains
	gainRise      = .2
	gainFall      = .8
)

func newDescent(g *graph, start []Point) *descent {
	n := len(start)
	d := &descent{
		graph: g, points: slices.Clone(start), moving: make([]Point, n), gains: make([]Point, n), next: make([]Point, n),
		sums: make([]float64, (n+piece-1)/piece),
	}
	for i := range d.gains {
		d.gains[i] = Point{1, 1}
	}
	d.field.work = &d.work
	return d
}

// shrink centres the points and scales them to a standard deviation along x. Points that all begin at one place, which
// no force would part, are put on a small spiral.
func (d *descent) shrink(deviation float64) {
	n := float64(len(d.points))
	var x, y, xx, yy float64
	for _, p := range d.points {
		x, y = x+float64(p.X)/n, y+float64(p.Y)/n
	}
	for _, p := range d.points {
		xx += (float64(p.X) - x) * (float64(p.X) - x) / n
		yy += (float64(p.Y) - y) * (float64(p.Y) - y) / n
	}
	scale := 0.
	if spread := math.Sqrt(max(xx, yy)); spread > 0 {
		scale = deviation / spread
	}
	for i, p := range d.points {
		off := Spiral(i, len(d.points))
		d.points[i] = Point{
			float32((float64(p.X)-x)*scale + deviation/100*float64(off.X)),
			float32((float64(p.Y)-y)*scale + deviation/100*float64(off.Y)),
		}
	}
}

// Spiral is the place of point i of n on a sunflower in the unit circle: all are about equally far from each other.
func Spiral(i, n int) Point {
	const golden = 2.399963229728653 // radians, pi (3 - sqrt 5)
	r := math.Sqrt((float64(i) + .5) / float64(max(1, n)))
	sin, cos := math.Sincos(golden * float64(i))
	return Point{float32(r * cos), float32(r * sin)}
}

// run makes the steps. The learning rate is the number of points over the exaggeration (Belkina and others, Nature
// Communications 10, 2019).
func (d *descent) run(ctx context.Context, o *Options) error {
	steps, early := o.Steps, 0
	switch {
	case steps == 0 && o.Settled:
		steps = settledSteps
	case steps == 0:
		steps = freshSteps
	}
	if !o.Settled {
		early = steps / 4
	}
	rate := float32(len(d.points))
	for step := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		d.work.size, d.work.pause = max(1, o.Workers()), o.Pause
		if step < early {
			d.step(rate/exaggeration, exaggeration, earlyMomentum)
		} else {
			d.step(rate, 1, momentum)
		}
		if o.Progress != nil {
			o.Progress(step+1, steps)
		}
	}
	return nil
}

// step moves every point once. With q = 1 / (1 + d^2) for the distance d of two points, and Z the sum of q over all
// ordered pairs, the gradient at point i is
//
//	4 (sum over j of p_ij q_ij (y_i - y_j)  -  sum over j of q_ij^2 (y_i - y_j) / Z)
//
// and the second sum is minus half the gradient of the potential at i. What no link holds would drift away for ever; a
// pull to the origin, which is much weaker than that of one link, stops it at about the edge of the others.
func (d *descent) step(rate, exaggerated, inertia float32) {
	d.field.compute(d.points)
	n := len(d.points)
	d.work.points(n, func(piece, from, to int) {
		sum := 0.
		for i := from; i < to; i++ {
			phi, dx, dy := d.field.read(d.points[i])
			sum += float64(phi) - 1 // a point does not push itself
			d.next[i] = Point{-.5 * dx, -.5 * dy}
		}
		d.sums[piece] = sum
	})
	z := d.field.rest * float64(n) * float64(n)
	for _, sum := range d.sums {
		z += sum
	}
	push := 4 * float32(1/max(z, 1e-9))
	pull := 4 * exaggerated * d.graph.pull
	home := gravity / float32(n) / float32(n)
	d.work.points(n, func(_, from, to int) {
		for i := from; i < to; i++ {
			p, v, g := d.points[i], &d.moving[i], &d.gains[i]
			x, y := d.pull(i)
			x = pull*x + push*d.next[i].X - home*p.X
			y = pull*y + push*d.next[i].Y - home*p.Y
			g.X, g.Y = gain(g.X, x, v.X), gain(g.Y, y, v.Y)
			v.X = inertia*v.X + rate*g.X*x
			v.Y = inertia*v.Y + rate*g.Y*y
			d.next[i] = Point{p.X + v.X, p.Y + v.Y}
		}
	})
	d.points, d.next = d.next, d.points
}

// pull is the sum over the links of point i of q (y_j - y_i), twice where both name each other.
func (d *descent) pull(i int) (x, y float32) {
	p := d.points[i]
	for _, link := range d.graph.of(i) {
		other := d.points[link&^mutual]
		dx, dy := other.X-p.X, other.Y-p.Y
		w := 1 / (1 + dx*dx + dy*dy)
		if link&mutual != 0 {
			w += w
		}
		x += w * dx
		y += w * dy
	}
	return x, y
}

// gain is the next factor of the learning rate along an axis: it grows while the force goes on the way that the point
// moves, and shrinks where it turns back (Jacobs, Neural Networks 1, 1988).
func gain(g, force, velocity float32) float32 {
	if force*velocity >= 0 {
		return g + gainRise
	}
	return max(g*gainFall, gainLeast)
}
