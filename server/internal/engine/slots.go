package engine

import (
	"sort"
	"sync/atomic"

	"github.com/akin-search/akin/server/internal/index/slab"
)

// slotChunk is the number of rows a chunk of the slot table holds.
const slotChunk = 1 << 13

// slotRow says which paper a slot holds and when it can be seen. All but died is written before the slot is published.
type slotRow struct {
	ordinal uint64        // of the record in the store
	born    uint64        // first revision that sees the slot
	died    atomic.Uint64 // first revision that does not; 0: alive
	publish int64         // publish time in Unix seconds; unknownTime when unset
}

// unknownTime marks a paper without a publish time.
const unknownTime = -1 << 63

// slotRows is a chunk of the table. The bits say which of its slots have died at all: nearly every question is
// answered by them, which are small enough to stay in the processor's cache when the rows are not.
type slotRows struct {
	rows     [slotChunk]slotRow
	dead     [slotChunk / 64]atomic.Uint64
	versions atomic.Pointer[versionLinks] // nil while no slot of the chunk has versions
}

// slotTable holds a row a slot. One goroutine appends, any number read slots that were published to them. Ordinals rise
// from slot to slot, since a generation takes papers in the order of their ordinals.
type slotTable struct {
	chunks slab.Table[*slotRows]
	n      atomic.Uint32 // rows published

	versions atomic.Int64 // slots that are versions of others
	linked   atomic.Int64 // chunks with links
}

// append adds a row and returns its slot.
func (t *slotTable) append(ordinal, born uint64, publish int64) uint32 {
	slot := t.write(ordinal, born, publish)
	t.n.Store(slot + 1)
	return slot
}

// appendVersion is append of a row that takes the place of another slot's, whose text is the same.
func (t *slotTable) appendVersion(ordinal, born uint64, publish int64, follows uint32) uint32 {
	slot := t.write(ordinal, born, publish)
	t.markShared(slot)
	t.join(slot, follows)
	t.n.Store(slot + 1)
	return slot
}

// write fills the row behind the last, which is not published.
func (t *slotTable) write(ordinal, born uint64, publish int64) uint32 {
	slot := t.n.Load()
	if int(slot/slotChunk) == len(t.chunks.Chunks()) {
		t.chunks.Add(new(slotRows))
	}
	row := t.row(slot)
	row.ordinal, row.born, row.publish = ordinal, born, publish
	return slot
}

// row returns the row of a slot below len.
func (t *slotTable) row(slot uint32) *slotRow {
	return &t.chunks.Chunks()[slot/slotChunk].rows[slot%slotChunk]
}

func (t *slotTable) len() int { return int(t.n.Load()) }

// find returns the slot of an ordinal, by binary search.
func (t *slotTable) find(ordinal uint64) (uint32, bool) {
	n := t.len()
	i := sort.Search(n, func(i int) bool { return t.row(uint32(i)).ordinal >= ordinal })
	if i == n || t.row(uint32(i)).ordinal != ordinal {
		return 0, false
	}
	return uint32(i), true
}

// bytes is the memory of the table.
func (t *slotTable) bytes() int64 {
	return int64(len(t.chunks.Chunks()))*slotChunk*32 + t.linked.Load()*slotChunk*12
}

// kill marks a slot dead from a revision on, and reports whether it was alive. The bit is set before the revision is
// published, so whoever sees the revision sees the bit.
func (t *slotTable) kill(slot uint32, revision uint64) bool {
	chunk := t.chunks.Chunks()[slot/slotChunk]
	if !chunk.rows[slot%slotChunk].died.CompareAndSwap(0, revision) {
		return false
	}
	chunk.dead[slot%slotChunk/64].Or(1 << (slot % 64))
	return true
}

// visible reports whether the row can be seen at a revision.
func (r *slotRow) visible(revision uint64) bool {
	if r.born > revision {
		return false
	}
	died := r.died.Load()
	return died == 0 || revision < died
}

// slotsAt is the number of slots born at or before a revision. Slots rise by their birth.
func (g *Generation) slotsAt(revision uint64) int {
	return sort.Search(g.slots.len(), func(i int) bool { return g.slots.row(uint32(i)).born > revision })
}
