package shard

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/rank"
	"github.com/akin-search/akin/server/internal/sample"
)

var testNow = time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)

// openEngine opens an engine on a folder of its own, whose model changes when a test says so.
func openEngine(t testing.TB) *engine.Engine {
	t.Helper()
	e, err := engine.Open(t.Context(), engine.Config{
		Dir: t.TempDir(), TrainAt: -1, GivenModel: true, NoMap: true, Now: func() time.Time { return testNow },
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e
}

// samplePapers are those of the demo, with what filters and recency look at.
func samplePapers(t testing.TB) []*paper.Paper {
	t.Helper()
	papers, err := sample.Papers()
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range papers {
		if i%7 > 0 {
			p.PublishTime = testNow.AddDate(-(i % 7), -(i % 5), 0)
		}
		p.Categories = append(p.Categories, fmt.Sprint("third", i%3))
	}
	return papers
}

func upsert(t testing.TB, e *engine.Engine, papers ...*paper.Paper) {
	t.Helper()
	if len(papers) == 0 {
		return
	}
	if _, err := e.Upsert(t.Context(), papers); err != nil {
		t.Fatal(err)
	}
}

// adopt has an engine take over the model of another one.
func adopt(t testing.TB, from, to *engine.Engine) {
	t.Helper()
	var b bytes.Buffer
	if _, _, err := from.WriteModel(&b); err != nil {
		t.Fatal(err)
	}
	activate(t, to, b.Bytes())
}

// activate has an engine take over an encoded model.
func activate(t testing.TB, e *engine.Engine, model []byte) {
	t.Helper()
	info, err := e.PrepareModel(t.Context(), bytes.NewReader(model), int64(len(model)), testNow)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.ActivateModel(t.Context(), info.Fingerprint); err != nil {
		t.Fatal(err)
	}
}

// untrained is the encoded model of some papers whose rows are not learnt.
func untrained(t testing.TB, papers []*paper.Paper) []byte {
	t.Helper()
	cfg := embed.DefaultConfig()
	frequencies, analyzer := embed.NewFrequencies(cfg), embed.NewAnalyzer(cfg)
	var analysis embed.Analysis
	for _, p := range papers {
		analyzer.Analyze(&analysis, p.Title, p.Abstract)
		frequencies.Add(&analysis.Features)
	}
	m, err := embed.NewModel(cfg, frequencies)
	if err != nil {
		t.Fatal(err)
	}
	b := bytes.NewBuffer((*rank.Odds)(nil).Encode())
	if _, err := m.WriteTo(b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// fleet is one engine with all papers, and the same papers in shards, all under one model.
type fleet struct {
	one    *engine.Engine
	shards []*engine.Engine
	front  *Front
	papers []*paper.Paper
}

func openFleet(t testing.TB, shards int, trained bool) *fleet {
	t.Helper()
	f := &fleet{one: openEngine(t), papers: samplePapers(t)}
	upsert(t, f.one, f.papers...)
	activate(t, f.one, untrained(t, f.papers))
	if trained {
		if _, err := f.one.Train(t.Context(), engine.TrainOptions{Epochs: 2, Seed: 1}, nil); err != nil {
			t.Fatal(err)
		}
	}
	papers := NewMap(shards)
	var nodes [][]Node
	for shard := range shards {
		e := openEngine(t)
		for _, p := range f.papers { // one by one, so that they are written in the order of the one engine
			if papers.Of(p.ID) == shard {
				upsert(t, e, p)
			}
		}
		adopt(t, f.one, e)
		f.shards, nodes = append(f.shards, e), append(nodes, []Node{Local{e}})
	}
	f.front = New(Config{
		Map: papers, Replicas: Fixed(nodes), Local: f.shards[0], Own: -1, Now: func() time.Time { return testNow },
	})
	return f
}
