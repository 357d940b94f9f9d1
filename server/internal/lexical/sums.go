package lexical

import (
	"math/bits"
	"slices"

	"github.com/akin-search/akin/embed/vector"
)

// fewSlots is up to which number of slots the sums of all are looked through, 64 at a time, instead of those of the
// papers that a query touched, one by one: a title touches 9,000 of 87,000 papers. It is a variable so that tests can
// lower it.
var fewSlots = 1 << 18

const (
	sumBits  = 15 // scores stay below 2^15, sums below 2^16: a list adds at least 1
	binShift = 5
	sumBins  = 1 << (16 - binShift)
)

// sums adds up the lists of a query. Its size follows the index: 2 bytes a paper and, where papers are many, 4 for each
// that a query touches.
type sums struct {
	by      []uint16 // by slot, and zeros behind: score so far in units of 1/scale
	n       int      // slots
	all     bool     // all sums are looked through for the highest; else those of touched
	table   [1 << classBits]uint16
	slots   []uint32 // of best
	added   int      // postings
	longest int      // list added; no paper is twice in one

	// Where all are looked through.
	greatest []uint16 // of every 64 sums, and zeros up to a multiple of 64
	words    int      // of them that are of sums
	masks    []uint64
	values   []uint16 // sums of slots, and zeros up to a multiple of 64

	// Where those touched are.
	touched []uint32 // slots whose sum is not 0
	bins    [sumBins]uint32
	run     postingRun
}

// prepare is for an index of n slots, which have no sums yet.
func (s *sums) prepare(n int) {
	s.clear()
	s.n, s.added, s.longest = n, 0, 0
	s.touched = s.touched[:0]
	s.all = n <= fewSlots && vector.Class() != vector.Portable
	s.words = (n + 63) / 64
	if len(s.by) < 64*s.words {
		s.by = make([]uint16, 64*(s.words+s.words/4))
	}
	if s.all {
		s.masks = slices.Grow(s.masks[:0], s.words)[:s.words]
		s.greatest = slices.Grow(s.greatest[:0], s.words+63)[:(s.words+63)&^63]
		clear(s.greatest[s.words:])
	}
}

// clear makes the sums 0 again.
func (s *sums) clear() {
	if s.all {
		clear(s.by[:s.n])
		return
	}
	for _, slot := range s.touched {
		s.by[slot] = 0
	}
}

// add adds one list.
func (s *sums) add(lists *postings, tm *term, impact *[1 << classBits]float32, weight float32) {
	for class, impact := range impact {
		s.table[class] = uint16(weight*impact) + 1
	}
	var added int
	if s.all {
		added = lists.addTo(tm, s.by[:s.n], &s.table)
	} else {
		s.touched, added = lists.touch(tm, &s.run, s.by[:s.n], &s.table, s.touched)
	}
	s.added += added
	s.longest = max(s.longest, added)
}

// papers is the number of papers that have a sum.
func (s *sums) papers() (n int) {
	if !s.all {
		return len(s.touched)
	}
	vector.AtLeast(s.masks, s.by, 1)
	return ones(s.masks)
}

// has reports whether k papers have a sum. Where the lists alone do not tell, they are counted.
func (s *sums) has(k int) bool { return s.longest >= k || s.added >= k && s.papers() >= k }

// atLeast returns a sum that k of the touched papers reach, or nearly so many when there are far more of them: then
// every fourth stands for four. It returns 0 where fewer than k are touched.
func (s *sums) atLeast(k int) uint16 {
	s.bins = [sumBins]uint32{}
	stride := min(4, 1+len(s.touched)/(64*k))
	for i := 0; i < len(s.touched); i += stride {
		s.bins[s.by[s.touched[i]]>>binShift] += uint32(stride)
	}
	seen := 0
	for bin := sumBins - 1; bin > 0; bin-- {
		if seen += int(s.bins[bin]); seen >= k {
			return uint16(bin) << binShift
		}
	}
	return 0
}

// best sets slots to the papers of the k highest sums, and those of the same as the last of them, or nearly so many
// papers, without those whose sums are not below a bound. It returns what the sums of all others are below, 0 where
// there are none.
func (s *sums) best(k, bound int) (lower int) {
	if !s.all {
		lower = int(s.atLeast(k))
		s.slots = s.slots[:0]
		for _, slot := range s.touched {
			if sum := int(s.by[slot]); sum >= lower && sum < bound {
				s.slots = append(s.slots, slot)
			}
		}
		return lower
	}
	vector.Greatest(s.greatest[:s.words], s.by)
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
// sums. It follows Greatest.
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
