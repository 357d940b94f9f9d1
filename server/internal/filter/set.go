package filter

import "github.com/RoaringBitmap/roaring/v2"

// Set is the answer to a filter: slots, ascending. It never changes, and any number of queries share it: at ten million
// papers a copy would be more than a megabyte.
type Set struct {
	slots *roaring.Bitmap
	bits  []uint64 // the same as a bit a slot
}

func newSet(slots *roaring.Bitmap) *Set { return &Set{slots, slots.ToDense()} }

// Contains reports whether a slot is in the set.
func (s *Set) Contains(slot uint32) bool {
	return int(slot>>6) < len(s.bits) && s.bits[slot>>6]>>(slot&63)&1 != 0
}

// Len is the number of slots.
func (s *Set) Len() int { return int(s.slots.GetCardinality()) }

// Slots lists the slots anew, ascending: 4 bytes each. The list is the caller's.
func (s *Set) Slots() []uint32 { return s.slots.ToArray() }

func (s *Set) bytes() int64 { return int64(s.slots.GetSizeInBytes()) + int64(cap(s.bits))*8 }
