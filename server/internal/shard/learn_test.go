package shard

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
)

// learn learns a model of a share of the papers of engines, as one of many nodes does for all of them.
func learn(t *testing.T, engines []*engine.Engine, share float64) []byte {
	t.Helper()
	all := embed.NewFrequencies(embed.DefaultConfig())
	var papers []*paper.Paper
	for _, e := range engines {
		part, err := e.Frequencies(t.Context())
		if err == nil {
			err = all.Merge(part)
		}
		if err == nil {
			err = e.Export(t.Context(), nil, func(p *paper.Paper) error {
				if Sampled(p.ID, share) {
					papers = append(papers, p)
				}
				return nil
			})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(papers, func(a, b *paper.Paper) int { return cmp.Compare(a.ID, b.ID) })
	var b bytes.Buffer
	info, err := engine.Learn(t.Context(), embed.DefaultConfig(), papers, all, engine.TrainOptions{Epochs: 2, Seed: 3}, &b)
	if err != nil {
		t.Fatal(err)
	}
	if !info.Trained || info.Papers != all.Papers() {
		t.Fatalf("learnt %+v, of %d papers", info, all.Papers())
	}
	return b.Bytes()
}

// TestShardsLearnTheModelThatOneEngineLearns: a sample and the sums of frequencies do not depend on how papers are
// spread. Every engine adopts the model, and then fronts and one engine give the same answers.
func TestShardsLearnTheModelThatOneEngineLearns(t *testing.T) {
	f := openFleet(t, 4, false)
	for _, share := range []float64{.5, 1} {
		model := learn(t, f.shards, share)
		if alone := learn(t, []*engine.Engine{f.one}, share); !bytes.Equal(model, alone) {
			t.Fatalf("of %v of the papers shards learn another model than one engine", share)
		}
		for _, e := range append(f.shards, f.one) {
			activate(t, e, model)
			if e.Model() != f.shards[0].Model() {
				t.Fatalf("fingerprints %s and %s", e.Model(), f.shards[0].Model())
			}
		}
		for i, q := range []engine.Query{
			{Text: f.papers[7].Title}, {Text: "sparse experts in large language models"}, {PaperID: f.papers[3].ID},
		} {
			q.PageSize = 30
			want, err := f.one.Search(t.Context(), &q)
			if err != nil {
				t.Fatal(err)
			}
			got, err := f.front.Search(t.Context(), &q)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, fmt.Sprintf("share %v, query %d", share, i), got, want)
		}
	}
}
