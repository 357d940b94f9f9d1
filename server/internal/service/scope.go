package service

import (
	"context"
	"errors"
	"fmt"

	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/paper"
)

// A principal may have a filter forced on it. Every handler that can show, count or explain a paper binds it, by one of
// the functions here; admit.Rules marks those handlers, and refuses the others to such a principal. A paper outside of
// the filter is for it as if it were not stored.

// scoped joins a request's filter with the forced one.
func scoped(ctx context.Context, own *filter.Filter) *filter.Filter {
	return filter.And(own, admit.PrincipalOf(ctx).Filter)
}

// sees reports whether the caller may see a paper, which may be nil.
func sees(ctx context.Context, p *paper.Paper) bool {
	forced := admit.PrincipalOf(ctx).Filter
	return p != nil && (forced == nil || forced.Match(p))
}

// mustSee refuses ids of papers that the caller may not see as it refuses ids that are not stored. Without a forced
// filter it looks at nothing: the engine finds what is missing.
func (s *Server) mustSee(ctx context.Context, ids ...string) error {
	if admit.PrincipalOf(ctx).Filter == nil || len(ids) == 0 {
		return nil
	}
	papers, err := s.engine().Get(ctx, ids, false)
	if err != nil {
		return err
	}
	for i, p := range papers {
		if !sees(ctx, p) {
			return fmt.Errorf("%w: %q", engine.ErrNotFound, ids[i])
		}
	}
	return nil
}

// scopeSearch binds a search to what its caller may see.
func (s *Server) scopeSearch(ctx context.Context, q *engine.Query) error {
	q.NoDoubts = admit.PrincipalOf(ctx).Filter != nil // what other papers have is none of its business
	q.Filter = scoped(ctx, q.Filter)
	if q.PaperID != "" {
		err := s.resolve(ctx, &q.PaperID)
		if q.AllowPartial && errors.Is(err, engine.ErrShardUnavailable) {
			// It may be stored as it stands all the same.
			if stored, failed := s.engine().Stored(ctx, []string{q.PaperID}); failed == nil && stored[0] {
				err = nil
			}
		}
		if err != nil {
			return err
		}
		return s.mustSee(ctx, q.PaperID)
	}
	return nil
}

// scopeRecommendation binds a recommendation: what its caller may not see is neither found nor a reason to find
// something. Papers to exclude need no look: one that is not seen is not returned. The profile is the caller's own.
func (s *Server) scopeRecommendation(ctx context.Context, r *engine.Recommendation) error {
	principal := admit.PrincipalOf(ctx)
	r.Owner = principal.Name
	r.Filter, r.NoDoubts = scoped(ctx, r.Filter), principal.Filter != nil
	err := s.resolveRecommendation(ctx, r)
	if r.AllowPartial && !r.Strict && errors.Is(err, engine.ErrShardUnavailable) {
		err = nil // ids count as they stand: those under which nothing is found are named in the answer
	}
	if err != nil || principal.Filter == nil {
		return err
	}
	r.Sees = func(ctx context.Context, ids []string) ([]bool, error) {
		papers, err := s.engine().Get(ctx, ids, false)
		if err != nil {
			return nil, err
		}
		seen := make([]bool, len(ids))
		for i, p := range papers {
			seen[i] = sees(ctx, p)
		}
		return seen, nil
	}
	return nil
}
