package hnsw

import (
	"fmt"
	"math"
)

// maxM bounds Config.M.
const maxM = 64

// Config shapes a graph. The zero value means the defaults.
type Config struct {
	// M is the number of links of a node on the layers above the lowest, which holds twice as many: 2 to 64, 0 means 16.
	M int
	// EfConstruction is the width of the walk that finds a new node's neighbours in a graph of up to 100,000 vectors: 8 to
	// 4096, 0 means 128. Each doubling beyond adds a third of it, since more of what is near lies around a vector.
	EfConstruction int
	// Ef is the width of a search's walk where the query names none, in such a graph: 1 to 65536, 0 means 64. Each
	// doubling beyond adds a quarter.
	Ef int
}

// width is that of a search's walk in a graph of n vectors.
func (c *Config) width(n int) int { return grown(c.Ef, n, 1./4) }

// construction is the width of an insertion's walk in a graph of n vectors.
func (c *Config) construction(n int) int { return grown(c.EfConstruction, n, 1./3) }

// steadyWidth is the number of vectors from which on the width of a walk grows.
const steadyWidth = 100_000

// grown is the width of a walk that grows by a share of it with each doubling beyond steadyWidth.
func grown(width, n int, share float64) int {
	if n <= steadyWidth {
		return width
	}
	return width + int(float64(width)*share*math.Log2(float64(n)/steadyWidth))
}

// EnsureDefaults replaces zeros by the defaults.
func (c *Config) EnsureDefaults() {
	if c.M == 0 {
		c.M = 16
	}
	if c.EfConstruction == 0 {
		c.EfConstruction = 128
	}
	if c.Ef == 0 {
		c.Ef = 64
	}
}

// Validate names the first field out of range.
func (c *Config) Validate() error {
	for _, f := range []struct {
		name          string
		value, lo, hi int
	}{{"M", c.M, 2, maxM}, {"EfConstruction", c.EfConstruction, 8, 4096}, {"Ef", c.Ef, 1, 65536}} {
		if f.value < f.lo || f.value > f.hi {
			return fmt.Errorf("hnsw: %s is %d, want %d to %d", f.name, f.value, f.lo, f.hi)
		}
	}
	return nil
}
