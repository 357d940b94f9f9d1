package engine

import (
	"slices"
	"sync/atomic"

	"github.com/akin-search/akin/embed"
)

// An update that leaves a paper's words as they are, such as one of its attributes, needs a new row and new columns,
// but neither a new vector nor new words. It takes a slot for the row and the columns, whose vector is zero and whose
// words are none: no search ever finds it. What is found is the slot that holds the text, the carrier. The slots with
// rows of one carrier are its versions, the carrier itself being the first; at every revision at most one of them is
// visible, and it says whether the carrier may be a hit, by which record, and with which columns.

// versionLinks ties the versions of the carriers among the slots of one chunk. All of a slot is written before the slot
// is published, except newest.
type versionLinks struct {
	rows [slotChunk]struct {
		carrier  uint32        // of a version
		previous uint32        // version of the same carrier; of the first, the carrier
		newest   atomic.Uint32 // of a carrier: its latest version, 0 when there is none but itself
	}
	shares  [slotChunk / 64]atomic.Uint64 // which slots are versions of another
	carries [slotChunk / 64]atomic.Uint64 // which slots have versions
}

// links returns the links of a slot's chunk, nil when none of its slots has any.
func (t *slotTable) links(slot uint32) *versionLinks {
	return t.chunks.Chunks()[slot/slotChunk].versions.Load()
}

// makeLinks is links, making them. Only the goroutine that appends calls it.
func (t *slotTable) makeLinks(slot uint32) *versionLinks {
	chunk := t.chunks.Chunks()[slot/slotChunk]
	if chunk.versions.Load() == nil {
		chunk.versions.Store(new(versionLinks))
		t.linked.Add(1)
	}
	return chunk.versions.Load()
}

// shares reports whether a slot is a version of another, so that its own vector is zero and its own words none.
func (t *slotTable) shares(slot uint32) bool {
	l := t.links(slot)
	return l != nil && l.shares[slot%slotChunk/64].Load()>>(slot%64)&1 != 0
}

// markShared notes that a slot is a version of another; join says of which.
func (t *slotTable) markShared(slot uint32) {
	t.makeLinks(slot).shares[slot%slotChunk/64].Or(1 << (slot % 64))
	t.versions.Add(1)
}

// carrier returns the slot that holds the vector and the words of a slot.
func (t *slotTable) carrier(slot uint32) uint32 {
	if !t.shares(slot) {
		return slot
	}
	return t.links(slot).rows[slot%slotChunk].carrier
}

// join makes a slot, which is marked, the newest version of the carrier of the slot that it follows.
func (t *slotTable) join(slot, follows uint32) {
	carrier := t.carrier(follows)
	row := &t.links(slot).rows[slot%slotChunk]
	row.carrier, row.previous = carrier, follows
	links := t.makeLinks(carrier)
	links.carries[carrier%slotChunk/64].Or(1 << (carrier % 64))
	links.rows[carrier%slotChunk].newest.Store(slot)
}

// version returns the slot whose row is visible at a revision, of the versions of a carrier. A slot that carries
// nothing has none: it is not ok.
func (t *slotTable) version(carrier uint32, revision uint64) (slot uint32, ok bool) {
	chunk := t.chunks.Chunks()[carrier/slotChunk]
	l := chunk.versions.Load()
	switch {
	case l != nil && l.shares[carrier%slotChunk/64].Load()>>(carrier%64)&1 != 0:
		return carrier, false
	case chunk.dead[carrier%slotChunk/64].Load()>>(carrier%64)&1 == 0:
		return carrier, true // that it is born by the revision is known by its number
	case l == nil:
		return carrier, revision < chunk.rows[carrier%slotChunk].died.Load()
	}
	slot = l.rows[carrier%slotChunk].newest.Load()
	for ; slot > carrier; slot = t.links(slot).rows[slot%slotChunk].previous {
		if row := t.row(slot); row.born <= revision {
			return slot, row.visible(revision)
		}
	}
	return carrier, revision < chunk.rows[carrier%slotChunk].died.Load()
}

// joinLoaded ties the versions among loaded slots, which are marked, to the slots that they follow: those that died at
// the revision at which they were born. It reports whether each has one.
func (t *slotTable) joinLoaded() bool {
	if t.versions.Load() == 0 {
		return true
	}
	died := map[uint64]uint32{}
	for slot := range uint32(t.len()) {
		row := t.row(slot)
		if t.shares(slot) {
			follows, ok := died[row.born]
			if !ok {
				return false
			}
			t.join(slot, follows)
		}
		if at := row.died.Load(); at != 0 {
			died[at] = slot
		}
	}
	return true
}

// carrying turns the rows that match among the slots 64 i and the 63 behind it, a bit each, into the slots that may
// hold the vectors of matching rows: those without versions that match, and all that have versions.
func (t *slotTable) carrying(i uint32, rows uint64) uint64 {
	l := t.links(i * 64)
	if l == nil {
		return rows
	}
	at := i % (slotChunk / 64)
	return (rows | l.carries[at].Load()) &^ l.shares[at].Load()
}

// sameText reports whether a slot has exactly the words of an item, so that its vector and its words are the item's
// too. Where vectors are made of other features than the words, it cannot be told.
func (g *Generation) sameText(slot uint32, it *item) bool {
	if !it.shared {
		return false
	}
	g.words.Terms(slot, &g.compared)
	return g.compared.Tokens == it.words.Tokens && slices.Equal(g.compared.IDs, it.words.IDs) &&
		slices.Equal(g.compared.Counts, it.words.Counts) && slices.Equal(g.compared.Bigrams, distinct(it.words.Bigrams))
}

// distinct returns the different bigrams of a paper, rising, as the lexical index keeps them.
func distinct(bigrams []uint16) []uint16 {
	sorted := slices.Clone(bigrams)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// renew gives the paper of a living slot another row and other columns, from the item's revision on.
func (g *Generation) renew(old uint32, ordinal uint64, it *item) error {
	g.slots.kill(old, it.paper.Revision)
	g.dead.Add(1)
	slot := g.slots.appendVersion(ordinal, it.paper.Revision, unixOf(it.paper.PublishTime), old)
	if g.zero == nil {
		g.zero = make([]float32, g.model.Dims())
	}
	err := g.place(slot, it.paper, &embed.Terms{}, g.zero)
	g.words.Remove(slot) // it counts for no frequency: its carrier does
	return err
}

// countDead counts the dead slots of a loaded generation, and takes what is dead out of the words' frequencies.
func (g *Generation) countDead() {
	for slot := range uint32(g.slots.len()) {
		if g.slots.row(slot).died.Load() != 0 {
			g.dead.Add(1)
		}
		if g.slots.shares(slot) {
			g.words.Remove(slot)
		} else if _, lives := g.slots.version(slot, maxRevision); !lives {
			g.words.Remove(slot)
		}
	}
}

// maxRevision is at or behind every revision.
const maxRevision = 1<<64 - 1
