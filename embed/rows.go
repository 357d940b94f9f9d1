package embed

import "math"

// drawer makes the rows of buckets that no training has touched, from the bucket number alone: Positions draws of a
// place and a sign, which add up where two fall on the same place.
type drawer struct {
	seed  uint64
	dims  uint64
	draws int
	step  float32
}

func newDrawer(cfg Config) drawer {
	return drawer{
		seed: cfg.Seed, dims: uint64(cfg.Dims), draws: cfg.Positions, step: float32(1 / math.Sqrt(float64(cfg.Positions))),
	}
}

// add adds weight times the row of the bucket to dst.
func (d *drawer) add(dst []float32, weight float32, bucket uint32) {
	weight *= d.step
	state := splitmix(d.seed ^ uint64(bucket)<<32)
	for range d.draws {
		state = splitmix(state)
		place := state >> 32 * d.dims >> 32
		if state&1 != 0 {
			dst[place] -= weight
		} else {
			dst[place] += weight
		}
	}
}

// splitmix is the step and finaliser of Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
func splitmix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}
