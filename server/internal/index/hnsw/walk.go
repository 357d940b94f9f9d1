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

// abreast is the number of entries expanded at once; of eight, a walk for ten hits would score a twentieth more.
// Searches with a beam below wide, whose few entries change more often, expand half as many.
const (
	abreast = 4
	wide    = 256
)

// batch is the room for slots to be scored in one call: the longest lists, of layer 0 with the largest M. A power of 2.
const batch = abreast * 2 * maxM

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
	better  [batch]uint64
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

// gather puts the neighbours not seen yet behind the first n fresh slots, marks them seen and returns how many are
// fresh.
func (w *walker) gather(links []uint32, n int) int {
	seen, limit := w.visited, uint32(w.view.N)
	for i := range links {
		link := atomic.LoadUint32(&links[i])
		if link >= limit {
			if link == none {
				break
			}
			continue
		}
		word, bit := &seen[link/64], uint64(1)<<(link%64)
		w.fresh[n&(batch-1)] = link
		if *word&bit == 0 { // compiles to an increment without a branch
			n++
		}
		*word |= bit
	}
	return n
}

// walk fills the beam, which has been reset, with the best nodes of a layer that are reachable from a node. Under a
// filter, on layer 0 alone, every node guides the walk and accepted ones count; accept may be nil.
func (w *walker) walk(ctx context.Context, g *graph, start uint32, level int, accept index.Accept) error {
	w.visited.reset(w.view.N)
	w.visited.mark(start)
	w.fresh[0] = start
	w.weigh(1, accept)
	for steps := 1; ; steps++ {
		n, ok := w.expand(g, level)
		if !ok {
			return nil
		}
		if steps%stepsPerCheck == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		w.weigh(n, accept)
	}
}

// expand gathers what is new around the best entries not expanded yet. Once k hits are known, or the beam is full, the
// next best will hardly ever be displaced, so abreast entries go at once: what they need of memory is fetched together,
// all lists before the first is read, and the lists of those that stand behind them, likely to be next, after it.
func (w *walker) expand(g *graph, level int) (n int, ok bool) {
	entries := 1
	if w.beam.edge >= 0 || w.beam.full() {
		entries = abreast
		if w.beam.k > 0 && w.beam.width < wide {
			entries = abreast / 2
		}
	}
	var lists [abreast][]uint32
	count := 0
	for count < entries {
		slot, ok := w.beam.next()
		if !ok {
			break
		}
		lists[count] = g.list(&w.tables, slot, level)
		fetchList(lists[count])
		count++
	}
	for _, links := range lists[:count] {
		n = w.gather(links, n)
	}
	for i, left := w.beam.cursor, count; i < len(w.beam.entries) && left > 0; i++ {
		if e := w.beam.entries[i]; e&expanded == 0 {
			fetchList(g.list(&w.tables, entrySlot(e), level))
			left--
		}
	}
	return n, count > 0
}

// fetchList fetches the lines of a list ahead that most have: those of 32 links.
func fetchList(links []uint32) { vector.Prefetch(unsafe.Pointer(unsafe.SliceData(links)), 2) }

// weigh scores the first n fresh slots and enters those that better the beam.
func (w *walker) weigh(n int, accept index.Accept) {
	vector.Coarse(w.scores[:n], &w.query.Int8Query, w.view.Coarse, w.fresh[:n])
	w.scored += n
	bar, m := w.beam.bar(), 0
	for i, score := range w.scores[:n] {
		w.better[m&(batch-1)] = entryOf(w.fresh[i], score)
		if score > bar { // compiles to an increment without a branch
			m++
		}
	}
	better := w.better[:m]
	if accept != nil {
		for i, e := range better {
			if !w.accepts(entrySlot(e), accept) {
				better[i] |= rejected
			}
		}
	}
	w.beam.merge(better)
}

// accepts reports whether a node or a slot of its chain is accepted.
func (w *walker) accepts(slot uint32, accept index.Accept) bool {
	for int(slot) < w.view.N {
		if accept.Accepts(slot) {
			return true
		}
		slot = w.tables.behind(slot)
	}
	return false
}
