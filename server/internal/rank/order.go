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
	const insertable = 64 // more places than this are sorted with all the rest
	if limit > insertable || limit >= len(s) {
		slices.SortFunc(s, byScore)
		return
	}
	best := s[:limit]
	slices.SortFunc(best, byScore)
	for i := limit; i < len(s) && limit > 0; i++ {
		hit := s[i]
		if byScore(hit, best[limit-1]) > 0 {
			continue
		}
		place, _ := slices.BinarySearchFunc(best, hit, byScore)
		s[i] = best[limit-1]
		copy(best[place+1:], best[place:limit-1])
		best[place] = hit
	}
}
