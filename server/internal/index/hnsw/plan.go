package hnsw

import (
	"github.com/akin-search/akin/server/internal/index"
)

// strategy is a way to answer a query.
type strategy int

const (
	scanAll     strategy = iota // score every vector
	scanListed                  // score the accepted slots, which are listed
	walkGraph                   // walk; a filter's rejected nodes guide it but do not count
	walkTwoHops                 // walk among accepted nodes, reaching over rejected ones
)

// Costs in nanoseconds on one core at 256 dimensions, measured by BenchmarkCosts; only their ratios matter. Costs of rows grow
// with the dimensions.
const (
	costRow     = 13.  // a row of a scan
	costListed  = 24.  // a row out of order
	costExpand  = 420. // expanding a node: reading its list and scoring what is new
	costAccept  = 5.   // asking a filter about a slot
	costTwoHops = 4000.

	// beamLimit bounds the beam of a filtered walk, rejected nodes included.
	beamLimit = 1 << 14
)

// plan is how one query is answered.
type plan struct {
	strategy strategy
	ef       int
	slots    []uint32 // to scan, for scanListed
}

func (p *plan) exact() bool { return p.strategy == scanAll || p.strategy == scanListed }

// choose plans a query for k hits over n slots, of which graphed are in the graph.
func (p *plan) choose(x *Index, q *index.Query, graphed, n, k int) {
	p.ef = q.Ef
	if p.ef <= 0 {
		p.ef = x.config.Ef
	}
	p.ef = max(p.ef, k)
	p.slots = nil
	listed, share := false, 1.
	if q.Accept != nil {
		share = min(1, max(q.Accept.Share(), 1e-9))
		if p.slots, listed = q.Accept.Slots(); listed {
			for len(p.slots) > 0 && int(p.slots[len(p.slots)-1]) >= n {
				p.slots = p.slots[:len(p.slots)-1]
			}
			share = min(share, float64(len(p.slots))/float64(n))
		}
	}
	wide := float64(x.codes.Dims()) / 256
	scan, list := costRow*wide*float64(n), costListed*wide*float64(len(p.slots))
	p.strategy = scanAll
	best := scan
	if listed && list < best {
		p.strategy, best = scanListed, list
	}
	if q.Exact {
		return
	}
	if q.Walk {
		best = 1e300
	}
	ef := float64(p.ef)
	expand := costExpand * wide
	if q.Accept == nil {
		if walk := min(ef, float64(graphed)) * expand; walk < best {
			p.strategy = walkGraph
		}
		return
	}
	if walk := min(ef/max(share, 1e-9), float64(graphed)) * (expand + costAccept*4); walk < best {
		p.strategy, best = walkGraph, walk
	}
	if hops := min(ef, float64(graphed)) * (costTwoHops + expand); hops < best && share*float64(4*x.graph.m*x.graph.m) > 16 {
		p.strategy = walkTwoHops
	}
}
