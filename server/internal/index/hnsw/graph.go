package hnsw

import (
	"math"
	"math/bits"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index/slab"
)

const (
	// none is an empty link.
	none = math.MaxUint32
	// chained, in place of a node's upper lists, marks a slot that is no node: it follows another in a chain.
	chained = none - 1

	// MaxSlots bounds the slots, which share a word with two flags in the beam of a walk.
	MaxSlots = 1 << 30
	// maxLevels bounds the layers above the lowest.
	maxLevels = 16
	// stripes is the number of locks over the nodes' lists.
	stripes = 1024
)

// graph keeps the links. Lists lie in blocks of vector.BlockRows rows that never move, so that readers need no lock:
// they load links one by one, and whatever mixture of an old and a new list they see consists of links that were good
// when stored. A list is dense: behind its first none there is none. Writers hold the node's stripe.
type graph struct {
	m      int // links of a list above layer 0; layer 0 has 2m
	levels int // layers above layer 0, all of which the entry has
	blocks struct {
		links, next, upper, lists slab.Table[[]uint32]
		followed, changed         slab.Table[*blockBits]
	}
	cuts  []uint64 // see level
	locks [stripes]sync.Mutex

	// The appender's.
	links, words, lists *slab.Slab
	upperLists          uint32 // lists given out above layer 0
}

// linkTables are the blocks as they were at one moment: those of every slot below a length that was loaded before.
type linkTables struct {
	links [][]uint32 // 2m words a slot: layer 0
	next  [][]uint32 // a word a slot: the next slot of its chain
	upper [][]uint32 // a word a slot: its first list above layer 0, none, or chained; written before the slot is published
	lists [][]uint32 // m words a list above layer 0

	followed []*blockBits // whether next holds a slot: where few do, searches need not wait for those words
	changed  []*blockBits // whether the slot's links changed since they were last saved
}

// blockBits has a bit for each slot of a block.
type blockBits [vector.BlockRows / 64]atomic.Uint64

func newGraph(m int) *graph {
	g := &graph{
		m: m, levels: min(maxLevels, (32+bits.Len(uint(m))-2)/(bits.Len(uint(m))-1)),
		links: slab.New(vector.BlockRows * 2 * m * 4),
		words: slab.New(vector.BlockRows * 4),
		lists: slab.New(vector.BlockRows * m * 4),
	}
	for l := 1; l <= g.levels; l++ {
		g.cuts = append(g.cuts, uint64(sort.Search(1<<53, func(v int) bool { return drawLevel(uint64(v), m) < l })))
	}
	return g
}

// tables returns the blocks as they are now.
func (g *graph) tables() linkTables {
	b := &g.blocks
	return linkTables{links: b.links.Chunks(), next: b.next.Chunks(), upper: b.upper.Chunks(), lists: b.lists.Chunks(),
		followed: b.followed.Chunks(), changed: b.changed.Chunks()}
}

// level draws the highest layer of a slot: layer l or higher with probability m^-l, always the same for a slot. The
// cuts say below which draw a layer is reached: for every draw what drawLevel says, without its logarithms.
func (g *graph) level(slot uint32) int {
	h := (uint64(slot) + 1) * 0x9e3779b97f4a7c15 // splitmix64
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	h ^= h >> 31
	l := 0
	for l < len(g.cuts) && h>>11 < g.cuts[l] {
		l++
	}
	return l
}

// drawLevel is the layer for a draw below 2^53.
func drawLevel(draw uint64, m int) int {
	uniform := (float64(draw) + 1) / (1 << 53) // in (0, 1]
	return int(-math.Log(uniform) / math.Log(float64(m)))
}

// open makes room for a slot with the given number of lists above layer 0. The appender's.
func (g *graph) open(slot uint32, levels int, isChained bool) {
	b := &g.blocks
	if int(slot)/vector.BlockRows == len(b.links.Chunks()) {
		b.links.Add(emptyLinks(g.links))
		b.next.Add(emptyLinks(g.words))
		b.upper.Add(emptyLinks(g.words))
		b.followed.Add(new(blockBits))
		b.changed.Add(new(blockBits))
	}
	for (int(g.upperLists)+levels+vector.BlockRows-1)/vector.BlockRows > len(b.lists.Chunks()) {
		b.lists.Add(emptyLinks(g.lists))
	}
	switch upper := &b.upper.Chunks()[slot/vector.BlockRows][slot%vector.BlockRows]; {
	case isChained:
		*upper = chained
	case levels > 0:
		*upper = g.upperLists
		g.upperLists += uint32(levels)
	}
}

// emptyLinks returns a block of empty links.
func emptyLinks(from *slab.Slab) []uint32 {
	block := from.Words()
	for i := range block {
		block[i] = none
	}
	return block
}

// list is the list of a node on a layer it has. The slot must be below a length that was loaded before the tables.
func (g *graph) list(t *linkTables, slot uint32, level int) []uint32 {
	if level == 0 {
		at := int(slot%vector.BlockRows) * 2 * g.m
		return t.links[slot/vector.BlockRows][at : at+2*g.m : at+2*g.m]
	}
	id := t.upper[slot/vector.BlockRows][slot%vector.BlockRows] + uint32(level) - 1
	at := int(id%vector.BlockRows) * g.m
	return t.lists[id/vector.BlockRows][at : at+g.m : at+g.m]
}

// isChained reports whether a slot follows another in a chain.
func (t *linkTables) isChained(slot uint32) bool {
	return t.upper[slot/vector.BlockRows][slot%vector.BlockRows] == chained
}

// follow puts a slot behind another in its chain. The appender's, before it publishes the slot.
func (t *linkTables) follow(slot, follows uint32) {
	atomic.StoreUint32(&t.next[follows/vector.BlockRows][follows%vector.BlockRows], slot)
	t.followed[follows/vector.BlockRows][follows%vector.BlockRows/64].Or(1 << (follows % 64))
}

// behind is the slot that follows another in its chain, or none.
func (t *linkTables) behind(slot uint32) uint32 {
	block, at := slot/vector.BlockRows, slot%vector.BlockRows
	if t.followed[block][at/64].Load()>>(at%64)&1 == 0 {
		return none
	}
	return atomic.LoadUint32(&t.next[block][at])
}

func (g *graph) lock(slot uint32) *sync.Mutex { return &g.locks[slot*0x9e3779b1>>22] }

// bytes is the memory of the blocks.
func (g *graph) bytes() int64 {
	t := g.tables()
	words := len(t.links)*(2*g.m+2) + len(t.lists)*g.m
	return 4 * vector.BlockRows * int64(words)
}
