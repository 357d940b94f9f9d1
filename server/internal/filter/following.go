package filter

import (
	"bytes"
	"container/heap"
)

// followingRun is how many slots Following looks through between two looks whether anyone appends.
const followingRun = 1 << 12

// Following returns the lowest ids behind after, at most limit, of the slots of a set that accept takes, in ascending
// byte order. It looks at every slot of the set: .1 s for a million.
func (c *Columns) Following(set *Set, after string, limit int, accept func(slot uint32) bool) []string {
	var lowest highestFirst
	var slots [followingRun]uint32
	for at, end := uint32(0), uint32(len(set.bits)*64); at < end; {
		var n int
		n, at = set.List(at, end, slots[:])
		c.mu.RLock()
		for _, slot := range slots[:n] {
			id := c.ids.at(int(slot)) // appending never changes what is there
			if string(id) <= after || len(lowest) == limit && bytes.Compare(id, lowest[0]) >= 0 || !accept(slot) {
				continue
			}
			heap.Push(&lowest, id)
			if len(lowest) > limit {
				heap.Pop(&lowest)
			}
		}
		c.mu.RUnlock()
	}
	ids := make([]string, len(lowest))
	for i := len(ids) - 1; i >= 0; i-- {
		ids[i] = string(heap.Pop(&lowest).([]byte))
	}
	return ids
}

// highestFirst is a heap of ids.
type highestFirst [][]byte

func (h highestFirst) Len() int           { return len(h) }
func (h highestFirst) Less(i, j int) bool { return bytes.Compare(h[i], h[j]) > 0 }
func (h highestFirst) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *highestFirst) Push(x any)        { *h = append(*h, x.([]byte)) }
func (h *highestFirst) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
