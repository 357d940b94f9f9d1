package layout

import (
	"fmt"
	"math"
)

// None fills lists of neighbours that are shorter than the others.
const None = math.MaxUint32

// MaxPoints is the number of points that one layout holds at most.
const MaxPoints = 1 << 24

// mutual marks a link whose ends both name each other as a neighbour: it pulls twice as hard.
const mutual = 1 << 31

// graph holds the links of every point, in both directions, one list behind the other.
type graph struct {
	starts []uint32 // where the links of a point begin; one more at the end
	links  []uint32 // the other end, with mutual
	pull   float32  // what one link adds to the sum of all pulls, which is 1
}

// newGraph makes the links symmetric. lists holds k neighbours a point, None at the end of shorter lists; a point may
// not name itself, nor another twice.
func newGraph(lists []uint32, k int) (*graph, error) {
	if k < 1 || len(lists)%k != 0 || len(lists)/k > MaxPoints {
		return nil, fmt.Errorf("layout: %d neighbours are no lists of %d for at most %d points", len(lists), k, MaxPoints)
	}
	n := len(lists) / k
	g := &graph{starts: make([]uint32, n+1)}
	named := 0
	for i := range n {
		for _, j := range list(lists, k, i) {
			if int(j) >= n || int(j) == i {
				return nil, fmt.Errorf("layout: point %d of %d names %d as its neighbour", i, n, j)
			}
			named++
			g.starts[i]++
			if !names(lists, k, int(j), uint32(i)) {
				g.starts[j]++
			}
		}
	}
	total := uint32(0)
	for i := range g.starts {
		g.starts[i], total = total, total+g.starts[i]
	}
	g.links = make([]uint32, total)
	next := append([]uint32(nil), g.starts[:n]...)
	for i := range n {
		for _, j := range list(lists, k, i) {
			if names(lists, k, int(j), uint32(i)) {
				g.links[next[i]] = j | mutual
				next[i]++
				continue
			}
			g.links[next[i]], g.links[next[j]] = j, uint32(i)
			next[i]++
			next[j]++
		}
	}
	if named > 0 {
		g.pull = 1 / float32(2*named)
	}
	return g, nil
}

// list is the neighbours that a point names.
func list(lists []uint32, k, i int) []uint32 {
	row := lists[i*k : (i+1)*k]
	for n, j := range row {
		if j == None {
			return row[:n]
		}
	}
	return row
}

// names reports whether a point names another.
func names(lists []uint32, k, i int, other uint32) bool {
	for _, j := range list(lists, k, i) {
		if j == other {
			return true
		}
	}
	return false
}

// of is the links of a point.
func (g *graph) of(i int) []uint32 { return g.links[g.starts[i]:g.starts[i+1]] }
