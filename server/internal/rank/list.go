package rank

import (
	"slices"

	"github.com/akin-search/akin/server/internal/index"
)

const slotHash = 0x9E3779B1

// list is candidates of one query: slices of one length.
type list struct {
	slots   []uint32
	cosines []float32
	bm25    []float64
	bigrams []uint32  // shared with the query
	byWords []bool    // found by words, in whatever other way, too
	scores  []float64 // counted from the weakest candidate
	parts   []Parts   // of the scores, counted from nothing in common
	scale   scale

	table []uint32  // open addressing by slot: 1 + position
	rest  []float64 // scratch of least
	near  neighbours
	soft  alike
}

// resize gives the slices the length n, with undefined contents.
func (l *list) resize(n int) {
	l.slots = slices.Grow(l.slots[:0], n)[:n]
	l.cosines = slices.Grow(l.cosines[:0], n)[:n]
	l.bm25 = slices.Grow(l.bm25[:0], n)[:n]
	l.bigrams = slices.Grow(l.bigrams[:0], n)[:n]
	l.byWords = slices.Grow(l.byWords[:0], n)[:n]
	l.scores = slices.Grow(l.scores[:0], n)[:n]
	l.parts = slices.Grow(l.parts[:0], n)[:n]
}

// merge sets the candidates to the union of two lists, each of distinct slots. The first n are those found by cosine,
// with it; the caller computes the cosines of the others.
func (l *list) merge(dense, words []index.Candidate) (n int) {
	size := 16
	for size < 2*len(dense) {
		size *= 2
	}
	mask := uint32(size - 1)
	l.table = slices.Grow(l.table[:0], size)[:size]
	clear(l.table)
	l.resize(len(dense) + len(words))
	for i, c := range dense {
		at := c.Slot * slotHash & mask
		for l.table[at] != 0 {
			at = (at + 1) & mask
		}
		l.table[at] = uint32(i + 1)
		l.slots[i], l.cosines[i], l.byWords[i] = c.Slot, c.Score, false
	}
	n = len(dense)
	end := n
	for _, c := range words {
		at := c.Slot * slotHash & mask
		for l.table[at] != 0 && l.slots[l.table[at]-1] != c.Slot {
			at = (at + 1) & mask
		}
		if i := l.table[at]; i != 0 {
			l.byWords[i-1] = true
			continue
		}
		l.slots[end], l.byWords[end] = c.Slot, true
		end++
	}
	l.shorten(end)
	return n
}

// shorten keeps the first n candidates.
func (l *list) shorten(n int) {
	l.slots, l.cosines, l.bm25, l.bigrams = l.slots[:n], l.cosines[:n], l.bm25[:n], l.bigrams[:n]
	l.byWords, l.scores, l.parts = l.byWords[:n], l.scores[:n], l.parts[:n]
}

// cut keeps the slots and cosines of the k candidates of the highest scores, ties in the order of the list, and appends
// the slots of the others to behind.
func (l *list) cut(k int, behind []uint32) []uint32 {
	least, above := l.least(k), 0
	for _, score := range l.scores {
		if score > least {
			above++
		}
	}
	n := 0
	for i, score := range l.scores {
		switch {
		case score > least:
		case score == least && above < k:
			above++
		default:
			behind = append(behind, l.slots[i])
			continue
		}
		l.slots[n], l.cosines[n] = l.slots[i], l.cosines[i]
		n++
	}
	l.shorten(n)
	return behind
}
