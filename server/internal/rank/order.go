package rank

import (
	"cmp"
	"slices"
)

// Best puts the first limit places of Ranked in order, by falling score, ties by rising slot. The others are behind
// them, in any order.
func (r *Ranker) Best(limit int) { sortBest(r.Ranked, limit) }

// byScore orders by falling score, ties by rising slot.
func byScore(a, b Scored) int {
	switch {
	case a.Score > b.Score:
		return -1
	case a.Score < b.Score:
		return 1
	}
	return cmp.Compare(a.Slot, b.Slot)
}

func sortBest(s []Scored, limit int) {
	if limit < len(s) {
		s = s[:moveUp(s, limit)]
	}
	slices.SortFunc(s, byScore)
}

// moveUp moves the best k places to the front, and all that score as the last of them does, and returns how many
// those are.
func moveUp(s []Scored, k int) (n int) {
	if k <= 0 {
		return 0
	}
	var few [128]float64
	scores := few[:0]
	for i := range s {
		scores = append(scores, s[i].Score)
	}
	least := kthLargest(scores, k)
	for i := range s {
		if s[i].Score >= least {
			s[i], s[n] = s[n], s[i]
			n++
		}
	}
	return n
}
