package service

import (
	"context"
	"slices"

	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
)

// resolve lets reads take any spelling of an id (paper.Spellings). An id that is stored stands for itself; one that is
// not is replaced by the first other form that is stored and that the caller may see. Here, and not in a client, all
// clients have it, in one call. Writes and deletes never come here: they mean the id that they name.
func (s *Server) resolve(ctx context.Context, ids ...*string) error {
	type question struct {
		id    *string
		forms []string
	}
	var asked []question
	var all []string // each id, and its other forms behind it
	for _, id := range ids {
		if forms := paper.Spellings(*id); len(forms) > 0 {
			asked = append(asked, question{id, forms})
			all = append(append(all, *id), forms...)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	stored, err := s.engine().Stored(ctx, all)
	if err != nil {
		return err
	}
	at := 0
	for _, q := range asked {
		here := stored[at : at+1+len(q.forms)]
		at += len(here)
		if here[0] {
			continue
		}
		for i, form := range q.forms {
			if !here[1+i] {
				continue
			}
			visible, err := s.maySee(ctx, form)
			if err != nil {
				return err
			}
			if visible {
				*q.id = form
				break
			}
		}
	}
	return nil
}

// maySee reports whether the caller may see a stored paper. Without a forced filter it looks at nothing.
func (s *Server) maySee(ctx context.Context, id string) (bool, error) {
	if admit.PrincipalOf(ctx).Filter == nil {
		return true, nil
	}
	papers, err := s.engine().Get(ctx, []string{id}, false)
	if err != nil {
		return false, err
	}
	return sees(ctx, papers[0]), nil
}

// resolveRecommendation resolves the ids of a recommendation.
func (s *Server) resolveRecommendation(ctx context.Context, r *engine.Recommendation) error {
	var ids []*string
	for _, side := range [][]engine.Preference{r.Likes, r.Dislikes} {
		for i := range side {
			ids = append(ids, &side[i].PaperID)
		}
	}
	r.Exclude = slices.Clone(r.Exclude) // the request's own until here
	return s.resolve(ctx, append(ids, pointers(r.Exclude)...)...)
}

// pointers points at each of the ids.
func pointers(ids []string) []*string {
	out := make([]*string, len(ids))
	for i := range ids {
		out[i] = &ids[i]
	}
	return out
}
