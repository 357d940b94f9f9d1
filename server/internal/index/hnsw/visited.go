package hnsw

// visited marks the slots a walk has seen, a bit each: 11 KiB for 87,000 slots, which the nearest cache holds, and 125
// KiB for a million, which take a microsecond to clear.
type visited []uint64

// reset unmarks everything and makes room for n slots.
func (v *visited) reset(n int) {
	words := (n + 63) / 64
	if cap(*v) < words {
		*v = make(visited, words, words+words/4+16)
		return
	}
	*v = (*v)[:words]
	clear(*v)
}

// has reports whether a slot is marked.
func (v visited) has(slot uint32) bool { return v[slot/64]>>(slot%64)&1 != 0 }

// mark marks a slot and reports whether it was unmarked.
func (v visited) mark(slot uint32) bool {
	fresh := !v.has(slot)
	v[slot/64] |= 1 << (slot % 64)
	return fresh
}
