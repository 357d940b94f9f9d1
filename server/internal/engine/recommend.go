package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/rank"
	"github.com/akin-search/akin/server/internal/taste"
)

// Recommend returns one page of papers near to the likes, each by itself, and not nearer to the dislikes: package taste
// says how. The subjects themselves and the excluded papers are never among the hits. Without a like that is stored the
// hits are the newest and most central papers.
func (e *Engine) Recommend(ctx context.Context, rec *Recommendation) (*Result, error) {
	hash := recommendationHash(rec)
	full, err := e.WithProfile(ctx, rec)
	if err != nil {
		return nil, err
	}
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	r := e.rankers.Get().(*ranker)
	defer e.rankers.Put(r)

	rec, hash = full.Recommendation, hash^full.State
	look, err := e.lookAt(rec.PageToken, hash)
	if err != nil {
		return nil, full.PageError(err)
	}
	v, s, err := e.lookForSubjects(ctx, look, full)
	if err != nil {
		return nil, err
	}
	v.behind(rec.Behind)
	begin := time.Now()
	if err := r.learnTaste(v.gen, rec, s); err != nil {
		return nil, err
	}
	e.ended(ctx, StageEmbed, begin)
	without := r.taste.Likes() == 0
	request := pageRequest{&rec.Options, rank.PaperQuery, rank.Weights{}, rec.PageSize, rec.PageToken, hash}
	result, ranked, err := e.onePage(ctx, r, v, request, func(f rank.Find) (index.Report, error) {
		if without {
			return r.newestAndCentral(ctx, v, f)
		}
		return r.taste.Recommend(ctx, v.gen.corpus(), f, &r.finder, &r.Ranker)
	})
	if err != nil {
		return nil, err
	}
	result.MissingIDs, result.WithoutLikes = s.missing, without
	if !without {
		result.DenseWeight = Recipe(rec.DenseWeight).Dense
	}
	if rec.Explain && !without {
		err = e.addReasons(ctx, r, v, rec, s, result.Hits, ranked)
	}
	return result, err
}

// subjects says where the likes and dislikes of a recommendation are.
type subjects struct {
	likes, dislikes []uint32 // slots, in the order of the request: unstored for what is missing, a text or a vector
	missing         []string // ids that are not stored
	numbers         []int    // of the likes that count, in the order in which the taste has them
}

// lookForSubjects begins a view in which every paper that is liked, disliked or excluded is visible and not among the
// hits.
func (e *Engine) lookForSubjects(ctx context.Context, look func() *view, rec FullTaste) (*view, *subjects, error) {
	s := &subjects{}
	var ids []string
	var own []bool // by id: whether the request itself names it
	for _, side := range []struct {
		list []Preference
		own  int
	}{{rec.Likes, rec.OwnLikes}, {rec.Dislikes, rec.OwnDislikes}} {
		for i := range side.list {
			if id := side.list[i].PaperID; id != "" {
				ids, own = append(ids, id), append(own, i < side.own)
			}
		}
	}
	named := len(ids)
	v, slots, err := e.lookForSeen(ctx, look, rec, append(ids, rec.Exclude...))
	if err != nil {
		return nil, nil, err
	}
	if rec.Sees != nil {
		seen, err := rec.Sees(ctx, ids[:named])
		if err != nil {
			return nil, nil, err
		}
		for i, ok := range seen {
			if !ok {
				slots[i] = unstored
			}
		}
	}
	v.without(slices.DeleteFunc(slices.Clone(slots), func(slot uint32) bool { return slot == unstored })...)
	for i, slot := range slots[:named] {
		if slot == unstored && own[i] {
			s.missing = append(s.missing, ids[i])
		}
	}
	if rec.Strict && len(s.missing) > 0 {
		return nil, nil, &MissingError{s.missing}
	}
	take := func(side []Preference) []uint32 {
		out := make([]uint32, len(side))
		for i := range side {
			out[i] = unstored
			if side[i].PaperID != "" {
				out[i], slots = slots[0], slots[1:]
			}
		}
		return out
	}
	s.likes, s.dislikes = take(rec.Likes), take(rec.Dislikes)
	return v, s, nil
}

// lookForSeen is lookFor of ids in a view that hides what the profile has seen.
func (e *Engine) lookForSeen(
	ctx context.Context, look func() *view, rec FullTaste, ids []string,
) (*view, []uint32, error) {
	if rec.profile == nil || len(rec.profile.Seen) == 0 {
		return e.lookFor(ctx, look, ids...)
	}
	key := rec.Owner + "\x00" + rec.ProfileID
	for {
		before := look()
		seen := e.seen.seen(key, rec.profile, before.gen)
		places := seen.pending(before)
		all := ids
		for _, place := range places {
			all = append(all, rec.profile.Seen[place].PaperID)
		}
		v, slots, err := e.lookFor(ctx, look, all...)
		if err != nil {
			return nil, nil, err
		}
		if v.gen != before.gen {
			continue // replaced in between
		}
		seen = seen.found(v, places, slots[len(ids):])
		if len(seen.pending(v)) > 0 {
			e.seen.put(key, seen)
			continue // a paper changed in between
		}
		seen = seen.resting(rec.Now, rec.ShownRest)
		e.seen.put(key, seen)
		v.hidden = seen.hidden
		return v, slots[:len(ids)], nil
	}
}

