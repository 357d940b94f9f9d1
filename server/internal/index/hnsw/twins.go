package hnsw

import (
	"bytes"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"github.com/akin-search/akin/server/internal/index/codes"
)

// twins finds slots of equal coarse codes: a hash table of the first slot of each kind, with linear probing, whose
// keys are the rows themselves. The appender's, but for size.
type twins struct {
	table []uint32          // none: free
	used  int               // table entries that are not free
	last  map[uint32]uint32 // first slot of a chain -> its last slot
	size  atomic.Int64      // bytes of table
}

// add enters a slot. It returns the last slot so far with the same coarse codes, which the new one now follows, or
// none.
func (t *twins) add(view *codes.View, slot uint32) (follows uint32) {
	if 4*(t.used+1) > 3*len(t.table) {
		t.grow(view)
	}
	row := view.Row(slot)
	mask := uint64(len(t.table) - 1)
	for i := xxhash.Sum64(row) & mask; ; i = (i + 1) & mask {
		first := t.table[i]
		if first == none {
			t.table[i] = slot
			t.used++
			return none
		}
		if !bytes.Equal(view.Row(first), row) {
			continue
		}
		follows, ok := t.last[first]
		if !ok {
			follows = first
		}
		if t.last == nil {
			t.last = map[uint32]uint32{}
		}
		t.last[first] = slot
		return follows
	}
}

// reserve makes room for all slots that there are, so that the table need not grow while they enter it.
func (t *twins) reserve(c *codes.Codes) {
	view := c.View()
	want := 1024
	for 3*want < 4*(view.N+1) {
		want *= 2
	}
	if want > len(t.table) {
		t.resize(&view, want)
	}
}

func (t *twins) grow(view *codes.View) { t.resize(view, max(1024, 2*len(t.table))) }

// resize gives the table another length, a power of two.
func (t *twins) resize(view *codes.View, length int) {
	old := t.table
	t.table = make([]uint32, length)
	for i := range t.table {
		t.table[i] = none
	}
	t.size.Store(4 * int64(len(t.table)))
	mask := uint64(len(t.table) - 1)
	for _, slot := range old {
		if slot == none {
			continue
		}
		i := xxhash.Sum64(view.Row(slot)) & mask
		for t.table[i] != none {
			i = (i + 1) & mask
		}
		t.table[i] = slot
	}
}
