// Package slab holds what an index grows by: Slab hands out long-lived blocks of memory, zeroed, never moved, on huge
// pages where the system has them, and Table is the list of chunks that one goroutine grows and any number read
// without a lock.
//
// A walk through a graph touches memory at random. With pages of 4 KiB nearly every row of codes costs a miss of the
// address cache beside the miss of the data; with pages of 2 MiB it costs the data alone.
package slab

import "unsafe"

// maxBlocks bounds the blocks allocated at once, and so the memory that waits unused.
const maxBlocks = 8

// Slab cuts blocks of one size from larger allocations. The memory is the garbage collector's and holds no pointers.
// For one goroutine at a time.
type Slab struct {
	size int
	free []byte
	next int // blocks of the next allocation
}

// New returns a slab for blocks of size bytes.
func New(size int) *Slab { return &Slab{size: size, next: 1} }

// Halves returns n words of 16 bits in memory of their own, zeroed, on huge pages where they fill some.
func Halves(n int) []uint16 {
	words := make([]uint16, n)
	preferHugePages(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), 2*n))
	return words
}

// Bytes returns a block.
func (s *Slab) Bytes() []byte {
	if len(s.free) < s.size {
		s.free = make([]byte, s.next*s.size)
		preferHugePages(s.free)
		s.next = min(2*s.next, maxBlocks)
	}
	block := s.free[:s.size:s.size]
	s.free = s.free[s.size:]
	return block
}

// Words returns a block as uint32; its size must be a multiple of 4.
func (s *Slab) Words() []uint32 {
	block := s.Bytes()
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(block))), len(block)/4)
}
