package shard

import (
	"context"
	"fmt"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/rank"
	"github.com/akin-search/akin/server/internal/taste"
)

// ErrNotSharded: the call, or a field of it, is not answered where papers are in shards.
var ErrNotSharded = fmt.Errorf("%w whose papers are spread over shards", engine.ErrNotOrdered)

// refusal is ErrNotSharded with what is refused.
type refusal string

func (r refusal) Error() string { return string(r) + ": " + ErrNotSharded.Error() }
func (r refusal) Unwrap() error { return ErrNotSharded }

// Recommend is engine.Recommend over all shards. Profiles are on every node: this one says what is liked, and
// each shard which of its papers have been seen.
func (f *Front) Recommend(ctx context.Context, rec *engine.Recommendation) (*engine.Result, error) {
	hash := rec.Hash()
	full, err := f.local.WithProfile(ctx, rec)
	if err != nil {
		return nil, err
	}
	result, err := f.partly(rec.AllowPartial, rec.PageToken, func(left absent) (*engine.Result, error) {
		return again(ctx, rec.PageToken, func() (*engine.Result, error) {
			return f.recommend(ctx, &full, hash^full.State, left)
		})
	})
	return result, full.PageError(err)
}

func (f *Front) recommend(ctx context.Context, rec *engine.FullTaste, hash uint64, left absent) (
	*engine.Result, error) {
	model := f.local.Model()
	ask, numbers, missing, err := f.taste(ctx, rec, model, left)
	if err != nil {
		return nil, err
	}
	if rec.Strict && len(missing) > 0 {
		return nil, &engine.MissingError{IDs: missing}
	}
	embedder, scale, err := f.local.Scale(model, rank.PaperQuery)
	if err != nil {
		return nil, err
	}
	p, err := f.begin(rec.PageToken, hash, rec.PageSize, model)
	if err != nil {
		return nil, err
	}
	exclude := f.excluded(rec.Recommendation)
	ask.Reach = engine.Reach{Depth: int(p.depth), Filter: rec.Filter, Mode: rec.Mode, Ef: rec.Ef}
	if len(ask.Likes) == 0 {
		u := &union{ctx: ctx, front: f, model: embedder}
		var r rank.Ranker
		r.Reset()
		s, err := f.newestAndCentral(ctx, ask, p, exclude, left, u, &r)
		if err != nil {
			return nil, err
		}
		result, _, err := f.onePage(&r, u, s, &rec.Options, scale, p, rec.PageSize, hash)
		if err != nil {
			return nil, err
		}
		result.MissingIDs, result.WithoutLikes = missing, true
		return result, nil
	}
	answers, nodes, err := askRest(ctx, f, left, func(ctx context.Context, shard int, n Node) (*engine.ShardRated, error) {
		own := *ask
		own.Revision, own.Exclude = p.revisions[shard], exclude[shard]
		return n.Rate(ctx, &own)
	})
	if err != nil {
		return nil, err
	}
	u, s := &union{ctx: ctx, front: f, model: embedder}, &summary{exact: true}
	ratings := map[name]taste.Rating{}
	for shard, answer := range answers {
		if left.has(shard) {
			s.leaveOut()
			continue
		}
		for _, c := range answer.Ratings {
			candidate := engine.ShardCandidate{Ordinal: c.Ordinal, Born: c.Born, Published: c.Published}
			u.found = append(u.found, found{ShardCandidate: candidate, shard: shard, node: nodes[shard]})
			ratings[name{shard, c.Ordinal}] = c.Rating
		}
		s.add(answer.Report, answer.Position, answer.Revision, answer.Warnings)
	}
	u.number()
	rated := make([]taste.Rated, len(u.found))
	for slot := range u.found {
		c := &u.found[slot]
		rated[slot] = taste.Rated{Slot: uint32(slot), Rating: ratings[name{c.shard, c.Ordinal}]}
	}
	var r rank.Ranker
	var finder taste.Finder
	r.Reset()
	recipe := engine.Recipe(rec.DenseWeight)
	if err := recipe.Blend(u.corpus(), rated, &finder, &r); err != nil {
		return nil, err
	}
	result, ranked, err := f.onePage(&r, u, s, &rec.Options, scale, p, rec.PageSize, hash)
	if err != nil {
		return nil, err
	}
	result.MissingIDs, result.DenseWeight = missing, recipe.Dense
	if rec.Explain {
		err = f.addReasons(ctx, u, rec, ask, numbers, result.Hits, ranked)
	}
	return result, err
}

