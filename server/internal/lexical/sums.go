package lexical

import (
	"context"
	"math/bits"
	"slices"

	"github.com/akin-search/akin/embed/vector"
)

// window is the number of slots whose sums are added up before those of the next, so that they stay in the second
// cache: a multiple of 64. It is a variable so that tests can lower it.
var window = 1 << 17

const sumBits = 15 // scores stay below 2^15, sums below 2^16: a list adds at least 1

// impacts is what a posting of a class adds to a sum, and 0 for wideClass.
type impacts [2 * wideClass]uint16

// summand is a list that is added up.
type summand struct {
	place place
	table impacts
}

// sums adds up the lists of a query. Its size follows the index: 2 bytes a paper.
type sums struct {
	by    []uint16  // by slot: score so far in units of 1/scale
	n     int       // slots
	stale bool      // by is of another query
	lists []summand // taken, not added

	greatest []uint16 // of every 64 sums, and zeros up to a multiple of 64
	masks    []uint64
	slots    []uint32 // of best
	values   []uint16 // sums of slots, and zeros up to a multiple of 64
}

// prepare is for an index of n slots, which have no sums yet.
func (s *sums) prepare(n int) {
	s.n, s.stale, s.lists = n, true, s.lists[:0]
	words := (n + 63) / 64
	if len(s.by) < 64*words {
		s.by = make([]uint16, 64*(words+words/4))
	}
	s.masks = slices.Grow(s.masks[:0], words)[:words]
	s.greatest = slices.Grow(s.greatest[:0], words+63)[:(words+63)&^63]
	clear(s.greatest[words:])
}

// take takes a list for add, and returns the number of its postings.
func (s *sums) take(tm *term, impact *[1 << classBits]float32, weight float32) int {
	from := tm.place()
	if from.left == 0 {
		return 0
	}
	n := len(s.lists)
	s.lists = slices.Grow(s.lists, 1)[:n+1]
	list := &s.lists[n]
	list.place = from
	for class, impact := range impact {
		list.table[class] = uint16(weight*impact) + 1
	}
	return from.left
}

// add adds the lists that were taken, window by window. Those of a window go on where they ended in the one before.
func (s *sums) add(ctx context.Context, lists *postings) error {
	for from := 0; from < s.n; from += window {
		if err := ctx.Err(); err != nil {
			return err
		}
		to := min(from+window, s.n)
		sums := s.by[from : (to+63)&^63]
		if s.stale {
			clear(sums)
		}
		for i := range s.lists {
			if i+1 < len(s.lists) {
				lists.fetch(s.lists[i+1].place.next())
			}
			lists.addTo(&s.lists[i].place, s.by[:to], &s.lists[i].table)
		}
		vector.Greatest(s.greatest[from/64:][:len(sums)/64], sums)
	}
	s.stale, s.lists = false, s.lists[:0]
	return nil
}

// best sets slots to the papers of the k highest sums, and those of the same as the last of them, without those whose
// sums are not below a bound. It returns what the sums of all others are below, 0 where there are none.
func (s *sums) best(k, bound int) (lower int) {
	// If k of the greatest reach a sum, then k papers do, and not many more.
	least := max(1, s.highest(s.greatest, k))
	s.reaching(least)
	if lower = int(s.highest(s.values, k)); lower > 0 {
		lower = max(lower, int(least)) // sums below are not among values
	}
	s.slots = slices.DeleteFunc(s.slots, func(slot uint32) bool {
		return int(s.by[slot]) < lower || int(s.by[slot]) >= bound
	})
	return lower
}

// reaching sets slots to the papers whose sums are at least bound, which is not 0, by rising slot, and values to these
// sums.
func (s *sums) reaching(bound uint16) {
	s.slots, s.values = s.slots[:0], s.values[:0]
	s.among(s.greatest, bound)
	for i, word := range s.masks[:len(s.greatest)/64] {
		for ; word != 0; word &= word - 1 {
			first := 64 * (64*i + bits.TrailingZeros64(word))
			var mask [1]uint64
			vector.AtLeast(mask[:], s.by[first:], bound)
			for ; mask[0] != 0; mask[0] &= mask[0] - 1 {
				slot := first + bits.TrailingZeros64(mask[0])
				s.slots, s.values = append(s.slots, uint32(slot)), append(s.values, s.by[slot])
			}
		}
	}
	for len(s.values)%64 != 0 {
		s.values = append(s.values, 0)
	}
}

// highest returns a bound that the k highest of values reach and no others, but for those of the same as the last of
// them; 0 where there are fewer. Of values there are a multiple of 64.
func (s *sums) highest(values []uint16, k int) uint16 {
	low, high := 0, 1<<16-1
	for low < high {
		bound := (low + high + 1) / 2
		switch n := s.among(values, uint16(bound)); {
		case n == k:
			return uint16(bound)
		case n > k:
			low = bound
		default:
			high = bound - 1
		}
	}
	return uint16(low)
}

// among sets masks to which of values are at least bound, and returns how many.
func (s *sums) among(values []uint16, bound uint16) int {
	masks := s.masks[:len(values)/64]
	vector.AtLeast(masks, values, bound)
	return ones(masks)
}

func ones(masks []uint64) (n int) {
	for _, mask := range masks {
		n += bits.OnesCount64(mask)
	}
	return n
}
