package engine

import (
	"sort"
	"sync/atomic"
)

// slotChunk is the number of rows a chunk of the slot table holds. Chunks are never moved, so readers hold no lock.
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

// slotTable holds a row a slot. One goroutine appends, any number read slots that were published to them. Ordinals rise
// from slot to slot, since a generation takes papers in the order of their ordinals.
type slotTable struct {
	chunks atomic.Pointer[[]*[slotChunk]slotRow]
	n      atomic.Uint32
}

func newSlotTable() *slotTable {
	t := &slotTable{}
	t.chunks.Store(&[]*[slotChunk]slotRow{})
	return t
}

// append adds a row and returns its slot.
func (t *slotTable) append(ordinal, born uint64, publish int64) uint32 {
	slot := t.n.Load()
	chunks := *t.chunks.Load()
	if int(slot/slotChunk) == len(chunks) {
		grown := append(append(make([]*[slotChunk]slotRow, 0, len(chunks)+1), chunks...), new([slotChunk]slotRow))
		t.chunks.Store(&grown)
		chunks = grown
	}
	row := &chunks[slot/slotChunk][slot%slotChunk]
	row.ordinal, row.born, row.publish = ordinal, born, publish
	t.n.Store(slot + 1)
	return slot
}

// row returns the row of a slot below len.
func (t *slotTable) row(slot uint32) *slotRow {
	return &(*t.chunks.Load())[slot/slotChunk][slot%slotChunk]
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
func (t *slotTable) bytes() int64 { return int64(len(*t.chunks.Load())) * slotChunk * 32 }

// visible reports whether the row can be seen at a revision.
func (r *slotRow) visible(revision uint64) bool {
	if r.born > revision {
		return false
	}
	died := r.died.Load()
	return died == 0 || revision < died
}