// name tells the candidates of all shards apart.
type name struct {
	shard   int
	ordinal uint64
}

// taste resolves likes and dislikes, wherever their papers are, and takes the statistics of their words. It returns the
// numbers of the likes that are in it, and the ids of the request that are not stored, too, or of shards that are left
// out.
func (f *Front) taste(ctx context.Context, rec *engine.FullTaste, model string, left absent) (
	ask *engine.ShardTaste, numbers []int, missing []string, err error) {
	stored, err := f.storedTaste(ctx, rec, model, left)
	if err != nil {
		return nil, nil, nil, err
	}
	ask = &engine.ShardTaste{
		DenseWeight: rec.DenseWeight, Model: model, Behind: rec.Behind,
		Owner: rec.Owner, ProfileID: rec.ProfileID, ShownRest: rec.ShownRest, Now: rec.Now,
	}
	var words []uint32
	for _, side := range []struct {
		list []engine.Preference
		own  int // of the request; the others are the profile's
		to   *[]taste.Subject
	}{{rec.Likes, rec.OwnLikes, &ask.Likes}, {rec.Dislikes, rec.OwnDislikes, &ask.Dislikes}} {
		for i := range side.list {
			p := &side.list[i]
			var subject taste.Subject
			if p.PaperID != "" {
				own := stored[p.PaperID]
				if own.Vector == nil {
					if i < side.own {
						missing = append(missing, p.PaperID)
					}
					continue
				}
				subject = taste.Subject{Vector: own.Vector, Words: own.Terms, Weight: p.Weight}
			} else if subject, err = f.local.Subject(p, model); err != nil {
				return nil, nil, nil, err
			}
			if *side.to = append(*side.to, subject); side.to == &ask.Likes {
				numbers = append(numbers, i)
			}
			if subject.Words != nil {
				words = append(words, subject.Words.IDs...)
			}
		}
	}
	counts, err := f.words(ctx, left)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(ask.Likes) == 0 { // what nobody likes is another question than what cannot be told
		if err := f.allThere(rec.Likes, left); err != nil {
			return nil, nil, nil, err
		}
	}
	ask.Statistics = counts.Of(words)
	return ask, numbers, missing, nil
}

// storedTaste is what the papers say that are liked or disliked, by id, of those that are stored and may be seen.
func (f *Front) storedTaste(ctx context.Context, rec *engine.FullTaste, model string, left absent) (
	map[string]engine.Subject, error) {
	stored := map[string]engine.Subject{}
	var ids []string
	for _, side := range [][]engine.Preference{rec.Likes, rec.Dislikes} {
		if rec.Strict {
			if err := f.allThere(side, left); err != nil {
				return nil, err
			}
		}
		for i := range side {
			if id := side[i].PaperID; id != "" && !left.has(f.papers.Of(id)) {
				ids = append(ids, id)
			}
		}
	}
	subjects, err := f.subjects(ctx, model, ids)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		stored[id] = subjects[i]
	}
	if rec.Sees == nil {
		return stored, nil
	}
	seen, err := rec.Sees(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i, ok := range seen {
		if !ok {
			delete(stored, ids[i])
		}
	}
	return stored, nil
}

// allThere is the error of a shard that is left out, if one of the papers belongs to it.
func (f *Front) allThere(of []engine.Preference, left absent) error {
	for i := range of {
		if id := of[i].PaperID; id != "" && left.has(f.papers.Of(id)) {
			return f.down(f.papers.Of(id))
		}
	}
	return nil
}

// excluded says by shard which papers may not be recommended: those that the request names.
func (f *Front) excluded(rec *engine.Recommendation) [][]string {
	exclude, named := make([][]string, f.papers.Shards()), map[string]bool{"": true}
	add := func(id string) {
		if !named[id] {
			named[id] = true
			exclude[f.papers.Of(id)] = append(exclude[f.papers.Of(id)], id)
		}
	}
	for _, side := range [][]engine.Preference{rec.Likes, rec.Dislikes} {
		for i := range side {
			add(side[i].PaperID)
		}
	}
	for _, id := range rec.Exclude {
		add(id)
	}
	return exclude
}
