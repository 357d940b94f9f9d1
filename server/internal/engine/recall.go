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
	timed := 0
	var walked []index.Candidate
	for run := range slices.Chunk(slots, recallRun) {
		asks, err := v.likeness(run, q)
		if err != nil {
			return RecallReport{}, err
		}
		scans := min(len(asks), timedScans-timed)
		truths, took, err := v.truths(ctx, asks, scans)
		if err != nil {
			return RecallReport{}, err
		}
		timed += scans
		report.ExactLatency += took
		for i, ask := range asks {
			ask.Exact, ask.Walk = false, true
			begin := time.Now()
			if walked, _, err = v.gen.vectors.Search(ctx, ask, walked[:0]); err != nil {
				return RecallReport{}, err
			}
			report.MeanLatency += time.Since(begin)
			share := shareFound(walked, truths[i])
			report.Recall += share
			report.MinRecall = min(report.MinRecall, share)
		}
	}
	report.ExactLatency /= time.Duration(timed)
	report.Recall /= float64(len(slots))
	report.MeanLatency /= time.Duration(len(slots))
	return report, nil
}

// likeness asks for the exact neighbours of each slot, itself left out.
func (v *view) likeness(slots []uint32, q RecallQuery) ([]*index.Query, error) {
	asks := make([]*index.Query, len(slots))
	for i, slot := range slots {
		vector := make([]float32, v.gen.model.Dims())
		if err := v.gen.vectors.Vector(slot, vector); err != nil {
			return nil, err
		}
		others := *v
		others.exclude = []uint32{slot}
		asks[i] = &index.Query{Vector: vector, K: q.K, Ef: q.Ef, Exact: true, Accept: &others}
	}
	return asks, nil
}

const (
	timedScans = 10  // exact scans that are made one by one, to time them
	recallRun  = 256 // queries whose true answers are held at a time
)

// truths answers exact queries: the first few one by one, which took so long; the others share their scans, which
// takes a third of the time.
func (v *view) truths(
	ctx context.Context, asks []*index.Query, single int,
) (truths [][]index.Candidate, took time.Duration, err error) {
	truths = make([][]index.Candidate, len(asks))
	begin := time.Now()
	for i, ask := range asks[:single] {
		if truths[i], _, err = v.gen.vectors.Search(ctx, ask, nil); err != nil {
			return nil, 0, err
		}
	}
	took = time.Since(begin)
	reports := make([]index.Report, len(asks)-single)
	return truths, took, v.gen.vectors.SearchBatch(ctx, asks[single:], truths[single:], reports)
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
