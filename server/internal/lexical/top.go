package lexical

import (
	"context"
	"math"
	"math/bits"
	"slices"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index"
)

// Limits of Top. They are variables so that tests can lift or shrink them.
var (
	// topBudget is the number of postings a query reads before it stops opening further lists. Lists are opened in the
	// order of their selectivity, so what it leaves out is words that much of the corpus has and that weigh little; papers
	// that were found get their score in full.
	topBudget = 20_000
	// topSpare is the share of k that is scored exactly beyond k, because classes order papers only nearly right.
	topSpare = .25
	// topSkipped is the same where lists were left out.
	topSkipped = 1.
	// typicalImpact is taken for the most of tf/(tf+norm) when lists are left out because they cannot lift a new paper
	// among the best: few papers repeat so many of a query's common words that this is wrong.
	typicalImpact = .75
)

// topScratch is the scratch of Top. Its size follows the index: 2 bytes a paper, and 4 for each that a query touches.
type topScratch struct {
	sums    []uint16 // by slot, all 0 between queries: score so far in units of 1/scale
	touched []uint32 // slots whose sum is not 0
	lists   []int32  // query features, most selective first
	order   []int32  // the rest of lists that is not yet added up
	impact  [1 << classBits]float32
	table   [1 << classBits]uint16
	bins    [sumBins]uint32
	slots   []uint32
	found   []index.Candidate
	keys    []uint64
	run     postingRun
	masks   []uint64 // by slot, where sums are looked through by all: whether a sum is among the highest
	known   uint16   // a sum that atLeast has found so many papers to reach as are needed; sums only rise
}

// fewSlots is up to which number of slots the sums of all are looked through, 64 at a time, instead of those of the
// papers that a query touched, one by one: a title touches 10,000 of 87,000 papers. It is a variable so that tests can
// lower it.
var fewSlots = uint32(1 << 18)

const (
	sumBits  = 15 // scores stay below 2^15, sums below 2^16: a list adds at least 1
	binShift = 5
	sumBins  = 1 << (16 - binShift)
	sumSlack = 1 << 8 // each list adds up to 1 more than its weight says
)

// Top appends to dst the k accepted papers with the highest BM25 (Candidate.Score), in order of falling score, ties by
// rising slot. Papers that share no word with the query are never found, removed ones are unless accept rejects them.
//
// Scores are exact. Which papers are found is exact for queries whose lists hold no more than topBudget postings;
// beyond, a paper is missed when only its most common words are in the query.
//
// It ends early with the error of ctx. It allocates only to grow the scratch of q.
func (x *Index) Top(
	ctx context.Context, q *Query, k int, accept index.Accept, dst []index.Candidate,
) ([]index.Candidate, error) {
	n := uint32(x.Len())
	if k <= 0 || n == 0 || q.Empty() {
		return dst, ctx.Err()
	}
	s := &q.top
	s.prepare(q, n)
	s.found = s.found[:0]
	if slots := listed(accept, q); slots != nil {
		for at := uint32(0); at < n; {
			var found int
			found, at = slots.List(at, n, s.run.slots[:])
			for _, slot := range s.run.slots[:found] {
				if accept.Accepts(slot) {
					if score := x.score(q, slot); score > 0 {
						s.found = append(s.found, index.Candidate{Slot: slot, Score: float32(score)})
					}
				}
			}
		}
		return s.best(k, dst), ctx.Err()
	}
	err := x.search(ctx, q, k, n, accept)
	if s.masks != nil {
		clear(s.sums[:n])
	} else {
		for _, slot := range s.touched {
			s.sums[slot] = 0
		}
	}
	if err != nil {
		return dst, err
	}
	return s.best(k, dst), nil
}

// listed returns the accepted slots where scoring them one by one is cheaper than reading the lists of words, else nil.
func listed(accept index.Accept, q *Query) index.Listing {
	if accept == nil {
		return nil
	}
	postings := 0
	for _, tm := range q.terms {
		postings += int(tm.count.Load())
	}
	// A paper costs about as much as a hundred postings.
	worth := max(200, min(postings, q.budget())/100-1)
	if slots := accept.Slots(); slots != nil && slots.Len() <= worth {
		return slots
	}
	return nil
}

// budget is the number of postings that a query reads in this index: a part of a corpus has its part of them.
func (q *Query) budget() int { return int(float64(topBudget) * q.share) }

func (s *topScratch) prepare(q *Query, n uint32) {
	words := int(n+63) / 64
	if len(s.sums) < 64*words {
		s.sums = make([]uint16, 64*(words+words/4))
	}
	if n <= fewSlots && vector.Class() != vector.Portable {
		s.masks = slices.Grow(s.masks[:0], words)[:words]
	} else {
		s.masks = nil
	}
	s.touched = s.touched[:0]
	s.lists = s.lists[:0]
	for i := range q.features {
		s.lists = append(s.lists, int32(i))
	}
	for class := range uint32(1 << classBits) {
		tf := classCounts[class/lengthClasses]
		s.impact[class] = float32(tf / (tf + q.norm0 + q.norm1*classLength(class%lengthClasses)))
	}
}

