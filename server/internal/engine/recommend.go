package engine

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/rank"
)

// Recommend returns one page of papers near to the likes and away from the dislikes: those nearest to the mean of the
// subjects' vectors, each counted by its weight, dislikes with a minus sign. BM25 takes the words of the likes. The
// subjects themselves and the excluded papers are never among the hits.
func (e *Engine) Recommend(ctx context.Context, rec *Recommendation) (*Result, error) {
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	r := e.rankers.Get().(*ranker)
	defer e.rankers.Put(r)

	v, subjects, err := e.lookForSubjects(ctx, rec)
	if err != nil {
		return nil, err
	}
	ask, err := r.taste(v, rec, subjects)
	if err != nil {
		return nil, err
	}
	return e.answer(ctx, r, v, ask, &rec.Options, rec.PageSize, rec.PageToken, recommendationHash(rec))
}

// lookForSubjects begins a view in which every paper that is liked, disliked or excluded is visible and not among the
// hits. It returns the slots of the liked papers and then of the disliked ones.
func (e *Engine) lookForSubjects(ctx context.Context, rec *Recommendation) (*view, []uint32, error) {
	var ids []string
	for _, side := range [][]Preference{rec.Likes, rec.Dislikes} {
		for _, p := range side {
			if p.PaperID != "" {
				ids = append(ids, p.PaperID)
			}
		}
	}
	subjects := len(ids)
	v, slots, err := e.lookFor(ctx, append(ids, rec.Exclude...)...)
	if err != nil {
		return nil, nil, err
	}
	if i := slices.Index(slots[:subjects], unstored); i >= 0 {
		return nil, nil, fmt.Errorf("%w: %q", ErrNotFound, ids[i])
	}
	excluded := make([]uint32, 0, len(slots))
	for _, slot := range slots {
		if slot != unstored {
			excluded = append(excluded, slot)
		}
	}
	v.without(excluded...)
	return v, slots[:subjects], nil
}

// taste sums the subjects up into one question. slots are those of lookForSubjects.
func (r *ranker) taste(v *view, rec *Recommendation, slots []uint32) (question, error) {
	sum := make([]float32, v.gen.model.Dims())
	counts := make(map[uint32]uint32)
	add := func(side string, preferences []Preference, sign float64) error {
		for i, p := range preferences {
			var ask question
			var err error
			if p.PaperID != "" {
				ask, err = r.paperQuestion(v.gen, slots[0])
				slots = slots[1:]
			} else {
				ask, err = r.textQuestion(v.gen, p.Text)
			}
			if err != nil {
				return fmt.Errorf("%s[%d]: %w", side, i, err)
			}
			vector.Axpy(sum, float32(sign*p.Weight), ask.Vector)
			if sign < 0 {
				continue
			}
			for i, id := range ask.Terms.IDs {
				counts[id] += uint32(ask.Terms.Counts[i])
			}
		}
		return nil
	}
	if err := add("likes", rec.Likes, 1); err != nil {
		return question{}, err
	}
	if err := add("dislikes", rec.Dislikes, -1); err != nil {
		return question{}, err
	}
	norm := length(sum)
	if norm == 0 {
		return question{}, fmt.Errorf("%w: likes and dislikes cancel out, or hold no known word", ErrNoWords)
	}
	if math.IsNaN(float64(norm)) || math.IsInf(float64(norm), 0) {
		return question{}, fmt.Errorf("%w: the weights of likes and dislikes add up to no number", ErrInvalidVector)
	}
	vector.Scale(sum, 1/norm)
	weights := rank.DefaultWeights(rank.PaperQuery, v.gen.model.Trained())
	return question{Query: rank.Query{Vector: sum, Terms: termsOf(counts), Weights: weights}}, nil
}

// termsOf makes sorted terms of counts.
func termsOf(counts map[uint32]uint32) *embed.Terms {
	t := &embed.Terms{}
	for _, id := range sortedKeys(counts) {
		t.IDs = append(t.IDs, id)
		t.Counts = append(t.Counts, uint16(min(counts[id], 1<<16-1)))
		t.Tokens += int(counts[id])
	}
	return t
}
