package alert

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/filter"
)

// shownRest is how long a paper that was shown to a profile is not recommended to it, as RecommendPapers has it by
// default.
const shownRest = 30 * 24 * time.Hour

// bestOf returns the best papers of a period for a subscription of a kind that ranks, best last, so that the numbers of
// matches rise with their worth; and the revision up to which papers were ranked.
func (a *Alerts) bestOf(ctx context.Context, s *Subscription, forced *filter.Filter, behind uint64, now time.Time) (
	[]*match, uint64, error) {
	var best []*match
	revision := a.engine.Revision()
	if s.Kind == Rising {
		rising, err := a.engine.Rising(ctx, engine.RisingQuery{
			Owner: s.Owner, Period: s.Period, End: now, Filter: filter.And(s.filter, forced), Size: s.Best,
		})
		if err != nil {
			return nil, 0, err
		}
		for i := range rising.Papers {
			best = append(best, &match{Paper: rising.Papers[i].Paper.ID, Score: rising.Papers[i].Rise})
		}
	} else if revision > behind {
		result, err := a.engine.Recommend(ctx, &engine.Recommendation{
			Owner: s.Owner, ProfileID: s.ProfileID, ShownRest: shownRest, Behind: behind, Explain: true,
			Sees:     a.sees(forced),
			Options:  engine.Options{Filter: filter.And(s.filter, forced), NoDoubts: true, Abstracts: true},
			PageSize: s.Best,
		})
		if err != nil {
			return nil, 0, err
		}
		revision = result.Position.Revision
		if result.WithoutLikes {
			result.Hits = nil // the newest papers are no recommendation
		}
		for i := range result.Hits {
			best = append(best, recommended(&result.Hits[i]))
		}
	}
	ids := make([]string, len(best))
	for i, m := range best {
		ids[i] = m.Paper
	}
	papers, err := a.engine.Get(ctx, ids, true)
	if err != nil {
		return nil, 0, err
	}
	kept := best[:0]
	for i, m := range best {
		if papers[i] != nil {
			m.Content, m.Time = digest(papers[i]), now.UTC()
			kept = append(kept, m)
		}
	}
	slices.Reverse(kept)
	return kept, revision, nil
}

// sees says which papers an owner may see of those that it likes; nil, all, where nothing is forced on it.
func (a *Alerts) sees(forced *filter.Filter) func(context.Context, []string) ([]bool, error) {
	if forced == nil {
		return nil
	}
	return func(ctx context.Context, ids []string) ([]bool, error) {
		papers, err := a.engine.Visible(ctx, forced, ids)
		if err != nil {
			return nil, err
		}
		seen := make([]bool, len(papers))
		for i, p := range papers {
			seen[i] = p != nil
		}
		return seen, nil
	}
}

// recommended is a hit as a match, with the likes and the words that it is due to.
func recommended(h *engine.Hit) *match {
	m := &match{Paper: h.Paper.ID, Score: h.Score, Cosine: h.Cosine, OneIn: h.OneIn}
	if h.Because == nil {
		return m
	}
	for _, like := range h.Because.Likes {
		if like.PaperID != "" {
			m.Because = append(m.Because, like.PaperID)
		}
		for _, t := range like.Terms {
			if len(m.Words) < matchWords && !slices.Contains(m.Words, t.Term) {
				m.Words = append(m.Words, t.Term)
			}
		}
	}
	return m
}

// Preview is what a subscription would have matched.
type Preview struct {
	Matches   []*Match // the best, best first; of a filter alone newest first
	Found     int      // in all
	LookedAt  int
	Threshold float64
}

// Preview holds the papers that were written last against a subscription that need not be stored, and keeps nothing.
func (a *Alerts) Preview(ctx context.Context, given *Subscription, last, size int) (Preview, error) {
	s := *given
	s.Sinks = nil
	if err := s.compile(); err != nil {
		return Preview{}, err
	}
	var p Preview
	var list []*match
	var err error
	if s.Kind.Ranked() {
		list, p.LookedAt, err = a.previewBest(ctx, &s, last)
	} else {
		list, p.LookedAt, err = a.previewMatches(ctx, &s, last)
	}
	if err != nil {
		return p, err
	}
	p.Found = len(list)
	if s.Kind.Nearness() {
		if p.Threshold, _, err = a.threshold(ctx, &entry{sub: &s}, &s); err != nil {
			return p, err
		}
	}
	p.Matches, err = a.show(ctx, &s, list[:min(size, len(list))])
	return p, err
}

// previewMatches returns what matches of the papers written last, best first.
func (a *Alerts) previewMatches(ctx context.Context, s *Subscription, last int) ([]*match, int, error) {
	e := &entry{sub: s}
	lens, subs, err := a.look(ctx, func() []candidate { return a.bind([]candidate{{entry: e, sub: s}}) })
	if err != nil {
		return nil, 0, err
	}
	defer lens.Close()
	var list []*match
	var board scoreboard
	looked := 0
	for after, more := lens.Last(last), true; more; {
		news, err := lens.News(after, batchPapers)
		if err != nil {
			return nil, 0, err
		}
		matches, err := a.match(ctx, lens, &board, &news, subs)
		if err != nil {
			return nil, 0, err
		}
		for _, f := range matches {
			list = append(list, f.match)
		}
		looked += len(news.Papers)
		after, more = news.Through, news.More
	}
	slices.Reverse(list) // newest first
	slices.SortStableFunc(list, func(a, b *match) int { return cmp.Compare(b.Cosine, a.Cosine) })
	return list, looked, nil
}

// previewBest returns what would have been the best of the papers written last.
func (a *Alerts) previewBest(ctx context.Context, s *Subscription, last int) ([]*match, int, error) {
	forced, _ := a.cfg.Filter(s.Owner)
	lens := a.engine.Lens()
	behind := lens.Last(last)
	looked := lens.Behind(behind)
	lens.Close()
	list, _, err := a.bestOf(ctx, s, forced, behind, a.cfg.Now())
	slices.Reverse(list)
	return list, looked, err
}

// Rising returns what is rising for an owner.
func (a *Alerts) Rising(ctx context.Context, owner string, q engine.RisingQuery) (*engine.Risen, error) {
	q.Owner = owner
	if q.End.IsZero() {
		q.End = a.cfg.Now()
	}
	return a.engine.Rising(ctx, q)
}
