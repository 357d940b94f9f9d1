package hnsw

import (
	"context"
	"sync"
	"sync/atomic"
)

const (
	// stride is the number of slots that enter the graph between two publications of its length, after which searches no
	// longer scan them: a fifth of a second on one core.
	stride = 1024
	// repairEvery is the number of insertions after which reachability is verified during a build.
	repairEvery = 10_000
	// alwaysProven is the size of a graph up to which every Catchup ends with reachability verified: less than a
	// millisecond.
	alwaysProven = 4096
	// provenShare bounds what larger graphs leave unverified at the end of a Catchup to one slot in so many. Verifying
	// costs as much as inserting one in 700 (9 ms with 40,000 vectors of 256 dimensions, 160 us each), so this adds at
	// most a third to a trickle of single insertions.
	provenShare = 256
)

// Catchup implements index.Searcher. It inserts the tail and keeps every node reachable: see repair.
func (x *Index) Catchup(ctx context.Context, workers func() int) error {
	x.catchup.Lock()
	defer x.catchup.Unlock()
	for {
		from := x.graphed.Load()
		to := min(x.n.Load(), from+stride)
		if from == to || ctx.Err() != nil {
			break
		}
		x.insertRange(uint32(from), uint32(to), x.buildersFor(workers()))
		x.unproven += int(to - from)
		x.graphed.Store(to)
		if x.unproven >= max(repairEvery, int(to)/16) {
			x.repair()
		}
	}
	if graphed := int(x.graphed.Load()); x.unproven > 0 && (graphed <= alwaysProven || x.unproven > graphed/provenShare) {
		x.repair()
	}
	return ctx.Err()
}

// buildersFor returns the builders of so many goroutines, at least 1.
func (x *Index) buildersFor(workers int) []*builder {
	workers = max(workers, 1)
	for len(x.builders) < workers {
		x.builders = append(x.builders, new(builder))
	}
	return x.builders[:workers]
}

// insertRange inserts slots, each worker taking the next one.
func (x *Index) insertRange(from, to uint32, workers []*builder) {
	var next atomic.Uint32
	next.Store(from)
	work := func(b *builder) {
		b.look(x)
		for slot := next.Add(1) - 1; slot < to; slot = next.Add(1) - 1 {
			if x.isNode(&b.view, &b.tables, slot) {
				b.insert(x, slot)
			}
		}
	}
	var group sync.WaitGroup
	for _, b := range workers[1:] {
		group.Go(func() { work(b) })
	}
	work(workers[0])
	group.Wait()
}
