package layout

import "math"

// The potential of all points, phi(y) = sum over j of K(|y - y_j|) with K(r) = 1 / (1 + r^2), on a pyramid of grids.
//
// K is a sum of Gaussians, since 1 / (1 + r^2) is the integral of exp(-t (1 + r^2)) over t from 0: with t = 3 / 4^l for
// l = 0, 1, 2, ... the trapezoid rule in log t gives
//
//	K(r) = sum over l of ln 4 t e^-t exp(-t r^2), within .002 for every r
//
// Each Gaussian is twice as wide as the one before, so each has a grid twice as coarse. Points are put onto the finest
// grid with cubic B-splines and read off it with the same, and that blurring, with one pass of a stencil of five cells
// between, is already a Gaussian nearly enough (of variance 2/3 + 1/2 cells squared along each axis). A coarse
// B-spline is exactly a sum of five finer ones, so a grid's charge comes from the one below it, and its potential goes
// back down, without looking at the points again. The whole costs about 40 operations a cell and 100 a point, for any
// number of points, where Barnes and Hut's tree takes thousands.

const (
	finest  = 3.0           // t of the narrowest Gaussian
	blur    = 2.0/3 + 1.0/2 // variance of splines and stencil along an axis, in cells squared
	shift   = 2             // cells between the edges of a grid and of the next coarser one
	margin  = 3             // cells around the points
	maxCell = 2048          // cells along an axis of the finest grid; wider layouts get larger cells
	flat    = .02           // t, and t times the diagonal squared, below which a Gaussian is as good as constant
	bands   = 64            // pieces of a grid that are worked on side by side
	log4    = 2 * math.Ln2  // step of the trapezoid rule
)

// The stencil along an axis has the variance 1/2, and a fourth cumulant that makes up for that of the splines: the
// blurring is a Gaussian up to the sixth moment.
const (
	far    = 19.0 / 1440
	beside = .25 - 4*far
	centre = .5 + 6*far
)

// grid is one level: nx by ny cells, row by row.
type grid struct {
	nx, ny              int
	charge, across, phi []float32 // across: charge blurred along x
	weight              float32   // of its Gaussian, per unit of charge
}

// field computes the potential and keeps its memory from call to call.
type field struct {
	grids    []grid
	used     int
	cell     float64 // width of a cell of the finest grid
	x0, y0   float64
	rest     float64 // what all coarser Gaussians add to the potential, per point
	rowStart []uint32
	order    []uint32 // points by the row of the finest grid that they lie in, then by number
	rowOf    []uint32
	work     *crew
}

// place chooses the grids for points within a box.
func (f *field) place(low, high Point) {
	t := finest
	width, height := float64(high.X-low.X), float64(high.Y-low.Y)
	f.cell = math.Sqrt(1 / (2 * t * blur))
	for max(width, height)/f.cell > maxCell-2*margin-2 {
		t /= 4
		f.cell *= 2
	}
	f.x0, f.y0 = float64(low.X)-margin*f.cell, float64(low.Y)-margin*f.cell
	nx, ny := int(width/f.cell)+2*margin+1, int(height/f.cell)+2*margin+1
	f.used = 0
	for {
		if f.used == len(f.grids) {
			f.grids = append(f.grids, grid{})
		}
		g := &f.grids[f.used]
		f.used++
		weight := log4 * t * math.Exp(-t)
		g.nx, g.ny, g.weight = nx, ny, float32(weight*2*math.Pi*blur)
		g.charge, g.across, g.phi = resized(g.charge, nx*ny), resized(g.across, nx*ny), resized(g.phi, nx*ny)
		if t < flat && t*(width*width+height*height) < flat {
			f.rest = weight / 3 // each further Gaussian has a quarter of the weight
			return
		}
		nx, ny = nx/2+2*shift, ny/2+2*shift
		t /= 4
	}
}

func resized(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n, n+n/4)
	}
	return s[:n]
}

// at returns the cell of a coordinate on the finest grid, from which four splines reach, and the place within it.
func (f *field) at(v float32, origin float64) (cell int, within float32) {
	u := (float64(v) - origin) / f.cell
	cell = int(u)
	return cell, float32(u - float64(cell))
}

