package lexical

import (
	"context"
	"math"
	"slices"

	"github.com/akin-search/akin/server/internal/index"
)

// topBudget is the number of postings a query reads before it stops opening further lists, where that is not less than
// one for each of budgetPapers papers. Lists are opened in the order of their selectivity, so what is left out is words
// that much of the corpus has and that weigh little. A variable so that tests can shrink it.
var topBudget = 15_000

const budgetPapers = 15

// topScratch is the scratch of Top.
type topScratch struct {
	sums   sums
	summed bool    // the sums are of the query as it is prepared
	unit   float32 // of sums, in BM25
	lists  []int32 // query features, most selective first
	order  []int32 // the rest of lists, not added up yet
	impact [1 << classBits]float32
	found  []index.Candidate
	keys   []uint64
	listed [256]uint32
}

// Top appends to dst the k accepted papers of the highest BM25 (Candidate.Score), in order of falling score, ties by
// rising slot, as far as postings tell: these are the sums of a few classes of counts and lengths, at most 5 % off, and
// without the words of lists that were left out. Papers that share no word with the query are never found, removed ones
// are unless accept rejects them.
//
// Where accept lists few papers they are scored one by one, and exactly.
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
	s.found, s.summed = s.found[:0], false
	if slots := listed(accept, q); slots != nil {
		for at := uint32(0); at < n; {
			var found int
			found, at = slots.List(at, n, s.listed[:])
			for _, slot := range s.listed[:found] {
				if accept.Accepts(slot) {
					if score := x.score(q, slot); score > 0 {
						s.found = append(s.found, index.Candidate{Slot: slot, Score: float32(score)})
					}
				}
			}
		}
		return s.best(k, dst), ctx.Err()
	}
	s.prepare(q, n)
	if err := x.search(ctx, q, k, n, accept); err != nil {
		return dst, err
	}
	s.summed = true
	return s.best(k, dst), nil
}

// Estimates writes to dst (len(slots)) what is known of the BM25 of each slot since the last Top: what it counts for
// there. Where Top has not added up lists, it is exact. Every slot must be below Len.
func (x *Index) Estimates(q *Query, slots []uint32, dst []float64) {
	if !q.top.summed {
		x.Scores(q, slots, dst)
		return
	}
	for i, slot := range slots {
		dst[i] = float64(q.top.estimate(slot))
	}
}

// estimate is the BM25 of a slot by its sum; 0 for one that was appended after Top began.
func (s *topScratch) estimate(slot uint32) float32 {
	if int(slot) >= s.sums.n {
		return 0
	}
	return float32(s.sums.by[slot]) * s.unit
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
	worth := max(200, min(postings, int(float64(q.budget)*q.share))/100-1)
	if slots := accept.Slots(); slots != nil && slots.Len() <= worth {
		return slots
	}
	return nil
}

func (s *topScratch) prepare(q *Query, n uint32) {
	s.sums.prepare(int(n))
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
	s.unit = float32(1 / scale)
	slices.SortFunc(s.lists, func(i, j int32) int {
		return q.postings(i) - q.postings(j)
	})
	s.order = s.lists
	read, added := 0, 0 // postings, in the whole corpus and here
	for {
		// Lists are taken until the budget is spent, but not before they have as many postings as papers are needed.
		for len(s.order) > 0 {
			i := s.order[0]
			if added >= need && read+q.postings(i) > q.budget {
				break
			}
			read += q.postings(i)
			added += s.sums.take(q.terms[i], &s.impact, float32(q.weights[i]*scale))
			s.order = s.order[1:]
		}
		if err := s.sums.add(ctx, &x.lists); err != nil {
			return err
		}
		s.found = s.found[:0]
		s.collect(k, accept)
		if len(s.found) >= k || len(s.order) == 0 {
			return nil
		}
		need = 1 + max(added, 2*need)
	}
}

// collect finds the accepted papers of the highest sums, k or all, and some more.
func (s *topScratch) collect(k int, accept index.Accept) {
	upper := math.MaxUint16 + 1
	for want := k; ; want *= 4 {
		lower := s.sums.best(want, upper)
		for _, slot := range s.sums.slots {
			if accept == nil || accept.Accepts(slot) {
				s.found = append(s.found, index.Candidate{Slot: slot, Score: s.estimate(slot)})
			}
		}
		if len(s.found) >= k || lower == 0 {
			return
		}
		upper = lower
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
