package hnsw

import (
	"context"
	"sync/atomic"
)

// repair makes every node of layer 0 reachable from the entry. A list chosen anew may drop the only link to a node;
// walks, and so searches, would never see that node again.
//
// A stray is attached to the nearest node that can be reached. Where that one's list is full, the stray takes the
// place of the last link and passes on to it, so that what was reachable stays so and the reachable set only grows.
// Catchup calls it while nobody inserts; searches go on.
func (x *Index) repair() {
	b := x.builders[0]
	for strays := x.strays(b); len(strays) > 0; strays = x.strays(b) {
		for _, slot := range strays {
			x.attach(b, slot)
		}
	}
	x.unproven = 0
}

// strays lists the nodes in the graph that breadth-first search from the entry does not reach, ascending.
func (x *Index) strays(b *builder) []uint32 {
	b.look(x)
	entry, graphed := x.entry.Load(), uint32(x.graphed.Load())
	if entry >= graphed {
		return nil // no node yet
	}
	b.visited.reset(b.view.N)
	b.visited.mark(entry)
	queue := append(make([]uint32, 0, graphed), entry)
	for head := 0; head < len(queue); head++ {
		list := x.graph.list(&b.tables, queue[head], 0)
		for i := range list {
			link := atomic.LoadUint32(&list[i])
			if link == none {
				break
			}
			if b.visited.mark(link) {
				queue = append(queue, link)
			}
		}
	}
	var strays []uint32
	for slot := range graphed {
		if !b.visited.has(slot) && x.isNode(&b.view, &b.tables, slot) {
			strays = append(strays, slot)
		}
	}
	return strays
}

// attach links the nearest reachable node to a stray.
func (x *Index) attach(b *builder, slot uint32) {
	g := x.graph
	b.query.SetCoarse(&b.view, slot)
	width := x.config.construction(int(x.graphed.Load()))
	b.beam.reset(width, width)
	_ = b.walk(context.Background(), g, x.entry.Load(), 0, nil) // fails with its context only
	nearest := uint32(none)
	for i, e := range b.beam.entries {
		candidate := entrySlot(e)
		if candidate == slot {
			return // reachable by now
		}
		if nearest == none {
			nearest = candidate
		}
		if i > 2*g.m {
			break
		}
		if list := g.list(&b.tables, candidate, 0); length(list) < len(list) {
			nearest = candidate
			break
		}
	}
	lock := g.lock(nearest)
	lock.Lock()
	defer lock.Unlock()
	defer b.tables.note(nearest)
	list := g.list(&b.tables, nearest, 0)
	if n := length(list); n < len(list) {
		atomic.StoreUint32(&list[n], slot)
		return
	}
	defer b.tables.note(slot)
	displaced := list[len(list)-1]
	own := g.list(&b.tables, slot, 0)
	n := length(own)
	for _, link := range own[:n] {
		if link == displaced {
			n = -1
			break
		}
	}
	switch {
	case n < 0: // the stray links to it already
	case n < len(own):
		atomic.StoreUint32(&own[n], displaced)
	default:
		atomic.StoreUint32(&own[len(own)-1], displaced)
	}
	atomic.StoreUint32(&list[len(list)-1], slot)
}
