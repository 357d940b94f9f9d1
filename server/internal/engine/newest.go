package engine

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/rank"
)

const (
	centreSample   = 1000                 // papers whose mean is the centre, at most
	newestHalfLife = 365 * 24 * time.Hour // in which being new halves
	lookEvery      = 1 << 12              // slots between two looks at the context
)

// newestAndCentral fills r.Ranked for someone of whom nothing is known: with the newest accepted papers and those
// nearest to the centre, the mean of all. The score is half the cosine with the centre, and half 1 for the newest of
// the papers, .5 for one that is a year older, and so on; a paper of unknown age has none of that half.
func (r *ranker) newestAndCentral(ctx context.Context, v *view, f rank.Find) (index.Report, error) {
	r.Ranked = r.Ranked[:0]
	newest, sample, _, err := v.newest(ctx, f.Depth)
	if err != nil || len(sample) == 0 {
		return index.Report{Exact: err == nil}, err
	}
	centre, err := v.sum(sample)
	if err != nil {
		return index.Report{}, err
	}
	unit(centre)
	slots, cosines, report, err := v.nearCentre(ctx, centre, newest, f)
	if err != nil {
		return report, err
	}
	latest := int64(unknownTime)
	for _, slot := range slots {
		latest = max(latest, v.row(slot).publish)
	}
	for i, slot := range slots {
		score := NewestScore(float64(cosines[i]), v.row(slot).publish, latest)
		r.Ranked = append(r.Ranked, rank.Scored{Slot: slot, Score: score, Cosine: float64(cosines[i])})
	}
	return report, nil
}

// NewestScore is the score of a paper for someone of whom nothing is known: published at a time, or at NoTime, where
// the newest was at another.
func NewestScore(cosine float64, published, latest int64) float64 {
	fresh := 0.
	if published != NoTime {
		fresh = math.Exp2(-float64(latest-published) / newestHalfLife.Seconds())
	}
	return .5*max(0, cosine) + .5*fresh
}

// nearCentre returns the accepted slots nearest to the centre, and the newest, in rising order with their cosines.
func (v *view) nearCentre(ctx context.Context, centre []float32, newest []uint32, f rank.Find) (
	slots []uint32, cosines []float32, report index.Report, err error) {
	found, report, err := v.gen.vectors.Search(ctx, &index.Query{
		Vector: centre, K: f.Depth, Ef: f.Ef, Exact: f.Exact, Walk: f.Walk, Accept: f.Accept,
	}, nil)
	if err != nil {
		return nil, nil, report, err
	}
	slots = newest
	for _, c := range found {
		slots = append(slots, c.Slot)
	}
	slices.Sort(slots)
	slots = slices.Compact(slots)
	cosines = make([]float32, len(slots))
	return slots, cosines, report, v.gen.vectors.Scores(centre, slots, cosines)
}

// newest returns the n newest accepted slots of known age, and a sample of all accepted ones, evenly spread, with how
// many these are.
func (v *view) newest(ctx context.Context, n int) (newest, sample []uint32, accepted int, err error) {
	byAge := func(a, b uint32) int {
		left, _ := v.Published(a)
		right, _ := v.Published(b)
		return cmp.Or(cmp.Compare(right, left), cmp.Compare(b, a))
	}
	step := uint32(1) // of the accepted ones every step-th is in the sample
	seen := uint32(0)
	for slot := range v.slots {
		if slot%lookEvery == 0 && ctx.Err() != nil {
			return nil, nil, 0, ctx.Err()
		}
		if !v.Accepts(slot) {
			continue
		}
		if seen%step == 0 {
			if sample = append(sample, slot); len(sample) == 2*centreSample {
				step *= 2
				for i := range centreSample {
					sample[i] = sample[2*i]
				}
				sample = sample[:centreSample]
			}
		}
		seen++
		if _, known := v.Published(slot); known {
			if newest = append(newest, slot); len(newest) >= 4*n {
				slices.SortFunc(newest, byAge)
				newest = newest[:n]
			}
		}
	}
	slices.SortFunc(newest, byAge)
	return newest[:min(n, len(newest))], sample, int(seen), nil
}

// sum is that of the vectors of slots.
func (v *view) sum(slots []uint32) ([]float32, error) {
	d := v.gen.model.Dims()
	sum, row := make([]float32, d), make([]float32, d)
	for _, slot := range slots {
		if err := v.gen.vectors.Vector(slot, row); err != nil {
			return nil, err
		}
		vector.Axpy(sum, 1, row)
	}
	return sum, nil
}

// unit scales a vector to length 1; zero stays zero.
func unit(v []float32) {
	if norm := length(v); norm > 0 {
		vector.Scale(v, 1/norm)
	}
}
