package hnsw

import (
	"math/bits"

	"github.com/akin-search/akin/embed/vector"
)

// note marks a slot whose links have just changed. It comes behind the change: whoever takes the mark then reads the
// change, or finds another mark.
func (t *linkTables) note(slot uint32) {
	word, bit := &t.changed[slot/vector.BlockRows][slot%vector.BlockRows/64], uint64(1)<<(slot%64)
	if word.Load()&bit == 0 {
		word.Or(bit)
	}
}

// saving is a Save with links that has not been ended by Saved.
type saving struct {
	running bool
	graphed uint32   // slots whose links it writes
	proven  bool     // every node of them can be reached by what it writes
	marks   []uint64 // taken off, 64 slots a word
}

// begin takes the marks of the slots below graphed off, for a Save that writes their links.
func (x *Index) begin(t *linkTables, graphed uint32) *saving {
	s := &x.saving
	s.running, s.graphed, s.proven = true, graphed, true
	s.marks = s.marks[:0]
	for at := uint32(0); at < graphed; at += 64 {
		word := &t.changed[at/vector.BlockRows][at%vector.BlockRows/64]
		take := ^uint64(0)
		if graphed-at < 64 {
			take = 1<<(graphed-at) - 1
		}
		s.marks = append(s.marks, word.And(^take)&take)
	}
	return s
}

// each calls fn with the marked slots below a bound, ascending, until an error.
func (s *saving) each(bound uint32, fn func(slot uint32) error) error {
	for i, word := range s.marks {
		for ; word != 0; word &= word - 1 {
			slot := uint32(64*i + bits.TrailingZeros64(word))
			if slot >= bound {
				return nil
			}
			if err := fn(slot); err != nil {
				return err
			}
		}
	}
	return nil
}

// count is the number of marked slots below a bound.
func (s *saving) count(bound uint32) (n int) {
	_ = s.each(bound, func(uint32) error { n++; return nil }) // fn never fails
	return n
}

// giveBack ends the Save that runs, if one does. What is not kept is marked again.
func (x *Index) giveBack(kept bool) {
	s := &x.saving
	if !s.running {
		return
	}
	s.running = false
	if kept {
		x.saved.Store(int64(s.graphed))
		return
	}
	t := x.graph.tables()
	for i, word := range s.marks {
		if word != 0 {
			at := uint32(64 * i)
			t.changed[at/vector.BlockRows][at%vector.BlockRows/64].Or(word)
		}
	}
}

// Saved implements index.Searcher.
func (x *Index) Saved(kept bool) {
	x.savingMu.Lock()
	defer x.savingMu.Unlock()
	x.giveBack(kept)
}

// Unsaved implements index.Searcher.
func (x *Index) Unsaved() int64 {
	saved, graphed, t := x.saved.Load(), x.graphed.Load(), x.graph.tables()
	lists := graphed - saved
	for at := int64(0); at < saved; at += 64 {
		word := t.changed[at/vector.BlockRows][at%vector.BlockRows/64].Load()
		if saved-at < 64 {
			word &= 1<<(saved-at) - 1
		}
		lists += int64(bits.OnesCount64(word))
	}
	return lists * int64(8*x.graph.m+4)
}
