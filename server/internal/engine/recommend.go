package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/paper"
)

// Recommend returns one page of papers near to the likes and away from the dislikes: those nearest to the mean of the
// subjects' vectors, each counted by its weight, dislikes with a minus sign. BM25 takes the words of the likes. The
// subjects themselves and the excluded papers are never among the hits.
func (e *Engine) Recommend(ctx context.Context, rec *paper.Recommendation) (*paper.Result, error) {
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	r := e.rankers.Get().(*ranker)
	defer e.rankers.Put(r)

	v, err := e.lookForSubjects(ctx, rec)
	if err != nil {
		return nil, err
	}
	ask, err := r.taste(e, v, rec)
	if err != nil {
		return nil, err
	}
	for _, id := range rec.Exclude {
		slot, err := e.slotOf(v, id)
		switch {
		case err == nil:
			v.exclude = append(v.exclude, slot)
		case errors.Is(err, ErrNotFound), errors.Is(err, errBehind): // not among the hits anyway
		default:
			return nil, err
		}
	}
	v.without() // sorts what was added
	return e.answer(ctx, r, v, ask, &rec.Options, rec.PageSize, rec.PageToken, recommendationHash(rec))
}

// lookForSubjects begins a view in which every paper that is liked or disliked is visible.
func (e *Engine) lookForSubjects(ctx context.Context, rec *paper.Recommendation) (*view, error) {
	var ids []string
	for _, side := range [][]paper.Preference{rec.Likes, rec.Dislikes} {
		for _, p := range side {
			if p.PaperID != "" {
				ids = append(ids, p.PaperID)
			}
		}
	}
	v, slots, err := e.lookFor(ctx, false, ids...)
	if err != nil {
		return nil, err
	}
	v.without(slots...)
	return v, nil
}

// taste sums the subjects up into one question.
func (r *ranker) taste(e *Engine, v *view, rec *paper.Recommendation) (question, error) {
	sum := make([]float32, v.gen.model.Dims())
	counts := make(map[uint32]uint32)
	add := func(p paper.Preference, sign float64, name string) error {
		ask, err := r.subject(e, v, p)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		vector.Axpy(sum, float32(sign*p.Weight), ask.vector)
		if sign > 0 {
			for i, id := range ask.terms.IDs {
				counts[id] += uint32(ask.terms.Counts[i])
			}
		}
		return nil
	}
	for i, p := range rec.Likes {
		if err := add(p, 1, fmt.Sprintf("likes[%d]", i)); err != nil {
			return question{}, err
		}
	}
	for i, p := range rec.Dislikes {
		if err := add(p, -1, fmt.Sprintf("dislikes[%d]", i)); err != nil {
			return question{}, err
		}
	}
	norm := length(sum)
	if norm == 0 {
		return question{}, fmt.Errorf("%w: likes and dislikes cancel out, or hold no known word", ErrNoWords)
	}
	vector.Scale(sum, 1/norm)
	return question{vector: sum, terms: termsOf(counts), weights: lexical.DefaultWeights(lexical.PaperQuery, v.gen.model.Trained())}, nil
}

// subject is the question that one liked or disliked thing asks. Its slices are good until the next one.
func (r *ranker) subject(e *Engine, v *view, p paper.Preference) (question, error) {
	if p.PaperID == "" {
		return r.textQuestion(v.gen, p.Text)
	}
	slot, err := e.slotOf(v, p.PaperID)
	if err != nil {
		return question{}, err
	}
	return r.paperQuestion(v.gen, slot)
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
