package codes

import "github.com/akin-search/akin/server/internal/index"

// Top keeps the k best candidates offered to it: highest score first, ties to the lower slot. They are kept in order: a
// walk offers them nearly so, and of those of a scan few are among the best so far. Its memory is kept between uses.
type Top struct {
	k     int
	floor float32 // k candidates kept elsewhere score at least this
	best  []index.Candidate
}

// Reset empties the set and sets its size, at least 1.
func (t *Top) Reset(k int) {
	t.k = k
	t.floor = lowest
	t.best = t.best[:0]
}

// Full reports whether k candidates are kept.
func (t *Top) Full() bool { return len(t.best) == t.k }

// lowest is less than any cosine.
const lowest = -2

// Worst is the score below which a candidate changes nothing: that of the worst kept, or less than any cosine while
// there is room. Where several sets are filled for one that joins them, it may be that of another set.
func (t *Top) Worst() float32 {
	if len(t.best) < t.k {
		return t.floor
	}
	return max(t.best[len(t.best)-1].Score, t.floor)
}

// worse orders candidates by rising score, ties by falling slot.
func worse(a, b index.Candidate) bool {
	return a.Score < b.Score || a.Score == b.Score && a.Slot > b.Slot
}

// Offer adds a candidate if it is among the k best.
func (t *Top) Offer(c index.Candidate) {
	best := t.best
	if last := len(best) - 1; len(best) == t.k {
		if !worse(best[last], c) {
			return
		}
		best = best[:last]
	}
	// Its place is above from: far from the end, the steps grow.
	from, to := len(best)-1, len(best)
	for step := 2; from >= 0 && worse(best[from], c); step *= 2 {
		from, to = from-step, from
	}
	for from = max(from, -1); to-from > 1; {
		if mid := int(uint(from+to) >> 1); worse(best[mid], c) {
			to = mid
		} else {
			from = mid
		}
	}
	best = append(best, c)
	copy(best[to+1:], best[to:])
	best[to] = c
	t.best = best
}

// AppendSorted appends the kept candidates to dst, best first.
func (t *Top) AppendSorted(dst []index.Candidate) []index.Candidate { return append(dst, t.best...) }
