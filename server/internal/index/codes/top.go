package codes

import (
	"slices"

	"github.com/akin-search/akin/server/internal/index"
)

// Top keeps the k best candidates offered to it: highest score first, ties to the lower slot. Its memory is kept
// between uses.
type Top struct {
	k     int
	floor float32           // k candidates kept elsewhere score at least this
	heap  []index.Candidate // the worst on top
}

// Reset empties the set and sets its size, at least 1.
func (t *Top) Reset(k int) {
	t.k = k
	t.floor = lowest
	t.heap = t.heap[:0]
}

// Full reports whether k candidates are kept.
func (t *Top) Full() bool { return len(t.heap) == t.k }

// lowest is less than any cosine.
const lowest = -2

// Worst is the score below which a candidate changes nothing: that of the worst kept, or less than any cosine while
// there is room. Where several sets are filled for one that joins them, it may be that of another set.
func (t *Top) Worst() float32 {
	if len(t.heap) < t.k {
		return t.floor
	}
	return max(t.heap[0].Score, t.floor)
}

// worse orders candidates by rising score, ties by falling slot.
func worse(a, b index.Candidate) bool {
	return a.Score < b.Score || a.Score == b.Score && a.Slot > b.Slot
}

// Offer adds a candidate if it is among the k best.
func (t *Top) Offer(c index.Candidate) {
	h := t.heap
	if len(h) < t.k {
		h = append(h, c)
		i := len(h) - 1
		for i > 0 {
			parent := (i - 1) / 2
			if !worse(c, h[parent]) {
				break
			}
			h[i] = h[parent]
			i = parent
		}
		h[i] = c
		t.heap = h
		return
	}
	if !worse(h[0], c) {
		return
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && worse(h[child+1], h[child]) {
			child++
		}
		if !worse(h[child], c) {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = c
}

// AppendSorted appends the kept candidates to dst, best first, and leaves the set without order.
func (t *Top) AppendSorted(dst []index.Candidate) []index.Candidate {
	slices.SortFunc(t.heap, compare)
	return append(dst, t.heap...)
}

func compare(a, b index.Candidate) int {
	switch {
	case worse(b, a):
		return -1
	case worse(a, b):
		return 1
	}
	return 0
}