// search leaves the best k accepted papers among found. Where too few of the papers of the selective lists are
// accepted, it goes on to the others.
func (x *Index) search(ctx context.Context, q *Query, k int, n uint32, accept index.Accept) error {
	s := &q.top
	need := k
	if accept != nil {
		need = int(min(float64(k)/max(accept.Share(), 1e-6), float64(n)))
	}
	total := 0.
	for _, w := range q.weights {
		total += w
	}
	scale := (1<<sumBits - 1) / total
	slices.SortFunc(s.lists, func(i, j int32) int {
		return q.postings(i) - q.postings(j)
	})
	s.order = s.lists
	for {
		left, err := x.sum(ctx, q, need, scale, n)
		if err != nil {
			return err
		}
		s.found = s.found[:0]
		x.collect(q, k, left, accept)
		if len(s.found) >= k || left == 0 {
			return nil
		}
		need = len(s.touched) + 1
	}
}

// sum adds up the lists of s.order from the front, and takes them out, until the rest cannot matter or the budget is
// spent, but not before need papers were found. It returns the number of lists left out.
func (x *Index) sum(ctx context.Context, q *Query, need int, scale float64, n uint32) (left int, err error) {
	s := &q.top
	rest := 0.
	for _, i := range s.order {
		rest += q.weights[i]
	}
	total := (1<<sumBits - 1) / scale
	s.known = 0 // need may be another
	read := 0   // in the whole corpus
	for len(s.order) > 0 {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		i := s.order[0]
		tm, weight := q.terms[i], q.weights[i]
		length := q.postings(i)
		if len(s.touched) >= need {
			if read+length > topBudget ||
				int(tm.count.Load()) > len(s.touched) &&
					s.reached(uint16(max(rest, 0)*scale*typicalImpact), need, (total-rest)*scale) {
				return len(s.order), nil
			}
		}
		x.add(s, tm, float32(weight*scale), n)
		read += length
		rest -= weight
		s.order = s.order[1:]
	}
	return 0, nil
}

// add adds one list to the sums.
func (x *Index) add(s *topScratch, tm *term, weight float32, n uint32) {
	for class, impact := range s.impact {
		s.table[class] = uint16(weight*impact) + 1
	}
	s.touched = x.lists.addTo(tm, s.sums[:n], &s.table, s.touched)
}

// reached reports whether need papers have a sum of at least bound. No sum is above most.
func (s *topScratch) reached(bound uint16, need int, most float64) bool {
	if bound > s.known && float64(bound) <= most+sumSlack {
		s.known = s.atLeast(need)
	}
	return bound <= s.known
}

// atLeast returns a sum that k of the touched papers reach, or nearly so many when there are far more of them: then
// every fourth stands for four. It returns 0 where fewer than k are touched.
func (s *topScratch) atLeast(k int) uint16 {
	s.bins = [sumBins]uint32{}
	stride := min(4, 1+len(s.touched)/(64*k))
	for i := 0; i < len(s.touched); i += stride {
		s.bins[s.sums[s.touched[i]]>>binShift] += uint32(stride)
	}
	seen := 0
	for bin := sumBins - 1; bin > 0; bin-- {
		if seen += int(s.bins[bin]); seen >= k {
			return uint16(bin) << binShift
		}
	}
	return 0
}

// collect scores the papers with the highest sums exactly.
func (x *Index) collect(q *Query, k, left int, accept index.Accept) {
	s := &q.top
	want := k + int(math.Ceil(float64(k)*topSpare))
	if left > 0 {
		want = k + int(math.Ceil(float64(k)*topSkipped))
	}
	upper := math.MaxUint16 + 1
	for {
		// Papers in the bins from lower to upper have not been looked at.
		lower := int(s.atLeast(want))
		s.between(lower, upper)
		if accept != nil {
			s.slots = slices.DeleteFunc(s.slots, func(slot uint32) bool { return !accept.Accepts(slot) })
		}
		for i, slot := range s.slots {
			x.ahead(s.slots, i)
			s.found = append(s.found, index.Candidate{Slot: slot, Score: float32(x.score(q, slot))})
		}
		if len(s.found) >= k || lower == 0 {
			return
		}
		upper = lower
		want *= 4
	}
}

// between sets slots to those whose sums are from lower to below upper, and not 0.
func (s *topScratch) between(lower, upper int) {
	s.slots = s.slots[:0]
	if s.masks == nil {
		for _, slot := range s.touched {
			if sum := int(s.sums[slot]); sum >= lower && sum < upper {
				s.slots = append(s.slots, slot)
			}
		}
		return
	}
	vector.AtLeast(s.masks, s.sums, uint16(max(lower, 1)))
	for i, mask := range s.masks {
		for ; mask != 0; mask &= mask - 1 {
			slot := uint32(64*i + bits.TrailingZeros64(mask))
			if int(s.sums[slot]) < upper {
				s.slots = append(s.slots, slot)
			}
		}
	}
}

// best appends the k best of found to dst.
func (s *topScratch) best(k int, dst []index.Candidate) []index.Candidate {
	s.keys = s.keys[:0]
	for _, c := range s.found {
		// Scores are not negative, so their bits order as they do.
		s.keys = append(s.keys, uint64(^math.Float32bits(c.Score))<<32|uint64(c.Slot))
	}
	slices.Sort(s.keys)
	for _, key := range s.keys[:min(k, len(s.keys))] {
		dst = append(dst, index.Candidate{Slot: uint32(key), Score: math.Float32frombits(^uint32(key >> 32))})
	}
	return dst
}
