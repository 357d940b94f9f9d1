package shard

import (
	"cmp"
	"context"
	"slices"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
)

// Get is engine.Get over all shards.
func (f *Front) Get(ctx context.Context, ids []string, abstracts bool) ([]*paper.Paper, error) {
	return askOwners(ctx, f, ids, func(ctx context.Context, n Node, ids []string) ([]*paper.Paper, error) {
		return n.Get(ctx, ids, abstracts)
	})
}

// List is engine.List over all shards: a page of each, merged by id. Their tokens name an id alone, so one is good for
// all.
func (f *Front) List(ctx context.Context, q engine.ListQuery) (engine.ListPage, error) {
	pages, _, err := askAll(ctx, f, func(ctx context.Context, _ int, n Node) (engine.ListPage, error) {
		return n.List(ctx, q)
	})
	if err != nil {
		return engine.ListPage{}, err
	}
	all := engine.ListPage{TokenAfter: func(id string) string { return engine.ListToken(q.Filter, id) }}
	reach, more := "", false // behind it some shard may have papers that come before those of the others
	for _, page := range pages {
		all.Papers = append(all.Papers, page.Papers...)
		if page.NextPageToken != "" && (!more || page.Last < reach) {
			reach, more = page.Last, true
		}
	}
	slices.SortFunc(all.Papers, func(a, b *paper.Paper) int { return cmp.Compare(a.ID, b.ID) })
	if more {
		end, _ := slices.BinarySearchFunc(all.Papers, reach, func(p *paper.Paper, id string) int {
			return cmp.Or(cmp.Compare(p.ID, id), -1) // behind it
		})
		all.Papers = all.Papers[:end]
	}
	if len(all.Papers) > q.PageSize {
		all.Papers, more = all.Papers[:q.PageSize], true
		reach = all.Papers[q.PageSize-1].ID
	}
	if more {
		all.NextPageToken, all.Last = all.TokenAfter(reach), reach
	}
	return all, nil
}
