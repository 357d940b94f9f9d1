package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"github.com/akin-search/akin/server/internal/rank"
	"github.com/akin-search/akin/server/internal/taste"
)

// The users whose recommendations are compared with a rating of every paper: each likes papers around some others that
// were drawn, so that a collection without queries will do.
const (
	missedUsers     = 60
	missedInterests = 5
	missedLikes     = 10 // of each interest
	missedAround    = 30 // that they are drawn from: the nearest to a paper
)

// missedReport says what is lost by rating candidates instead of every paper.
type missedReport struct {
	Dataset string `json:"dataset"`
	Papers  int    `json:"papers"`
	Users   int    `json:"users"`
	Missed  figure `json:"missed@10"`           // share of the ten best of all papers that are no candidates
	NearOne figure `json:"missed@10_near_mean"` // the same with candidates near the likes' mean alone
}

// measureMissed rates every paper for each user, and looks for the ten best among the candidates.
func measureMissed(ctx context.Context, ds *dataset, o options) (*missedReport, error) {
	c, err := build(ctx, ds, o)
	if err != nil {
		return nil, err
	}
	if least := 3 * missedInterests * missedAround / 2; len(ds.Documents) < least {
		return nil, fmt.Errorf("%s holds %d papers: users of %d neighbourhoods need %d", ds.Name, len(ds.Documents),
			missedInterests, least)
	}
	rng := rand.New(rand.NewPCG(o.Seed, 0x3155))
	r := &missedReport{Dataset: ds.Name, Papers: len(ds.Documents), Users: missedUsers}
	recipe := taste.Default()
	recipe.Neighbours = 0 // which order the best candidates among themselves
	mean := recipe
	mean.NearEach = 0
	for range missedUsers {
		u := c.drawAround(rng)
		best, err := c.bestOfAll(ctx, recipe, u)
		if err != nil {
			return nil, err
		}
		for _, part := range []struct {
			recipe taste.Recipe
			figure *figure
		}{{recipe, &r.Missed}, {mean, &r.NearOne}} {
			candidates, err := c.recommend(ctx, part.recipe, u, len(ds.Documents))
			if err != nil {
				return nil, err
			}
			part.figure.add(shareOf(best, func(slot uint32) bool { return !slices.Contains(candidates, slot) }))
		}
	}
	r.Missed.finish()
	r.NearOne.finish()
	return r, nil
}

// drawAround draws a user who likes papers of several neighbourhoods.
func (c *collection) drawAround(rng *rand.Rand) *tasteUser {
	u := &tasteUser{}
	for interest := 0; interest < missedInterests; {
		near := c.nearestTo(uint32(rng.IntN(len(c.Documents))), missedAround)
		rng.Shuffle(len(near), func(i, j int) { near[i], near[j] = near[j], near[i] })
		if near = near[:min(missedLikes, len(near))]; slices.ContainsFunc(near, func(slot uint32) bool {
			return slices.Contains(u.likes, slot)
		}) {
			continue // two interests that overlap are one
		}
		u.likes = append(u.likes, near...)
		interest++
	}
	return u
}

// nearestTo are the n papers nearest to one by cosine, itself among them.
func (c *collection) nearestTo(slot uint32, n int) []uint32 {
	cosines := c.cosines(c.row(int(slot)), 1)
	return bestBy(len(cosines), n, func(i int) float64 { return float64(cosines[i]) })
}

// bestOfAll rates every paper but the likes, and returns the ten best.
func (c *collection) bestOfAll(ctx context.Context, recipe taste.Recipe, u *tasteUser) ([]uint32, error) {
	slots := make([]uint32, len(c.Documents))
	for i := range slots {
		slots[i] = uint32(i)
	}
	ratings := make([]taste.Rating, len(slots))
	if err := c.tasteOf(recipe, u).Rate(ctx, &taste.Rater{}, slots, c.vectors, ratings); err != nil {
		return nil, err
	}
	accept := u.accept()
	return bestBy(len(slots), 10, func(i int) float64 {
		if !accept.Accepts(uint32(i)) {
			return -2
		}
		return ratings[i].Score
	}), nil
}

// bestBy returns the n highest of total by a value, best first.
func bestBy(total, n int, value func(int) float64) []uint32 {
	var best rank.Ranker
	for i := range total {
		best.Ranked = append(best.Ranked, rank.Scored{Slot: uint32(i), Score: value(i)})
	}
	slices.SortFunc(best.Ranked, func(a, b rank.Scored) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Slot, b.Slot))
	})
	return slotsOf(&best, n)
}

func (r *missedReport) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, `%s: %d papers, %d users who like %d papers of each of %d neighbourhoods
share of the ten best of all papers that are no candidates: %s
with candidates near the mean of the likes alone:           %s
`, r.Dataset, r.Papers, r.Users, missedLikes, missedInterests, r.Missed, r.NearOne)
	return err
}
