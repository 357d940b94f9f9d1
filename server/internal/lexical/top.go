package lexical

import (
	"context"
	"math"
	"slices"

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

// topScratch is the scratch of Top.
type topScratch struct {
	sums   sums
	lists  []int32 // query features, most selective first
	order  []int32 // the rest of lists that is not yet added up
	impact [1 << classBits]float32
	found  []index.Candidate
	keys   []uint64
	listed [run]uint32
}

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
	err := x.search(ctx, q, k, n, accept)
	s.sums.clear()
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
	slices.SortFunc(s.lists, func(i, j int32) int {
		return q.postings(i) - q.postings(j)
	})
	s.order = s.lists
	for {
		left, err := x.sum(ctx, q, need, scale)
		if err != nil {
			return err
		}
		s.found = s.found[:0]
		x.collect(q, k, left, accept)
		if len(s.found) >= k || left == 0 {
			return nil
		}
		need = s.sums.papers() + 1
	}
}

// sum adds up the lists of s.order from the front, and takes them out, until the rest cannot matter or the budget is
// spent, but not before need papers were found. Whether the rest can matter is asked before lists that are longer than
// all before them: others cost no more than the answer. It returns the number of lists left out.
func (x *Index) sum(ctx context.Context, q *Query, need int, scale float64) (left int, err error) {
	s := &q.top
	rest := 0.
	for _, i := range s.order {
		rest += q.weights[i]
	}
	total := (1<<sumBits - 1) / scale
	read := 0 // in the whole corpus
	for len(s.order) > 0 {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		i := s.order[0]
		tm, weight := q.terms[i], q.weights[i]
		length := q.postings(i)
		if s.sums.has(need) {
			if read+length > topBudget ||
				int(tm.count.Load()) > s.sums.added &&
					s.sums.reached(uint16(max(rest, 0)*scale*typicalImpact), need, (total-rest)*scale) {
				return len(s.order), nil
			}
		}
		if len(s.order) > 1 && q.terms[s.order[1]].count.Load() > 0 {
			address, _ := q.terms[s.order[1]].start()
			x.lists.fetch(address)
		}
		s.sums.add(&x.lists, tm, &s.impact, float32(weight*scale))
		read += length
		rest -= weight
		s.order = s.order[1:]
	}
	return 0, nil
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
		lower := s.sums.best(want, upper)
		slots := s.sums.slots
		if accept != nil {
			slots = slices.DeleteFunc(slots, func(slot uint32) bool { return !accept.Accepts(slot) })
		}
		for i, slot := range slots {
			x.ahead(slots, i)
			s.found = append(s.found, index.Candidate{Slot: slot, Score: float32(x.score(q, slot))})
		}
		if len(s.found) >= k || lower == 0 {
			return
		}
		upper = lower
		want *= 4
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
