package codes

import (
	"context"
	"fmt"
	"math"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index"
)

const (
	// run is the number of rows scored at a time: few enough that scores and rows to score again stay in the nearest cache.
	run = 256
	// runsPerCheck is the number of runs between two looks at the context: every 4,096 rows, about 50 microseconds.
	runsPerCheck = 16
)

// Scanner is scratch for scans, for one goroutine at a time.
type Scanner struct {
	scores [run]float32
	fine   [run]float32
	picked [run]uint32
}

// Scan offers to top the rows from to to-1 whose slot is accepted (accept may be nil) and whose vector is not zero. Every row
// is scored by its coarse plane; those whose error bound reaches the k-th best are scored by both, so that the outcome is that
// of scoring all by both. It returns the number of rows scored, and the context's error when that ended first.
func (s *Scanner) Scan(ctx context.Context, v *View, q *Query, from, to int, accept index.Accept, top *Top) (int, error) {
	scored := 0
	for at, runs := from, 0; at < to; runs++ {
		if runs%runsPerCheck == runsPerCheck-1 {
			if err := ctx.Err(); err != nil {
				return scored, err
			}
		}
		b, row := at/vector.BlockRows, at%vector.BlockRows
		n := min(run, to-at, vector.BlockRows-row)
		scores := s.scores[:n]
		vector.CoarseRun(scores, &q.Int8Query, v.Coarse[b], row)
		scored += n
		cut := top.Worst() - q.margin(math.Float32frombits(v.maxScale[b].Load()))
		m := 0
		for i, score := range scores {
			if score >= cut {
				s.picked[m] = uint32(at + i)
				m++
			}
		}
		s.offer(v, q, m, accept, top)
		at += n
	}
	return scored, nil
}

// ScanList is Scan over a list of slots, all below v.N.
func (s *Scanner) ScanList(ctx context.Context, v *View, q *Query, slots []uint32, accept index.Accept, top *Top) (int, error) {
	margin := q.Margin(v)
	scored := 0
	for runs := 0; len(slots) > 0; runs++ {
		if runs%runsPerCheck == runsPerCheck-1 {
			if err := ctx.Err(); err != nil {
				return scored, err
			}
		}
		n := min(run, len(slots))
		vector.Coarse(s.scores[:n], &q.Int8Query, v.Coarse, slots[:n])
		scored += n
		cut := top.Worst() - margin
		m := 0
		for i, score := range s.scores[:n] {
			if score >= cut {
				s.picked[m] = slots[i]
				m++
			}
		}
		s.offer(v, q, m, accept, top)
		slots = slots[n:]
	}
	return scored, nil
}

// offer scores the first m picked slots by both planes and offers those accepted.
func (s *Scanner) offer(v *View, q *Query, m int, accept index.Accept, top *Top) {
	kept := 0
	for _, slot := range s.picked[:m] {
		if (accept == nil || accept.Accepts(slot)) && v.Scale(slot) != 0 {
			s.picked[kept] = slot
			kept++
		}
	}
	vector.Fine(s.fine[:kept], &q.Int8Query, v.Coarse, v.Fine, s.picked[:kept])
	for i, slot := range s.picked[:kept] {
		if score := s.fine[i]; score >= top.Worst() {
			top.Offer(index.Candidate{Slot: slot, Score: min(score, 1)})
		}
	}
}

// Scores writes the cosine of the query with each slot to dst (len(slots)). A zero vector's is 0.
func (v *View) Scores(q *Query, slots []uint32, dst []float32) error {
	if len(dst) < len(slots) {
		return fmt.Errorf("codes: room for %d scores of %d slots", len(dst), len(slots))
	}
	for _, slot := range slots {
		if int(slot) >= v.N {
			return fmt.Errorf("codes: slot %d of %d", slot, v.N)
		}
	}
	vector.Fine(dst, &q.Int8Query, v.Coarse, v.Fine, slots)
	for i := range slots {
		dst[i] = max(-1, min(dst[i], 1))
	}
	return nil
}