// splines are the four cubic B-splines that reach a place within a cell.
func splines(f float32) (w [4]float32) {
	g := 1 - f
	w[0] = g * g * g / 6
	w[1] = f*f*(.5*f-1) + 2./3
	w[2] = g*g*(.5*g-1) + 2./3
	w[3] = f * f * f / 6
	return w
}

// slopes are their derivatives, per cell.
func slopes(f float32) (d [4]float32) {
	g := 1 - f
	d[0] = -.5 * g * g
	d[1] = f * (1.5*f - 2)
	d[2] = -g * (1.5*g - 2)
	d[3] = .5 * f * f
	return d
}

// compute fills the finest grid's phi for points.
func (f *field) compute(points []Point) {
	low, high := bounds(points)
	f.place(low, high)
	f.sort(points)
	f.deposit(points)
	for l := 1; l < f.used; l++ {
		f.coarsen(&f.grids[l], &f.grids[l-1])
	}
	for l := f.used - 1; l >= 0; l-- {
		f.smooth(&f.grids[l])
		if l+1 < f.used {
			f.refine(&f.grids[l], &f.grids[l+1])
		}
	}
}

// sort orders the points by row.
func (f *field) sort(points []Point) {
	g := &f.grids[0]
	if len(f.order) != len(points) {
		f.order, f.rowOf = make([]uint32, len(points)), make([]uint32, len(points))
	}
	if cap(f.rowStart) < g.ny+1 {
		f.rowStart = make([]uint32, g.ny+1, 2*g.ny+1)
	}
	f.rowStart = f.rowStart[:g.ny+1]
	clear(f.rowStart)
	for i := range points {
		row, _ := f.at(points[i].Y, f.y0)
		f.rowOf[i] = uint32(row)
		f.rowStart[row]++
	}
	total := uint32(0)
	for row := range f.rowStart {
		f.rowStart[row], total = total, total+f.rowStart[row]
	}
	for i, row := range f.rowOf {
		f.order[f.rowStart[row]] = uint32(i)
		f.rowStart[row]++
	}
	copy(f.rowStart[1:], f.rowStart[:g.ny])
	f.rowStart[0] = 0
}

// deposit puts a unit of charge onto the finest grid for each point. A band of rows is one worker's, who takes every
// point that reaches into it in the same order: the sums do not depend on how many work.
func (f *field) deposit(points []Point) {
	g := &f.grids[0]
	f.work.rows(g.ny, func(from, to int) {
		clear(g.charge[from*g.nx : to*g.nx])
		first, last := max(0, from-2), min(g.ny, to+1) // rows whose points reach into the band
		for _, i := range f.order[f.rowStart[first]:f.rowStart[last]] {
			p := points[i]
			cx, fx := f.at(p.X, f.x0)
			cy, fy := f.at(p.Y, f.y0)
			wx, wy := splines(fx), splines(fy)
			for k, w := range wy {
				row := cy + k - 1
				if row < from || row >= to {
					continue
				}
				cells := g.charge[row*g.nx+cx-1:][:4]
				cells[0] += w * wx[0]
				cells[1] += w * wx[1]
				cells[2] += w * wx[2]
				cells[3] += w * wx[3]
			}
		}
	})
}

// coarsen sums the charge of a grid up to the next coarser one: the coarse spline at cell c is the sum of the fine ones
// at 2 (c - shift) - 2 to + 2 with weights 1, 4, 6, 4 and 1 eighths.
func (f *field) coarsen(to, from *grid) {
	f.work.rows(to.ny, func(first, last int) {
		for cy := first; cy < last; cy++ {
			out := to.charge[cy*to.nx : (cy+1)*to.nx]
			clear(out)
			for k, w := range fifths {
				fy := 2*(cy-shift) + k - 2
				if fy < 0 || fy >= from.ny {
					continue
				}
				in := from.charge[fy*from.nx : (fy+1)*from.nx]
				for cx := range out {
					at := 2 * (cx - shift)
					if at >= 2 && at+2 < len(in) {
						s := in[at-2 : at+3 : at+3]
						out[cx] += w * ((s[0]+s[4])*.125 + (s[1]+s[3])*.5 + s[2]*.75)
						continue
					}
					for j, v := range fifths {
						if x := at + j - 2; x >= 0 && x < len(in) {
							out[cx] += w * v * in[x]
						}
					}
				}
			}
		}
	})
}

