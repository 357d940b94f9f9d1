package filter

import (
	"math/bits"

	"github.com/RoaringBitmap/roaring/v2"
)

// Set is the answer to a filter: slots, ascending. It never changes, and any number of queries share it: at ten million
// papers a copy would be more than a megabyte.
type Set struct {
	n    int      // slots in it
	bits []uint64 // a bit a slot
}

func newSet(slots *roaring.Bitmap) *Set { return &Set{int(slots.GetCardinality()), slots.ToDense()} }

// Contains reports whether a slot is in the set.
func (s *Set) Contains(slot uint32) bool {
	return int(slot>>6) < len(s.bits) && s.bits[slot>>6]>>(slot&63)&1 != 0
}

// Len is the number of slots.
func (s *Set) Len() int { return s.n }

// Word returns the bits of 64 slots, the lowest for the slot 64 i.
func (s *Set) Word(i uint32) uint64 {
	if int(i) >= len(s.bits) {
		return 0
	}
	return s.bits[i]
}

// List writes the slots from from to to-1 into dst, ascending, until it is full, and returns how many these are and
// where to go on: to when there are no more.
func (s *Set) List(from, to uint32, dst []uint32) (n int, next uint32) {
	if end := uint32(len(s.bits)) * 64; end < to {
		if from >= end {
			return 0, to
		}
		n, next = ListBits(from, end, dst, s.Word)
		if next == end {
			next = to
		}
		return n, next
	}
	return ListBits(from, to, dst, s.Word)
}

// ListBits is Set.List of a set whose words of 64 slots word gives.
func ListBits(from, to uint32, dst []uint32, word func(i uint32) uint64) (n int, next uint32) {
	for at := from; at < to; at = at&^63 + 64 {
		w := word(at/64) &^ (1<<(at%64) - 1)
		if rest := to - at&^63; rest < 64 {
			w &= 1<<rest - 1
		}
		for ; w != 0; w &= w - 1 {
			slot := at&^63 + uint32(bits.TrailingZeros64(w))
			if n == len(dst) {
				return n, slot
			}
			dst[n] = slot
			n++
		}
	}
	return n, to
}

func (s *Set) bytes() int64 { return int64(cap(s.bits)) * 8 }
