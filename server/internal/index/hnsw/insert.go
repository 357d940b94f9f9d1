package hnsw

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index/codes"
)

// builder is the scratch of one goroutine that inserts.
type builder struct {
	walker
	picked    []uint32 // neighbours of the new node, layer after layer
	crowd     []scored // candidates for a list
	pivot     codes.Query
	slots     []uint32
	sims      []float32
	remaining []scored // choose's
	kept      []uint32
}

// scored is a candidate for a list with its similarity to the list's owner.
type scored struct {
	slot  uint32
	score float32
}

// insert links a node into the graph: algorithm 1 of the paper. The node's own lists are complete before any other node
// links to it, so that a reader that arrives always gets on.
func (b *builder) insert(x *Index, slot uint32) {
	g := x.graph
	b.look(x)
	b.query.SetCoarse(&b.view, slot)
	entry, level, top := x.entry.Load(), x.graph.level(slot), int(x.top.Load())
	if slot == entry {
		return // the first node has nothing to link to
	}
	at := b.descend(g, entry, top, level)
	width := x.config.construction(int(x.graphed.Load()))
	b.picked = b.picked[:0]
	var spans [maxLevels + 1]struct{ from, to int } // of the layers in picked
	for l := level; l >= 0; l-- {
		b.beam.reset(width, width)
		_ = b.walk(context.Background(), g, at, l, nil) // fails with its context only
		b.crowd = b.crowd[:0]
		for _, e := range b.beam.entries {
			if s := entrySlot(e); s != slot {
				b.crowd = append(b.crowd, scored{s, entryScore(e)})
			}
		}
		at = b.crowd[0].slot
		from := len(b.picked)
		b.picked = b.choose(b.crowd, g.m, b.picked)
		spans[l].from, spans[l].to = from, len(b.picked)
		own := g.list(&b.tables, slot, l)
		for i, link := range b.picked[from:] {
			atomic.StoreUint32(&own[i], link)
		}
	}
	b.tables.note(slot)
	for l := 0; l <= level; l++ {
		for _, neighbour := range b.picked[spans[l].from:spans[l].to] {
			b.connect(g, neighbour, slot, l)
		}
	}
	for top := x.top.Load(); int(top) < level && !x.top.CompareAndSwap(top, int32(level)); top = x.top.Load() {
	}
}

// choose appends to dst up to m of the candidates, which are sorted best first: algorithm 4 of the paper. A candidate
// is passed over when one chosen before is at least as close to it as the owner of the list is, because the walk gets
// to it through that one. Each chosen candidate strikes out what it covers, in one batch.
func (b *builder) choose(crowd []scored, m int, dst []uint32) []uint32 {
	left := append(b.remaining[:0], crowd...)
	b.remaining = left
	for range m {
		if len(left) == 0 {
			break
		}
		chosen := left[0]
		dst = append(dst, chosen.slot)
		left = left[1:]
		if len(left) == 0 {
			break
		}
		b.slots = b.slots[:0]
		for _, c := range left {
			b.slots = append(b.slots, c.slot)
		}
		b.similarities(chosen.slot)
		kept := 0
		for i, c := range left {
			left[kept] = c
			if b.sims[i] < c.score {
				kept++
			}
		}
		left = left[:kept]
	}
	return dst
}

// similarities fills sims with those between a node and the slots.
func (b *builder) similarities(node uint32) {
	b.pivot.SetCoarse(&b.view, node)
	if cap(b.sims) < len(b.slots) {
		b.sims = make([]float32, 2*len(b.slots))
	}
	b.sims = b.sims[:len(b.slots)]
	vector.Coarse(b.sims, &b.pivot.Int8Query, b.view.Coarse, b.slots)
}

// connect adds a link from node to slot; a full list is chosen anew from its links and the new one.
func (b *builder) connect(g *graph, node, slot uint32, level int) {
	lock := g.lock(node)
	lock.Lock()
	defer lock.Unlock()
	defer b.tables.note(node)
	list := g.list(&b.tables, node, level)
	n := length(list)
	if slices.Contains(list[:n], slot) {
		return
	}
	if n < len(list) {
		atomic.StoreUint32(&list[n], slot)
		return
	}
	b.slots = append(append(b.slots[:0], list...), slot)
	b.similarities(node)
	b.crowd = b.crowd[:0]
	for i, s := range b.slots {
		b.crowd = append(b.crowd, scored{s, b.sims[i]})
	}
	slices.SortFunc(b.crowd, func(p, q scored) int {
		switch {
		case p.score > q.score || p.score == q.score && p.slot < q.slot:
			return -1
		case p == q:
			return 0
		}
		return 1
	})
	b.kept = b.choose(b.crowd, len(list), b.kept[:0])
	store(list, b.kept)
}

// length is the number of links of a list. The caller holds the node's stripe, or nobody writes.
func length(list []uint32) int {
	for i := range list {
		if atomic.LoadUint32(&list[i]) == none {
			return i
		}
	}
	return len(list)
}

// store replaces a list. The caller holds the node's stripe.
func store(list, links []uint32) {
	for i := range list {
		link := uint32(none)
		if i < len(links) {
			link = links[i]
		}
		atomic.StoreUint32(&list[i], link)
	}
}
