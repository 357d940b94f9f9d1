package indextest

import (
	"context"
	"slices"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

// Set is an Accept over a fixed set of slots.
type Set struct {
	member []bool // by slot
	listed []uint32
	list   bool // whether Slots answers
}

// NewSet accepts the given slots, in any order; list says whether Slots lists them.
func NewSet(slots []uint32, list bool) *Set {
	s := &Set{listed: slices.Clone(slots), list: list}
	slices.Sort(s.listed)
	s.listed = slices.Compact(s.listed)
	if n := len(s.listed); n > 0 {
		s.member = make([]bool, s.listed[n-1]+1)
	}
	for _, slot := range s.listed {
		s.member[slot] = true
	}
	return s
}

// Accepts implements index.Accept.
func (s *Set) Accepts(slot uint32) bool { return int(slot) < len(s.member) && s.member[slot] }

// Slots implements index.Accept.
func (s *Set) Slots() index.Listing {
	if !s.list {
		return nil
	}
	return index.Slots(s.listed)
}

// Share implements index.Accept.
func (s *Set) Share() float64 {
	if len(s.member) == 0 {
		return 0
	}
	return float64(len(s.listed)) / float64(len(s.member))
}

// truth returns the cosines of the accepted, non-zero vectors with q, highest first.
func truth(vectors [][]float32, q *index.Query) []index.Candidate {
	var all []index.Candidate
	if isZero(q.Vector) {
		return nil
	}
	for slot, v := range vectors {
		if isZero(v) || q.Accept != nil && !q.Accept.Accepts(uint32(slot)) {
			continue
		}
		all = append(all, index.Candidate{Slot: uint32(slot), Score: float32(cosine(v, q.Vector))})
	}
	slices.SortFunc(all, byRank)
	return all
}

func byRank(a, b index.Candidate) int {
	switch {
	case a.Score > b.Score:
		return -1
	case a.Score < b.Score:
		return 1
	}
	return int(a.Slot) - int(b.Slot)
}

// search runs the query, verifies what holds for every answer, and returns its hits with their recall.
func (s *suite) search(
	t *testing.T, x index.Searcher, vectors [][]float32, q *index.Query,
) ([]index.Candidate, float64) {
	t.Helper()
	hits, report, err := x.Search(context.Background(), q, nil)
	if err != nil {
		t.Fatalf("Search(K %d, exact %v, walk %v): %v", q.K, q.Exact, q.Walk, err)
	}
	return hits, s.verify(t, vectors, q, hits, report)
}

// verify fails the test unless the hits are what the package comment says, and returns their recall: the share of the
// best K whose cosine the hits reach, ties counting alike.
func (s *suite) verify(
	t *testing.T, vectors [][]float32, q *index.Query, hits []index.Candidate, report index.Report,
) float64 {
	t.Helper()
	best := truth(vectors, q)
	want := min(max(q.K, 0), len(best))
	if len(hits) > want {
		t.Fatalf("%d hits, want at most %d", len(hits), want)
	}
	if len(hits) < want && (report.Exact || q.Exact || !s.MayMiss) {
		t.Fatalf("%d hits of %d accepted vectors, want %d (exact %v, walk %v, report %+v)",
			len(hits), len(best), want, q.Exact, q.Walk, report)
	}
	if q.Exact && !report.Exact && want > 0 {
		t.Fatalf("an exact search reports %+v", report)
	}
	s.verifyHits(t, vectors, q, hits)
	if want == 0 {
		return 1
	}
	last := float64(best[want-1].Score)
	found := make(map[uint32]bool, len(hits))
	good := 0
	for _, h := range hits {
		found[h.Slot] = true
		if cosine(vectors[h.Slot], q.Vector) >= last-1e-6 {
			good++
		}
	}
	if report.Exact {
		lowest := float64(hits[len(hits)-1].Score)
		for _, c := range best {
			if float64(c.Score) <= lowest+2*s.Epsilon {
				break
			}
			if !found[c.Slot] {
				t.Fatalf("an exact search leaves out slot %d with cosine %g, its last hit has %g", c.Slot, c.Score, lowest)
			}
		}
	}
	return float64(good) / float64(want)
}

func (s *suite) verifyHits(t *testing.T, vectors [][]float32, q *index.Query, hits []index.Candidate) {
	t.Helper()
	seen := make(map[uint32]bool, len(hits))
	for i, h := range hits {
		switch {
		case int(h.Slot) >= len(vectors):
			t.Fatalf("hit %d is slot %d of %d", i, h.Slot, len(vectors))
		case seen[h.Slot]:
			t.Fatalf("slot %d is a hit twice", h.Slot)
		case isZero(vectors[h.Slot]):
			t.Fatalf("the zero vector in slot %d is a hit", h.Slot)
		case q.Accept != nil && !q.Accept.Accepts(h.Slot):
			t.Fatalf("slot %d is a hit and not accepted", h.Slot)
		case i > 0 && byRank(hits[i-1], h) >= 0:
			t.Fatalf("hit %d %+v stands before %+v", i-1, hits[i-1], h)
		}
		if want := cosine(vectors[h.Slot], q.Vector); !within(float64(h.Score), want, s.Epsilon) {
			t.Fatalf("slot %d scores %g, its cosine is %g", h.Slot, h.Score, want)
		}
		seen[h.Slot] = true
	}
}

func within(got, want, epsilon float64) bool { return got >= want-epsilon && got <= want+epsilon }

// meanRecall verifies and averages the answers to many queries like q.
func (s *suite) meanRecall(t *testing.T, x index.Searcher, vectors, queries [][]float32, q index.Query) float64 {
	t.Helper()
	sum := 0.
	for _, v := range queries {
		q.Vector = v
		_, recall := s.search(t, x, vectors, &q)
		sum += recall
	}
	return sum / float64(len(queries))
}

// wantRecall fails the test when walks, or searches left to the engine, fall below the least recall.
func (s *suite) wantRecall(
	t *testing.T, x index.Searcher, vectors, queries [][]float32, accept index.Accept, least float64,
) {
	t.Helper()
	for _, q := range []index.Query{{K: 10, Accept: accept, Walk: true}, {K: 10, Accept: accept}} {
		if got := s.meanRecall(t, x, vectors, queries, q); got < least {
			t.Errorf("mean recall@10 is %.3f over %d queries (walk %v), want at least %.3f", got, len(queries), q.Walk, least)
		}
	}
}

func appendAll(t *testing.T, x index.Searcher, vectors [][]float32) {
	t.Helper()
	for i, v := range vectors {
		before := x.Len()
		slot, err := x.Append(v)
		if err != nil {
			t.Fatalf("Append of vector %d: %v", i, err)
		}
		if int(slot) != before || x.Len() != before+1 {
			t.Fatalf("Append to an index of %d gives slot %d and leaves %d", before, slot, x.Len())
		}
	}
}

func catchup(t *testing.T, x index.Searcher) {
	t.Helper()
	if err := x.Catchup(context.Background(), index.Workers(2)); err != nil {
		t.Fatalf("Catchup: %v", err)
	}
	if info := x.Info(); info.Graph != info.Vectors || info.Vectors != x.Len() {
		t.Fatalf("after Catchup: %+v with %d vectors", info, x.Len())
	}
}
