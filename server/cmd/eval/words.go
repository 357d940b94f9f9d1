package main

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/lexical"
)

// byWords finds the documents of the highest BM25 among all. The index is asked first: it knows scores only nearly, but
// the least of those it finds tells which documents can still be better, and those are scored one by one (MaxScore;
// Turtle and Flood, 1995).
func (c *collection) byWords(ctx context.Context, a *analyzed) ([]index.Candidate, error) {
	var q lexical.Query
	c.words.Prepare(&q, a.Terms)
	found, err := c.words.Top(ctx, &q, depth, a.accept, nil)
	if err != nil {
		return nil, err
	}
	floor := 0.
	if len(found) == depth {
		floor = math.Inf(1)
		for _, document := range found {
			var score [1]float64
			c.words.Scores(&q, []uint32{document.Slot}, score[:])
			floor = min(floor, score[0])
		}
	}
	slots := c.contenders(&q, a.Terms.IDs, floor)
	scores := make([]float64, len(slots))
	c.words.Scores(&q, slots, scores)
	narrow := make([]float32, len(scores))
	for i, s := range scores {
		narrow[i] = float32(s)
	}
	list := best(narrow, depth, func(i uint32) bool { return scores[i] > 0 && a.accept.Accepts(slots[i]) })
	for i := range list {
		list[i].Slot = slots[list[i].Slot]
	}
	return list, nil
}

// contenders are the documents that can have a BM25 of floor or more, by rising slot: those with any word but the
// lightest, which even together stay below it.
func (c *collection) contenders(q *lexical.Query, words []uint32, floor float64) []uint32 {
	const rounding = 1e-5 // of scores, which are float32, as a share
	most := func(word uint32) float64 { return q.Weight(word) * (lexical.DefaultK1 + 1) * (1 + rounding) }
	byWeight := slices.SortedFunc(slices.Values(words), func(a, b uint32) int { return cmp.Compare(most(a), most(b)) })
	sum := 0.
	for len(byWeight) > 0 && sum+most(byWeight[0]) < floor {
		sum += most(byWeight[0])
		byWeight = byWeight[1:]
	}
	var slots []uint32
	for _, word := range byWeight {
		slots = append(slots, c.holders[word]...)
	}
	slices.Sort(slots)
	return slices.Compact(slots)
}
