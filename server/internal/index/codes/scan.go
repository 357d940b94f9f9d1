package codes

import (
	"fmt"
	"math"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index"
)

// run is the number of rows scored at a time: few enough that the rows, which every query of a batch reads, and the
// scores stay in the near caches.
const run = 256

// Job is one query of a scan.
type Job struct {
	Query  *Query
	Accept index.Accept // nil: every slot
	Top    *Top         // where the best are kept
}

// Scanner is scratch for scans, for one goroutine at a time.
type Scanner struct {
	scores [run]float32
	fine   [run]float32
	picked [run]uint32
	list   [run]uint32
}

// rows offers to the top of each job the rows from to to-1 whose slot it accepts and whose vector is not zero. Every
// row is scored by its coarse plane; those whose error bound reaches the k-th best are scored by both, so that the
// outcome is that of scoring all by both.
func (s *Scanner) rows(v *View, jobs []Job, from, to int) {
	for at := from; at < to; {
		b, row := at/vector.BlockRows, at%vector.BlockRows
		n := min(run, to-at, vector.BlockRows-row)
		scale := math.Float32frombits(v.maxScale[b].Load())
		for j := range jobs {
			job := &jobs[j]
			scores := s.scores[:n]
			vector.CoarseRun(scores, &job.Query.Int8Query, v.Coarse[b], row)
			cut := job.Top.Worst() - job.Query.margin(scale)
			m := 0
			for i, score := range scores {
				if score >= cut {
					s.picked[m] = uint32(at + i)
					m++
				}
			}
			if m > 0 {
				s.offer(v, job, m)
			}
		}
		at += n
	}
}

// listed is rows over listed slots. margin is the query's over the view. It returns how many slots these are.
func (s *Scanner) listed(v *View, job *Job, margin float32, slots index.Listing, from, to int) (scored int) {
	for at := uint32(from); at < uint32(to); {
		var n int
		n, at = slots.List(at, uint32(to), s.list[:])
		vector.Coarse(s.scores[:n], &job.Query.Int8Query, v.Coarse, s.list[:n])
		cut := job.Top.Worst() - margin
		m := 0
		for i, score := range s.scores[:n] {
			if score >= cut {
				s.picked[m] = s.list[i]
				m++
			}
		}
		if m > 0 {
			s.offer(v, job, m)
		}
		scored += n
	}
	return scored
}

// offer scores the first m picked slots by both planes and offers those accepted.
func (s *Scanner) offer(v *View, job *Job, m int) {
	kept := 0
	for _, slot := range s.picked[:m] {
		if (job.Accept == nil || job.Accept.Accepts(slot)) && v.Scale(slot) != 0 {
			s.picked[kept] = slot
			kept++
		}
	}
	vector.Fine(s.fine[:kept], &job.Query.Int8Query, v.Coarse, v.Fine, s.picked[:kept])
	for i, slot := range s.picked[:kept] {
		if score := s.fine[i]; score >= job.Top.Worst() {
			job.Top.Offer(index.Candidate{Slot: slot, Score: min(score, 1)})
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

// Scores writes the cosines of v and the published slots to dst, as View.Scores does; they are 0 when v is zero. q is
// the caller's scratch.
func (c *Codes) Scores(q *Query, v []float32, slots []uint32, dst []float32) error {
	ok, err := q.Set(c, v)
	if err != nil {
		return err
	}
	if !ok {
		clear(dst[:len(slots)])
		return nil
	}
	view := c.View()
	return view.Scores(q, slots, dst)
}
