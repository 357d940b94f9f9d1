package layout

import (
	"sync"
	"sync/atomic"
)

// crew shares out work among goroutines that live for one call each. What is computed does not depend on how many there
// are.
type crew struct {
	size  int    // goroutines, at least 1
	pause func() // between two pieces; nil: nothing
}

// piece is how many points one worker takes at a time.
const piece = 2048

// points calls fn for pieces of [0, n), the same for every size of the crew.
func (c *crew) points(n int, fn func(piece, from, to int)) {
	c.each((n+piece-1)/piece, func(i int) { fn(i, i*piece, min((i+1)*piece, n)) })
}

// rows calls fn for bands of [0, n).
func (c *crew) rows(n int, fn func(from, to int)) {
	height := max(8, (n+bands-1)/bands)
	c.each((n+height-1)/height, func(i int) { fn(i*height, min((i+1)*height, n)) })
}

// each calls fn for every number below n.
func (c *crew) each(n int, fn func(i int)) {
	if pause := c.pause; pause != nil {
		work := fn
		fn = func(i int) {
			pause()
			work(i)
		}
	}
	if c.size <= 1 || n <= 1 {
		for i := range n {
			fn(i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(c.size, n) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				fn(i)
			}
		})
	}
	wg.Wait()
}
