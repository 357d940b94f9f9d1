package hnsw

import (
	"math"

	"github.com/akin-search/akin/server/internal/index"
)

// strategy is a way to answer a query.
type strategy int

const (
	scanAll    strategy = iota // score every vector
	scanListed                 // score the accepted slots, which are listed
	walkGraph                  // walk the graph and scan the tail
)

// Costs in nanoseconds on one core at 256 dimensions; only their ratios matter, and all three grow with the
// dimensions. BenchmarkCosts prints them for a set that fits the last cache (6, 17 and 850 to 1,060); with 86,000
// trained vectors, which do not, a row in order costs 8 to 15.
const (
	costRow    = 9.   // a row of a scan in order
	costListed = 16.  // a row of a scan over listed slots
	costStep   = 900. // a unit of a walk's width: expanding a node, scoring what is new around it
)

// beamLimit bounds the beam of a filtered walk, rejected nodes included.
const beamLimit = 1 << 14

// plan is how one query is answered.
type plan struct {
	strategy strategy
	ef       int           // the width asked for
	width    int           // of the beam at most
	k        int           // hits that the walk finds before it may end early; 0: it ends when the beam is expanded
	rank     int           // of the hit that its end goes by then
	slack    float32       // see beam.stopBelow
	slots    index.Listing // the accepted slots, where they are scanned one by one
}

// A walk of width ef for k hits stops where, among vectors of some ten dimensions, as those of texts are, it would have
// to go on to hold ef: slackOctave farther away than the k-th for each doubling from k to ef. Easy queries are there
// sooner; for hard ones, and where the k-th best cannot be told from others, the beam grows to growth times ef, up to
// widest, or ef where that is more. The few best alone say little of how far a walk has come: leastRank stands in for a
// smaller k. Of many hits the last ones cost most and count least, and are missed most by any walk: distances are those
// from the hit with an eighth of the k behind it. leastSlack is for walks no wider than k.
const (
	slackOctave = .075
	leastSlack  = .01
	growth      = 4
	widest      = 4096
	leastRank   = 10
)

func (p *plan) exact() bool { return p.strategy != walkGraph }

// choose plans a query for k hits among n slots, of which graphed are in the graph.
func (p *plan) choose(config *Config, q *index.Query, graphed, n, k int) {
	p.ef = q.Ef
	if p.ef <= 0 {
		p.ef = config.width(graphed)
	}
	p.ef = max(p.ef, k)
	p.width = max(p.ef, min(growth*p.ef, widest))
	p.k, p.rank, p.slack = 0, 0, 0
	if p.ef < graphed { // what holds the whole graph is meant to see all of it
		p.k = min(max(k, leastRank), p.ef)
		p.rank = max(p.k-k/8, min(p.k, leastRank))
		p.slack = max(leastSlack, slackOctave*float32(math.Log2(float64(p.ef)/float64(p.k))))
	}
	p.slots = nil
	p.strategy = scanAll
	best, share := costRow*float64(n), 1.
	if q.Accept != nil {
		share = q.Accept.Share()
		if slots := q.Accept.Slots(); slots != nil {
			share = min(1, float64(slots.Len())/float64(n))
			if scan := costListed * float64(slots.Len()); scan < best {
				p.strategy, p.slots, best = scanListed, slots, scan
			}
		}
	}
	if q.Exact {
		return
	}
	if q.Walk || walkCost(p.ef, share, graphed, n) < best {
		p.strategy = walkGraph
	}
}

// walkCost is the cost of a walk of width ef and of the scan of the tail. A walk never expands a node twice, so the
// graph bounds it, however few are accepted.
func walkCost(ef int, share float64, graphed, n int) float64 {
	steps := min(float64(ef)/max(share, 1e-9), float64(graphed))
	return costStep*steps + costRow*float64(n-graphed)
}
