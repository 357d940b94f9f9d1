package layout

import (
	"cmp"
	"slices"
)

// Cluster is a hill of the density of points.
type Cluster struct {
	Peak    Point    // where the points are densest
	Members []uint32 // the points of which the steepest way up leads there, ascending
}

// Clusters finds the hills of the density of points, blurred by about one part in cells of the map's longer side, that
// have at least least members, largest first. Every point is on one hill at most.
func Clusters(points []Point, cells, least int) []Cluster {
	if len(points) == 0 || cells < 1 {
		return nil
	}
	low, high := bounds(points)
	cell := max(high.X-low.X, high.Y-low.Y) / float32(cells)
	if cell <= 0 {
		cell = 1
	}
	h := &hills{
		low: low, cell: cell,
		nx: int((high.X-low.X)/cell) + 2*around + 1, ny: int((high.Y-low.Y)/cell) + 2*around + 1,
	}
	h.fill(points)
	h.blur()
	h.blur()
	return h.gather(points, h.climb(), least)
}

// around is how many cells lie around the points: as far as splines and two blurs reach.
const around = 4

// hills is a grid of densities.
type hills struct {
	low     Point
	cell    float32
	nx, ny  int
	density []float32
}

func (h *hills) at(p Point) (x, y int, fx, fy float32) {
	u, v := (p.X-h.low.X)/h.cell+around, (p.Y-h.low.Y)/h.cell+around
	return int(u), int(v), u - float32(int(u)), v - float32(int(v))
}

func (h *hills) fill(points []Point) {
	h.density = make([]float32, h.nx*h.ny)
	for _, p := range points {
		x, y, fx, fy := h.at(p)
		wx, wy := splines(fx), splines(fy)
		for k, w := range wy {
			row := h.density[(y+k-1)*h.nx+x-1:][:4]
			for j := range row {
				row[j] += w * wx[j]
			}
		}
	}
}

// blur applies the stencil (1/4, 1/2, 1/4) along both axes. Nothing is at the edge before, and little after.
func (h *hills) blur() {
	next := make([]float32, len(h.density))
	d := h.density
	for y := 1; y < h.ny-1; y++ {
		for x := 1; x < h.nx-1; x++ {
			i := y*h.nx + x
			up, down := i-h.nx, i+h.nx
			next[i] = .0625*(d[up-1]+d[up+1]+d[down-1]+d[down+1]) + .125*(d[up]+d[down]+d[i-1]+d[i+1]) + .25*d[i]
		}
	}
	h.density = next
}

// climb returns the cell of the peak that the steepest way up from each cell leads to. Of equal cells the one of the
// lower number is the higher.
func (h *hills) climb() []int32 {
	d := h.density
	above := func(a, b int) bool { return d[a] > d[b] || d[a] == d[b] && a < b }
	order := make([]int32, len(d))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Or(cmp.Compare(d[b], d[a]), cmp.Compare(a, b)) })
	peak := make([]int32, len(d))
	for _, cell := range order { // those above are settled before
		i := int(cell)
		best := i
		for dy := -1; dy <= 1; dy++ {
			for dx := -1; dx <= 1; dx++ {
				x, y := i%h.nx+dx, i/h.nx+dy
				if x < 0 || y < 0 || x >= h.nx || y >= h.ny {
					continue
				}
				if j := y*h.nx + x; above(j, best) {
					best = j
				}
			}
		}
		if best == i {
			peak[i] = cell
		} else {
			peak[i] = peak[best]
		}
	}
	return peak
}

// gather makes clusters of the points by their peaks.
func (h *hills) gather(points []Point, peak []int32, least int) []Cluster {
	members := map[int32][]uint32{}
	for i, p := range points {
		x, y, fx, fy := h.at(p)
		if fx >= .5 {
			x++
		}
		if fy >= .5 {
			y++
		}
		at := peak[y*h.nx+x]
		members[at] = append(members[at], uint32(i))
	}
	var clusters []Cluster
	peaks := make([]int32, 0, len(members))
	for at, list := range members {
		if len(list) >= least {
			peaks = append(peaks, at)
		}
	}
	slices.SortFunc(peaks, func(a, b int32) int {
		return cmp.Or(cmp.Compare(len(members[b]), len(members[a])), cmp.Compare(a, b))
	})
	for _, at := range peaks {
		x, y := int(at)%h.nx, int(at)/h.nx
		clusters = append(clusters, Cluster{
			Peak:    Point{h.low.X + float32(x-around)*h.cell, h.low.Y + float32(y-around)*h.cell},
			Members: members[at],
		})
	}
	return clusters
}
