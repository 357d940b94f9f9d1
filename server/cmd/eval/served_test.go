package main

import (
	"context"
	"io"
	"log/slog"
	"math"
	"testing"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/sample"
)

// TestWhatIsMeasuredIsWhatIsServed ranks the same queries with the engine and here. The engine's cosines carry the
// rounding of its codes, so two hits may change places whose scores are as good as the same.
func TestWhatIsMeasuredIsWhatIsServed(t *testing.T) {
	papers, err := sample.Papers()
	if err != nil {
		t.Fatal(err)
	}
	queries := []query{
		{Text: papers[7].Title},
		{Text: papers[30].Title},
		{Text: "How do transformers store factual knowledge in feed-forward layers, and how can it be edited?"},
		{Text: papers[50].Abstract},
		{Text: papers[51].Abstract + " " + papers[52].Abstract + " " + papers[53].Abstract},
		{PaperID: papers[3].ID},
		{PaperID: papers[120].ID},
		{Text: "zyzzyva quokka"}, // no word that any paper has
		{Text: "zyzzyva pruning"},
	}
	ds := &dataset{Queries: queries}
	for _, p := range papers {
		ds.Documents = append(ds.Documents, document{ID: p.ID, Title: p.Title, Text: p.Abstract})
	}
	c, err := build(t.Context(), ds, options{Seed: 1, Train: true})
	if err != nil {
		t.Fatal(err)
	}
	e := openEngine(t, papers, c)
	prepared, vectors := c.prepare(queries)
	cosines := c.cosines(vectors, len(queries))
	for i, q := range queries {
		lists, err := c.rank(t.Context(), &prepared[i], cosines[i*len(c.Documents):(i+1)*len(c.Documents)])
		if err != nil {
			t.Fatal(err)
		}
		var served []engine.Hit
		for ask := (engine.Query{Text: q.Text, PaperID: q.PaperID, PageSize: 10}); ; {
			page, err := e.Search(t.Context(), &ask)
			if err != nil {
				t.Fatal(err)
			}
			served = append(served, page.Hits...)
			if ask.PageToken = page.NextPageToken; ask.PageToken == "" {
				break
			}
		}
		measured := lists[2]
		if len(served) != len(measured) {
			t.Errorf("query %d: %d hits served, %d measured", i, len(served), len(measured))
			continue
		}
		for place, hit := range served {
			const rounding = .01
			m := measured[place]
			id := c.Documents[m.Slot].ID
			if id != hit.Paper.ID && math.Abs(hit.Score-float64(m.Score)) > rounding {
				t.Errorf("query %d, place %d: %s with %.4f served, %s with %.4f measured", i, place, hit.Paper.ID, hit.Score, id,
					m.Score)
				break
			}
		}
	}
}

// openEngine opens an engine that holds the papers and the model of a collection.
func openEngine(t *testing.T, papers []*paper.Paper, c *collection) *engine.Engine {
	t.Helper()
	e, err := engine.Open(t.Context(), engine.Config{
		Dir: t.TempDir(), Index: "flat", Embed: c.config, TrainAt: -1, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if _, err := e.Upsert(t.Context(), papers); err != nil {
		t.Fatal(err)
	}
	info, err := e.Train(t.Context(), engine.TrainOptions{Seed: c.config.Seed}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if info.Fingerprint != c.model.Fingerprint() {
		t.Fatalf("the engine has the model %s, the collection %s", info.Fingerprint, c.model.Fingerprint())
	}
	return e
}
