package engine

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/akin-search/akin/server/internal/index"
)

// EvaluateRecall compares the live index with an exact scan of it, on stored papers drawn as queries. A hit counts as
// found when its cosine reaches the k-th true one, so that ties do not count as misses.
func (e *Engine) EvaluateRecall(ctx context.Context, q RecallQuery) (RecallReport, error) {
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	v := e.look()
	if err := v.restrict(q.Filter); err != nil {
		return RecallReport{}, err
	}
	slots, err := drawSlots(ctx, v, q.Queries, q.Seed)
	if err != nil {
		return RecallReport{}, err
	}
	report := RecallReport{Queries: len(slots)}
	if len(slots) == 0 {
		return report, nil
	}
	report.MinRecall = 1
	vector := make([]float32, v.gen.model.Dims())
	var walked, exact []index.Candidate
	for _, slot := range slots {
		if err := v.gen.vectors.Vector(slot, vector); err != nil {
			return RecallReport{}, err
		}
		v.exclude = []uint32{slot}
		ask := index.Query{Vector: vector, K: q.K, Ef: q.Ef, Walk: true, Accept: v}
		begin := time.Now()
		var err error
		if walked, _, err = v.gen.vectors.Search(ctx, &ask, walked[:0]); err != nil {
			return RecallReport{}, err
		}
		middle := time.Now()
		ask.Walk, ask.Exact = false, true
		if exact, _, err = v.gen.vectors.Search(ctx, &ask, exact[:0]); err != nil {
			return RecallReport{}, err
		}
		report.MeanLatency += middle.Sub(begin)
		report.ExactLatency += time.Since(middle)
		share := shareFound(walked, exact)
		report.Recall += share
		report.MinRecall = min(report.MinRecall, share)
	}
	n := time.Duration(len(slots))
	report.Recall /= float64(n)
	report.MeanLatency /= n
	report.ExactLatency /= n
	return report, nil
}

// drawSlots draws up to n different slots that the view accepts and that have a vector.
func drawSlots(ctx context.Context, v *view, n int, seed uint64) ([]uint32, error) {
	rng := rand.New(rand.NewPCG(seed, 0))
	vector := make([]float32, v.gen.model.Dims())
	var drawn []uint32
	for _, i := range rng.Perm(v.gen.slots.len()) {
		if len(drawn) == n {
			break
		}
		slot := uint32(i)
		if !v.Accepts(slot) {
			continue
		}
		if err := v.gen.vectors.Vector(slot, vector); err != nil {
			return nil, err
		}
		if length(vector) > 0 { // nothing is near to a paper without known words, which any index finds
			drawn = append(drawn, slot)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	slices.Sort(drawn)
	return drawn, nil
}

// shareFound is the share of the true candidates that were found.
func shareFound(found, truth []index.Candidate) float64 {
	if len(truth) == 0 {
		return 1
	}
	least := truth[len(truth)-1].Score
	hits := 0
	for _, c := range found {
		if c.Score >= least {
			hits++
		}
	}
	return min(1, float64(hits)/float64(len(truth)))
}
