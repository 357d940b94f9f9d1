package rank

import (
	"slices"

	"github.com/akin-search/akin/server/internal/index"
)

const slotHash = 0x9E3779B1

// list is the candidates of one query: slices of one length.
type list struct {
	slots   []uint32
	cosines []float32
	bm25    []float64
	scores  []float64 // counted from the weakest candidate
	parts   []Parts   // of the scores, counted from nothing in common
	scale   scale

	table  []uint32  // open addressing by slot: 1 + position in the lexical list
	shared []bool    // by position in the lexical list: in the other list too
	rest   []float64 // scratch of least
	pairs  pairs
	near   neighbours
	soft   alike
}

// resize gives the slices the length n, with undefined contents.
func (l *list) resize(n int) {
	l.slots = slices.Grow(l.slots[:0], n)[:n]
	l.cosines = slices.Grow(l.cosines[:0], n)[:n]
	l.bm25 = slices.Grow(l.bm25[:0], n)[:n]
	l.scores = slices.Grow(l.scores[:0], n)[:n]
	l.parts = slices.Grow(l.parts[:0], n)[:n]
}

// merge sets the candidates to the union of two lists, each of distinct slots. Then the cosines of the first n
// candidates are set, and the BM25 of those from m on; the caller computes the others, cosines[n:] and bm25[:m].
func (l *list) merge(dense, words []index.Candidate) (n, m int) {
	size := 16
	for size < 2*len(words) {
		size *= 2
	}
	l.table = slices.Grow(l.table[:0], size)[:size]
	clear(l.table)
	for i, c := range words {
		at := c.Slot * slotHash & uint32(size-1)
		for l.table[at] != 0 {
			at = (at + 1) & uint32(size-1)
		}
		l.table[at] = uint32(i + 1)
	}
	l.resize(len(dense) + len(words))
	l.shared = slices.Grow(l.shared[:0], len(words))[:len(words)]
	clear(l.shared)
	// Those found by cosine alone fill up from the front, those found by both come behind them, from the back.
	n = len(dense)
	back := n
	for _, c := range dense {
		i := l.lookup(words, c.Slot)
		at := m
		if i < 0 {
			m++
		} else {
			back--
			at = back
			l.bm25[at] = float64(words[i].Score)
			l.shared[i] = true
		}
		l.slots[at], l.cosines[at] = c.Slot, c.Score
	}
	end := n
	for i, c := range words {
		if !l.shared[i] {
			l.slots[end], l.bm25[end] = c.Slot, float64(c.Score)
			end++
		}
	}
	l.slots, l.cosines, l.bm25 = l.slots[:end], l.cosines[:end], l.bm25[:end]
	l.scores, l.parts = l.scores[:end], l.parts[:end]
	return n, m
}

// lookup returns the position of a slot in the list that l.table holds, or -1.
func (l *list) lookup(words []index.Candidate, slot uint32) int {
	mask := uint32(len(l.table) - 1)
	for at := slot * slotHash & mask; l.table[at] != 0; at = (at + 1) & mask {
		if i := l.table[at] - 1; words[i].Slot == slot {
			return int(i)
		}
	}
	return -1
}
