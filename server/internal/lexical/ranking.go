package lexical

import (
	"math"
	"slices"

	"github.com/akin-search/akin/server/internal/index"
)

// Depth is the number of candidates by cosine that a first page of hits is ranked from.
const Depth = 100

const (
	// phraseDepth is the number of candidates, the best before, whose bigrams are looked at.
	phraseDepth = 50

	slotHash = 0x9E3779B1
)

// Ranking is the candidates of one query: four slices of one length. It is scratch that can be used again.
type Ranking struct {
	Slots   []uint32
	Cosines []float32
	BM25    []float64
	Scores  []float64 // what Order ranks by; written by Blend

	table  []uint32 // open addressing by slot: 1 + position in the lexical list
	shared []bool   // by position in the lexical list: in the other list too
	order  []int32
	rest   []float64
	spare  struct {
		slots   []uint32
		cosines []float32
		bm25    []float64
		scores  []float64
	}
}

// Resize gives the four slices the length n, with undefined contents.
func (r *Ranking) Resize(n int) {
	r.Slots = slices.Grow(r.Slots[:0], n)[:n]
	r.Cosines = slices.Grow(r.Cosines[:0], n)[:n]
	r.BM25 = slices.Grow(r.BM25[:0], n)[:n]
	r.Scores = slices.Grow(r.Scores[:0], n)[:n]
}

// Merge sets the candidates to the union of two lists, each of distinct slots. Then the cosines of the first n candidates
// are set, and the BM25 of those from m on; the caller computes the others, Cosines[n:] and BM25[:m].
func (r *Ranking) Merge(dense, words []index.Candidate) (n, m int) {
	size := 16
	for size < 2*len(words) {
		size *= 2
	}
	r.table = slices.Grow(r.table[:0], size)[:size]
	clear(r.table)
	for i, c := range words {
		at := c.Slot * slotHash & uint32(size-1)
		for r.table[at] != 0 {
			at = (at + 1) & uint32(size-1)
		}
		r.table[at] = uint32(i + 1)
	}
	r.Resize(len(dense) + len(words))
	r.shared = slices.Grow(r.shared[:0], len(words))[:len(words)]
	clear(r.shared)
	// Those found by cosine alone fill up from the front, those found by both come behind them, from the back.
	n = len(dense)
	back := n
	for _, c := range dense {
		i := r.lookup(words, c.Slot)
		at := m
		if i < 0 {
			m++
		} else {
			back--
			at = back
			r.BM25[at] = float64(words[i].Score)
			r.shared[i] = true
		}
		r.Slots[at], r.Cosines[at] = c.Slot, c.Score
	}
	end := n
	for i, c := range words {
		if !r.shared[i] {
			r.Slots[end], r.BM25[end] = c.Slot, float64(c.Score)
			end++
		}
	}
	r.Slots, r.Cosines, r.BM25, r.Scores = r.Slots[:end], r.Cosines[:end], r.BM25[:end], r.Scores[:end]
	return n, m
}

// lookup returns the position of a slot in the list that r.table holds, or -1.
func (r *Ranking) lookup(words []index.Candidate, slot uint32) int {
	mask := uint32(len(r.table) - 1)
	for at := slot * slotHash & mask; r.table[at] != 0; at = (at + 1) & mask {
		if i := r.table[at] - 1; words[i].Slot == slot {
			return int(i)
		}
	}
	return -1
}

// Len is the number of candidates.
func (r *Ranking) Len() int { return len(r.Slots) }

// Blend writes weight * cosine + (1 - weight) * BM25 to Scores, both scaled over the candidates so that the least is 0 and
// the most is 1. One that is the same for all candidates counts 0 for all.
func (r *Ranking) Blend(weight float64) {
	if len(r.Slots) == 0 {
		return
	}
	lowC, highC := slices.Min(r.Cosines), slices.Max(r.Cosines)
	lowB, highB := slices.Min(r.BM25), slices.Max(r.BM25)
	scaleC, scaleB := 0., 0.
	if highC > lowC {
		scaleC = weight / (float64(highC) - float64(lowC))
	}
	if highB > lowB {
		scaleB = (1 - weight) / (highB - lowB)
	}
	for i := range r.Scores {
		r.Scores[i] = scaleC*(float64(r.Cosines[i])-float64(lowC)) + scaleB*(r.BM25[i]-lowB)
	}
}

// Phrases adds to the scores of the best candidates what the bigrams they share with the query are worth: bonus in units of
// BM25 for each. It follows Blend with the same weight.
func (r *Ranking) Phrases(x *Index, q *Query, weight, bonus float64) {
	if len(r.Slots) == 0 || len(q.bigrams) == 0 {
		return
	}
	low, high := slices.Min(r.BM25), slices.Max(r.BM25)
	if low == high {
		return
	}
	scale := (1 - weight) * bonus / (high - low)
	least := math.Inf(-1)
	if len(r.Scores) > phraseDepth {
		r.rest = append(r.rest[:0], r.Scores...)
		least = kthLargest(r.rest, phraseDepth)
	}
	for i, slot := range r.Slots {
		if r.Scores[i] >= least {
			r.Scores[i] += scale * float64(x.Shared(q, slot))
		}
	}
}

// kthLargest returns the k-th largest value, k from 1, and reorders the values (quickselect; Hoare, Algorithm 65, 1961).
func kthLargest(values []float64, k int) float64 {
	low, high := 0, len(values)-1
	for low < high {
		pivot := values[(low+high)/2]
		i, j := low, high
		for i <= j {
			for values[i] > pivot {
				i++
			}
			for values[j] < pivot {
				j--
			}
			if i <= j {
				values[i], values[j] = values[j], values[i]
				i++
				j--
			}
		}
		switch {
		case k-1 <= j:
			high = j
		case k-1 >= i:
			low = i
		default:
			return values[k-1]
		}
	}
	return values[k-1]
}

// Order sorts the candidates by falling score, ties by rising slot.
func (r *Ranking) Order() {
	n := len(r.Slots)
	r.order = slices.Grow(r.order[:0], n)[:n]
	for i := range r.order {
		r.order[i] = int32(i)
	}
	slices.SortFunc(r.order, func(i, j int32) int {
		switch a, b := r.Scores[i], r.Scores[j]; {
		case a > b:
			return -1
		case a < b:
			return 1
		case r.Slots[i] < r.Slots[j]:
			return -1
		}
		return 1
	})
	s := &r.spare
	r.Slots, s.slots = permute(r.Slots, s.slots, r.order)
	r.Cosines, s.cosines = permute(r.Cosines, s.cosines, r.order)
	r.BM25, s.bm25 = permute(r.BM25, s.bm25, r.order)
	r.Scores, s.scores = permute(r.Scores, s.scores, r.order)
}

// permute writes from, in the given order, to the memory of to, and returns it with from as the new spare.
func permute[T any](from, to []T, order []int32) (ordered, spare []T) {
	to = slices.Grow(to[:0], len(from))[:len(from)]
	for i, at := range order {
		to[i] = from[at]
	}
	return to, from
}