var fifths = [5]float32{.125, .5, .75, .5, .125}

// smooth makes phi of charge with the stencil along both axes: along x into phi, then along y in place, a column of
// five rows at a time.
func (f *field) smooth(g *grid) {
	f.work.rows(g.ny, func(first, last int) {
		for y := first; y < last; y++ {
			in, out := g.charge[y*g.nx:(y+1)*g.nx], g.across[y*g.nx:(y+1)*g.nx]
			padded := func(x int) float32 {
				if x < 0 || x >= len(in) {
					return 0
				}
				return in[x]
			}
			for x := range out {
				if x >= 2 && x+2 < len(in) {
					s := in[x-2 : x+3 : x+3]
					out[x] = centre*s[2] + beside*(s[1]+s[3]) + far*(s[0]+s[4])
				} else {
					out[x] = centre*padded(x) + beside*(padded(x-1)+padded(x+1)) + far*(padded(x-2)+padded(x+2))
				}
			}
		}
	})
	f.work.rows(g.ny, func(first, last int) {
		for y := first; y < last; y++ {
			out := g.phi[y*g.nx : (y+1)*g.nx]
			clear(out)
			for k, w := range [5]float32{far, beside, centre, beside, far} {
				if at := y + k - 2; at >= 0 && at < g.ny {
					w *= g.weight
					for x, v := range g.across[at*g.nx:][:len(out)] {
						out[x] += w * v
					}
				}
			}
		}
	})
}

// refine adds the potential of a coarser grid: coarsen, transposed.
func (f *field) refine(to, from *grid) {
	f.work.rows(to.ny, func(first, last int) {
		for fy := first; fy < last; fy++ {
			out := to.phi[fy*to.nx : (fy+1)*to.nx]
			for k := fy % 2; k < 5; k += 2 {
				cy := (fy-k+2)/2 + shift
				if cy < 0 || cy >= from.ny {
					continue
				}
				in := from.phi[cy*from.nx : (cy+1)*from.nx]
				w := fifths[k]
				// An even cell lies on a coarse one and reaches its neighbours, an odd one lies between two.
				even, odd, edge := w*.75, w*.5, w*.125
				for fx := 0; fx < len(out); fx += 2 {
					c := fx/2 + shift
					out[fx] += edge*in[c-1] + even*in[c] + edge*in[c+1]
					if fx+1 < len(out) {
						out[fx+1] += odd * (in[c] + in[c+1])
					}
				}
			}
		}
	})
}

// read returns the potential at a point and its gradient.
func (f *field) read(p Point) (phi, dx, dy float32) {
	g := &f.grids[0]
	cx, fx := f.at(p.X, f.x0)
	cy, fy := f.at(p.Y, f.y0)
	wx, wy, sx, sy := splines(fx), splines(fy), slopes(fx), slopes(fy)
	for k := range 4 {
		c := g.phi[(cy+k-1)*g.nx+cx-1:][:4]
		along := wx[0]*c[0] + wx[1]*c[1] + wx[2]*c[2] + wx[3]*c[3]
		phi += wy[k] * along
		dy += sy[k] * along
		dx += wy[k] * (sx[0]*c[0] + sx[1]*c[1] + sx[2]*c[2] + sx[3]*c[3])
	}
	scale := float32(1 / f.cell)
	return phi, dx * scale, dy * scale
}

// bounds is the box of points.
func bounds(points []Point) (low, high Point) {
	if len(points) == 0 {
		return
	}
	low, high = points[0], points[0]
	for _, p := range points {
		low.X, low.Y = min(low.X, p.X), min(low.Y, p.Y)
		high.X, high.Y = max(high.X, p.X), max(high.Y, p.Y)
	}
	return low, high
}
