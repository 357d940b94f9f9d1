package hnsw

import (
	"context"
	"sync/atomic"
	"unsafe"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/index/codes"
)

// stepsPerCheck is the number of expansions between two looks at the context, about 30 microseconds.
const stepsPerCheck = 64

// batch is the room for slots to be scored in one call: the longest list, of layer 0 with the largest M.
const batch = 2 * maxM

// walker is the scratch of one walk at a time, kept between walks.
type walker struct {
	view    codes.View
	tables  linkTables
	query   codes.Query
	beam    beam
	visited visited
	scored  int
	fresh   [batch]uint32
	scores  [batch]float32
}

// look takes the state of the index as it is now: slots below the length loaded first.
func (w *walker) look(x *Index) {
	n := int(x.n.Load()) // before view and tables, which grow before the length covers them
	w.view = x.codes.View()
	w.view.N = n
	w.tables = x.graph.tables()
}

// score scores one slot.
func (w *walker) score(slot uint32) float32 {
	w.fresh[0] = slot
	vector.Coarse(w.scores[:1], &w.query.Int8Query, w.view.Coarse, w.fresh[:1])
	w.scored++
	return w.scores[0]
}

// descend walks greedily from a node on layer from to the best node it meets above layer to.
func (w *walker) descend(g *graph, slot uint32, from, to int) uint32 {
	best := w.score(slot)
	for level := from; level > to; level-- {
		for moved := true; moved; {
			moved = false
			n := 0
			for i, links := 0, g.list(&w.tables, slot, level); i < len(links); i++ {
				link := atomic.LoadUint32(&links[i])
				if link == none {
					break
				}
				if int(link) < w.view.N {
					w.fresh[n] = link
					n++
				}
			}
			vector.Coarse(w.scores[:n], &w.query.Int8Query, w.view.Coarse, w.fresh[:n])
			w.scored += n
			for i, score := range w.scores[:n] {
				if score > best {
					best, slot, moved = score, w.fresh[i], true
				}
			}
		}
	}
	return slot
}

// gather copies to fresh the neighbours not seen yet and marks them seen.
func (w *walker) gather(links []uint32) int {
	stamps, epoch := w.visited.stamps, w.visited.epoch
	limit := uint32(min(w.view.N, len(stamps)))
	n := 0
	for i := range links {
		link := atomic.LoadUint32(&links[i])
		if link >= limit {
			if link == none {
				break
			}
			continue
		}
		stamp := &stamps[link]
		w.fresh[n&(batch-1)] = link
		if *stamp != epoch { // compiles to an increment without a branch
			n++
		}
		*stamp = epoch
	}
	return n
}

// walk fills the beam, which has been reset, with the best nodes of a layer that are reachable from a node.
func (w *walker) walk(ctx context.Context, g *graph, start uint32, level int) error {
	w.visited.reset(w.view.N)
	w.visited.mark(start)
	w.beam.insert(entryOf(start, w.score(start)))
	for steps := 1; ; steps++ {
		slot, ok := w.beam.next()
		if !ok {
			return nil
		}
		if steps%stepsPerCheck == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		n := w.gather(g.list(&w.tables, slot, level))
		if following, ok := w.beam.peek(); ok {
			vector.Prefetch(unsafe.Pointer(unsafe.SliceData(g.list(&w.tables, following, level))), 2)
		}
		vector.Coarse(w.scores[:n], &w.query.Int8Query, w.view.Coarse, w.fresh[:n])
		w.scored += n
		bar := w.beam.bar()
		for i, score := range w.scores[:n] {
			if score > bar {
				w.beam.insert(entryOf(w.fresh[i], score))
				bar = w.beam.bar()
			}
		}
	}
}

// walkAccepted is walk on layer 0 under a filter: every node guides the walk, accepted ones count.
func (w *walker) walkAccepted(ctx context.Context, g *graph, start uint32, accept index.Accept) error {
	w.visited.reset(w.view.N)
	w.visited.mark(start)
	w.beam.insert(w.flagged(start, w.score(start), accept))
	for steps := 1; ; steps++ {
		slot, ok := w.beam.next()
		if !ok {
			return nil
		}
		if steps%stepsPerCheck == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		n := w.gather(g.list(&w.tables, slot, 0))
		if following, ok := w.beam.peek(); ok {
			vector.Prefetch(unsafe.Pointer(unsafe.SliceData(g.list(&w.tables, following, 0))), 2)
		}
		vector.Coarse(w.scores[:n], &w.query.Int8Query, w.view.Coarse, w.fresh[:n])
		w.scored += n
		bar := w.beam.bar()
		for i, score := range w.scores[:n] {
			if score > bar {
				w.beam.insert(w.flagged(w.fresh[i], score, accept))
				bar = w.beam.bar()
			}
		}
	}
}

// flagged is the entry of a node, rejected when neither it nor a slot of its chain is accepted.
func (w *walker) flagged(slot uint32, score float32, accept index.Accept) uint64 {
	e := entryOf(slot, score)
	if !w.accepts(slot, accept) {
		e |= rejected
	}
	return e
}

// accepts reports whether a node or a slot of its chain is accepted.
func (w *walker) accepts(slot uint32, accept index.Accept) bool {
	for int(slot) < w.view.N {
		if accept.Accepts(slot) {
			return true
		}
		slot = atomic.LoadUint32(w.tables.nextOf(slot))
	}
	return false
}