// MissingError is ErrNotFound for all the ids that a strict recommendation misses.
type MissingError struct{ IDs []string }

func (m *MissingError) Error() string {
	shown, more := m.IDs, ""
	if len(shown) > 5 {
		shown, more = shown[:5], fmt.Sprintf(" and %d more", len(shown)-5)
	}
	return fmt.Sprintf("%v: %q%s", ErrNotFound, strings.Join(shown, `", "`), more)
}

func (m *MissingError) Unwrap() error { return ErrNotFound }

// Recipe is the default one with the caller's weight of the cosine, if there is one.
func Recipe(dense *float64) taste.Recipe {
	recipe := taste.Default()
	if dense != nil {
		recipe.Dense = *dense
	}
	return recipe
}

// learnTaste prepares r.taste.
func (r *ranker) learnTaste(g *Generation, rec *Recommendation, s *subjects) error {
	r.taste.Reset(Recipe(rec.DenseWeight), g.words, g.model.Dims())
	for _, side := range []struct {
		name  string
		list  []Preference
		slots []uint32
		add   func(taste.Subject)
	}{{"likes", rec.Likes, s.likes, r.taste.Like}, {"dislikes", rec.Dislikes, s.dislikes, r.taste.Dislike}} {
		for i := range side.list {
			p := &side.list[i]
			if p.PaperID != "" && side.slots[i] == unstored {
				continue
			}
			q, err := r.subject(g, p, side.slots[i])
			if err != nil {
				return fmt.Errorf("%s[%d]: %w", side.name, i, err)
			}
			side.add(taste.Subject{Vector: q.Vector, Words: q.Terms, Weight: p.Weight})
			if side.name == "likes" {
				s.numbers = append(s.numbers, i)
			}
		}
	}
	r.taste.Prepare()
	return nil
}

// subject is the question that a preference stands for.
func (r *ranker) subject(g *Generation, p *Preference, slot uint32) (question, error) {
	switch {
	case p.PaperID != "":
		return r.paperQuestion(g, slot)
	case p.Vector != nil:
		return vectorQuestion(g, p.Vector)
	}
	return r.textQuestion(g, p.Text)
}

const (
	reasons     = 3 // likes that a hit names
	reasonTerms = 5 // words of each
)

// addReasons says for every hit because of which likes it was found.
func (e *Engine) addReasons(ctx context.Context, r *ranker, v *view, rec *Recommendation, s *subjects,
	hits []Hit, ranked []rank.Scored) error {
	row := make([]float32, v.gen.model.Dims())
	for i := range hits {
		if err := ctx.Err(); err != nil {
			return err
		}
		slot := ranked[i].Slot
		if err := v.gen.vectors.Vector(slot, row); err != nil {
			return err
		}
		target, err := e.textOf(v, slot)
		if err != nil {
			return err
		}
		texts := func(like int) ([]string, error) {
			number := s.numbers[like]
			return e.likeText(v, &rec.Likes[number], s.likes[number])
		}
		because, err := r.because(v.gen, slot, row, target, texts, nil)
		if err != nil {
			return err
		}
		for j := range because.Likes {
			like := &because.Likes[j]
			like.Like = s.numbers[like.Like]
			like.PaperID = rec.Likes[like.Like].PaperID
		}
		hits[i].Because = because
	}
	return nil
}

// because says why a slot, of which row is the vector and target the text, was found for r.taste, whose likes it names
// by their numbers there. texts are those of a like, nil where it has none; s is as in lexical.Index.PrepareBy.
func (r *ranker) because(g *Generation, slot uint32, row []float32, target []string,
	texts func(like int) ([]string, error), s *lexical.Statistics) (*Because, error) {
	why := r.taste.Why(&r.rater, slot, row, reasons)
	because := &Because{Others: why.Others, Penalty: why.Penalty}
	for _, like := range why.Likes {
		reason := LikeReason{Like: like.Like, Part: like.Part}
		query, err := texts(like.Like)
		if err != nil {
			return nil, err
		}
		if query != nil {
			x, err := r.explain(g, slot, query, target, reasonTerms, s)
			if err != nil && !errors.Is(err, ErrNoWords) { // a paper of marks alone is liked
				return nil, err
			}
			if err == nil {
				reason.Terms = x.Terms
			}
		}
		because.Likes = append(because.Likes, reason)
	}
	return because, nil
}

// likeText is the text of a like, which is stored at a slot if it is a paper. A vector has none.
func (e *Engine) likeText(v *view, like *Preference, at uint32) ([]string, error) {
	switch {
	case like.Vector != nil:
		return nil, nil
	case like.PaperID != "":
		return e.textOf(v, at)
	}
	return []string{like.Text}, nil
}
