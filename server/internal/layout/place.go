package layout

import (
	"math"
)

// PlaceBy is by how many neighbours a new point is best placed.
const PlaceBy = 8

// Place is where a new point goes, by its nearest neighbours that are on the map, nearest first: to the one of them
// that is least far from the others, since a mean of places from two clusters would be in neither. off moves it a
// little, so that points with the same neighbours do not lie on each other; see Spiral. ok is false without
// neighbours.
func Place(near []Point, off Point) (p Point, ok bool) {
	if len(near) == 0 {
		return Point{}, false
	}
	best, least := 0, math.Inf(1)
	for i, a := range near {
		sum := 0.
		for j, b := range near {
			sum += math.Hypot(float64(a.X-b.X), float64(a.Y-b.Y)) / float64(j+1)
		}
		if sum < least {
			best, least = i, sum
		}
	}
	return Point{near[best].X + off.X, near[best].Y + off.Y}, true
}

// Align moves, turns and, where that is nearer, mirrors points so that they lie as near as can be to where they were
// before, by the sum of squares (Procrustes; Schönemann, Psychometrika 31, 1966). Their distances stay as they are.
// was has a place for each point, or ok false for those that are new.
func Align(points []Point, was func(i int) (p Point, ok bool)) {
	var n, px, py, qx, qy float64
	each := func(fn func(p, q Point)) {
		for i, p := range points {
			if q, ok := was(i); ok {
				fn(p, q)
			}
		}
	}
	each(func(p, q Point) {
		n++
		px, py, qx, qy = px+float64(p.X), py+float64(p.Y), qx+float64(q.X), qy+float64(q.Y)
	})
	if n == 0 {
		return
	}
	px, py, qx, qy = px/n, py/n, qx/n, qy/n
	var xx, xy, yx, yy float64
	each(func(p, q Point) {
		ax, ay, bx, by := float64(p.X)-px, float64(p.Y)-py, float64(q.X)-qx, float64(q.Y)-qy
		xx, xy, yx, yy = xx+ax*bx, xy+ax*by, yx+ay*bx, yy+ay*by
	})
	turn, mirror := math.Hypot(xx+yy, xy-yx), math.Hypot(xx-yy, xy+yx)
	sin, cos, sign := xy-yx, xx+yy, 1.
	if mirror > turn {
		sin, cos, sign, turn = xy+yx, xx-yy, -1, mirror
	}
	if turn == 0 {
		sin, cos, turn = 0, 1, 1
	}
	sin, cos = sin/turn, cos/turn
	for i, p := range points {
		x, y := float64(p.X)-px, sign*(float64(p.Y)-py)
		points[i] = Point{float32(cos*x - sin*y + qx), float32(sin*x + cos*y + qy)}
	}
}
