package layout

import (
	"math"
	"math/rand/v2"
	"testing"
)

// exactField sums potential and force over all pairs.
func exactField(points []Point, i int) (phi, fx, fy float64) {
	for _, q := range points {
		dx, dy := float64(points[i].X-q.X), float64(points[i].Y-q.Y)
		k := 1 / (1 + dx*dx + dy*dy)
		phi, fx, fy = phi+k, fx+k*k*dx, fy+k*k*dy
	}
	return phi, fx, fy
}

// Forces may be a little wrong, as long as they are wrong at random: each step is small, and the next one corrects it.
func TestTheFieldIsThatOfAllPairs(t *testing.T) {
	const n, looked = 20_000, 300
	for _, width := range []float32{1, 10, 100, 300} {
		rng := rand.New(rand.NewPCG(1, uint64(width)))
		points := make([]Point, n)
		for i := range points {
			points[i] = Point{rng.Float32() * width, rng.Float32() * width / 2}
		}
		f := field{work: &crew{size: 2}}
		f.compute(points)
		var wrong, force, phiWrong, phiSum float64
		for i := range looked {
			phi, fx, fy := exactField(points, i)
			got, dx, dy := f.read(points[i])
			gotPhi := float64(got) + f.rest*float64(len(points))
			wrong += math.Pow(fx+.5*float64(dx), 2) + math.Pow(fy+.5*float64(dy), 2)
			force += fx*fx + fy*fy
			phiWrong, phiSum = phiWrong+math.Abs(gotPhi-phi), phiSum+phi
		}
		if e := math.Sqrt(wrong / force); e > .1 {
			t.Errorf("width %g: forces are wrong by %.4f of their mean square root", width, e)
		}
		if e := phiWrong / phiSum; e > .02 {
			t.Errorf("width %g: the potential is wrong by %.4f", width, e)
		}
	}
}

func TestAWideFieldStaysWithinItsMemory(t *testing.T) {
	f := field{work: &crew{size: 1}}
	points := []Point{{0, 0}, {1e6, 10}, {3e5, 1e6}}
	f.compute(points)
	if g := f.grids[0]; g.nx > maxCell || g.ny > maxCell {
		t.Errorf("the finest grid is %d x %d", g.nx, g.ny)
	}
	for _, p := range points {
		if phi, dx, dy := f.read(p); math.IsNaN(float64(phi + dx + dy)) {
			t.Errorf("at %v the field is %v, %v, %v", p, phi, dx, dy)
		}
	}
}
