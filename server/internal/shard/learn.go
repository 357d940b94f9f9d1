package shard

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/paper"
)

// samplePage is how many papers are asked for at a time.
const samplePage = 500

// Corpus is engine.Part.Corpus: the frequencies of the papers of all shards, and with texts as many of them as a model
// is learnt from, in the order of their ids. The same papers give the same sample.
func (f *Front) Corpus(ctx context.Context, texts bool) (*embed.Frequencies, []*paper.Paper, error) {
	counts, _, err := askAll(ctx, f, func(ctx context.Context, _ int, n Node) (*embed.Frequencies, error) {
		return n.Frequencies(ctx)
	})
	if err != nil {
		return nil, nil, err
	}
	all := counts[0]
	for _, other := range counts[1:] {
		if err := all.Merge(other); err != nil {
			return nil, nil, err
		}
	}
	if !texts {
		return all, nil, nil
	}
	share := 1.
	if n := all.Papers(); n > embed.DefaultMaxPapers {
		share = embed.DefaultMaxPapers / float64(n)
	}
	sample, err := f.sample(ctx, share)
	return all, sample, err
}

// sample gathers a share of the papers of all shards.
func (f *Front) sample(ctx context.Context, share float64) ([]*paper.Paper, error) {
	type page struct {
		papers []*paper.Paper
		last   string
	}
	var mu sync.Mutex
	var all []*paper.Paper
	group, ctx := errgroup.WithContext(ctx)
	for shard := range f.papers.Shards() {
		group.Go(func() error {
			for after := ""; ; {
				p, _, err := ask(ctx, f, shard, nil, func(ctx context.Context, n Node) (page, error) {
					papers, last, err := n.Sample(ctx, share, after, samplePage)
					return page{papers, last}, err
				})
				if err != nil {
					return err
				}
				mu.Lock()
				all = append(all, p.papers...)
				mu.Unlock()
				if after = p.last; after == "" {
					return nil
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b *paper.Paper) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}
