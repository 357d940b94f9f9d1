package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/akin-search/akin/server/internal/cputime"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/quality"
	"github.com/akin-search/akin/server/internal/shard"
)

// shardReport compares the answers of a front before shards with those of one engine that holds all papers, under one
// model. Global statistics of words are what is served; with local ones each shard weighs words by its own papers.
type shardReport struct {
	Dataset string  `json:"dataset"`
	Papers  int     `json:"papers"`
	Queries int     `json:"queries"`
	Shards  int     `json:"shards"`
	Seed    uint64  `json:"seed"`
	Model   string  `json:"model"`
	Equal   int     `json:"equal_exact"`  // queries whose ten ids and scores are the same, bit for bit, in exact mode
	Nearest int     `json:"equal_cosine"` // those whose ten nearest by cosine are the same then, with the same cosines
	Global  float64 `json:"overlap@10"`   // mean share of one engine's ten best among those of the shards
	Local   float64 `json:"overlap@10_local"`
	// nDCG@10 over the judged queries, 0 without any.
	NDCG       float64 `json:"ndcg@10_one"`
	NDCGGlobal float64 `json:"ndcg@10"`
	NDCGLocal  float64 `json:"ndcg@10_local"`
	// Processor time of a search in microseconds, of one caller, fronts and shards together in one process.
	MicrosOne    float64 `json:"cpu_us_one"`
	MicrosShards float64 `json:"cpu_us"`
}

func (r *shardReport) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, `%s: %d papers in %d shards, %d queries, seed %d, model %s
exact answers equal to one engine's: %d of %d; nearest by cosine %d
overlap@10 with one engine: %.4f; with local statistics %.4f
nDCG@10: one engine %.4f, shards %.4f, with local statistics %.4f
processor time a search: one engine %.0f us, shards %.0f us in all
`, r.Dataset, r.Papers, r.Shards, r.Queries, r.Seed, r.Model, r.Equal, r.Queries, r.Nearest, r.Global, r.Local, r.NDCG,
		r.NDCGGlobal, r.NDCGLocal, r.MicrosOne, r.MicrosShards)
	return err
}

// localStatistics is a shard that weighs words by its own papers.
type localStatistics struct{ shard.Node }

func (l localStatistics) Find(ctx context.Context, q *engine.ShardQuery) (*engine.ShardFound, error) {
	own := *q
	own.Statistics = nil
	return l.Node.Find(ctx, &own)
}

// searcher is one engine, or a front.
type searcher interface {
	Search(ctx context.Context, q *engine.Query) (*engine.Result, error)
}

// measureShards puts a collection into one engine and into shards, and asks both.
func measureShards(ctx context.Context, ds *dataset, shards int, o options) (_ *shardReport, err error) {
	if !o.Train || len(ds.Queries) == 0 {
		return nil, errors.New("--shards takes a trained model, and a collection with queries or --known-item")
	}
	dir, err := os.MkdirTemp("", "akin-eval-")
	if err != nil {
		return nil, err
	}
	var engines []*engine.Engine
	defer func() {
		for _, e := range engines {
			err = errors.Join(err, e.Close(context.WithoutCancel(ctx)))
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	open := func(name string, holds func(id string) bool) (*engine.Engine, error) {
		e, err := engine.Open(ctx, engine.Config{
			Dir: filepath.Join(dir, name), GivenModel: true, NoMap: true, NoCheckpoints: true,
			Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		})
		if err != nil {
			return nil, err
		}
		engines = append(engines, e)
		return e, fillEngine(ctx, e, ds, holds)
	}
	one, err := open("one", func(string) bool { return true })
	if err != nil {
		return nil, err
	}
	info, err := one.Train(ctx, engine.TrainOptions{Seed: o.Seed}, nil)
	if err != nil {
		return nil, err
	}
	var model bytes.Buffer
	if _, _, err := one.WriteModel(&model); err != nil {
		return nil, err
	}
	papers := shard.NewMap(shards)
	global, local := make([][]shard.Node, shards), make([][]shard.Node, shards)
	for i := range shards {
		e, err := open(fmt.Sprint(i), func(id string) bool { return papers.Of(id) == i })
		if err != nil {
			return nil, err
		}
		if _, err := e.PrepareModel(ctx, bytes.NewReader(model.Bytes()), int64(model.Len()), time.Now()); err != nil {
			return nil, err
		}
		if err := e.ActivateModel(ctx, info.Fingerprint); err != nil {
			return nil, err
		}
		global[i], local[i] = []shard.Node{shard.Local{Engine: e}}, []shard.Node{localStatistics{shard.Local{Engine: e}}}
	}
	front := shard.New(shard.Config{Map: papers, Replicas: shard.Fixed(global), Local: engines[1], Own: -1})
	apart := shard.New(shard.Config{Map: papers, Replicas: shard.Fixed(local), Local: engines[1], Own: -1})
	r := &shardReport{Dataset: ds.Name, Papers: len(ds.Documents), Queries: len(ds.Queries), Shards: shards, Seed: o.Seed,
		Model: info.Fingerprint}
	return r, r.ask(ctx, ds, one, front, apart)
}

// fillEngine stores the documents that an engine is to hold.
func fillEngine(ctx context.Context, e *engine.Engine, ds *dataset, holds func(id string) bool) error {
	const batch = 1000
	var papers []*paper.Paper
	for i, d := range ds.Documents {
		if holds(d.ID) {
			papers = append(papers, &paper.Paper{ID: d.ID, Title: d.Title, Abstract: d.Text})
		}
		if n := len(papers); n == batch || n > 0 && i == len(ds.Documents)-1 {
			if _, err := e.Upsert(ctx, papers); err != nil {
				return err
			}
			papers = papers[:0]
		}
	}
	return nil
}

// ask asks every query of one engine and of two fronts, in turns.
func (r *shardReport) ask(ctx context.Context, ds *dataset, one, front, apart searcher) error {
	search := func(s searcher, q *query, mode engine.Mode, spent *time.Duration) (*engine.Result, error) {
		ask := engine.Query{Text: q.Text, PaperID: q.PaperID, PageSize: 10, Options: engine.Options{Mode: mode, Brief: true}}
		if q.PaperID != "" {
			ask.Text = ""
		}
		begin := cputime.Used()
		result, err := s.Search(ctx, &ask)
		*spent += cputime.Used() - begin
		return result, err
	}
	var exact, spentOne, spentShards, spentLocal time.Duration
	judged := 0.
	for i := range ds.Queries {
		q := &ds.Queries[i]
		want, err := search(one, q, engine.ModeAuto, &spentOne)
		if err != nil {
			return fmt.Errorf("query %q: %w", q.ID, err)
		}
		got, err := search(front, q, engine.ModeAuto, &spentShards)
		if err != nil {
			return fmt.Errorf("query %q: %w", q.ID, err)
		}
		other, err := search(apart, q, engine.ModeAuto, &spentLocal)
		if err != nil {
			return fmt.Errorf("query %q: %w", q.ID, err)
		}
		r.Global += overlap(want, got) / float64(len(ds.Queries))
		r.Local += overlap(want, other) / float64(len(ds.Queries))
		if figures, ok := quality.Score(idsOf(want), q.Grades); ok {
			judged++
			r.NDCG += figures.NDCG10
			figures, _ = quality.Score(idsOf(got), q.Grades)
			r.NDCGGlobal += figures.NDCG10
			figures, _ = quality.Score(idsOf(other), q.Grades)
			r.NDCGLocal += figures.NDCG10
		}
		if want, err = search(one, q, engine.ModeExact, &exact); err != nil {
			return err
		}
		if got, err = search(front, q, engine.ModeExact, &exact); err != nil {
			return err
		}
		if sameHits(want, got, func(h *engine.Hit) any { return h.Likeness }) {
			r.Equal++
		}
		if want, err = nearestBy(ctx, one, q); err != nil {
			return err
		}
		if got, err = nearestBy(ctx, front, q); err != nil {
			return err
		}
		if sameHits(want, got, func(h *engine.Hit) any { return h.Cosine }) {
			r.Nearest++
		}
	}
	for _, mean := range []*float64{&r.NDCG, &r.NDCGGlobal, &r.NDCGLocal} {
		*mean /= max(1, judged)
	}
	r.MicrosOne = float64(spentOne.Microseconds()) / float64(len(ds.Queries))
	r.MicrosShards = float64(spentShards.Microseconds()) / float64(len(ds.Queries))
	return nil
}

func idsOf(r *engine.Result) []string {
	ids := make([]string, len(r.Hits))
	for i := range r.Hits {
		ids[i] = r.Hits[i].Paper.ID
	}
	return ids
}

// overlap is the share of one result's hits that another one has; 1 where there are none.
func overlap(want, got *engine.Result) float64 {
	has, both := map[string]bool{}, 0.
	for _, id := range idsOf(got) {
		has[id] = true
	}
	for _, id := range idsOf(want) {
		if has[id] {
			both++
		}
	}
	if len(want.Hits) == 0 {
		return 1
	}
	return both / float64(len(want.Hits))
}

// nearestBy searches by the cosine alone, among all papers.
func nearestBy(ctx context.Context, s searcher, q *query) (*engine.Result, error) {
	alone := 1.
	ask := engine.Query{PageSize: 10, Options: engine.Options{Mode: engine.ModeExact, Brief: true, DenseWeight: &alone}}
	if ask.PaperID = q.PaperID; q.PaperID == "" {
		ask.Text = q.Text
	}
	return s.Search(ctx, &ask)
}

// sameHits reports whether two results have the same papers in the same order, of which the same is said.
func sameHits(a, b *engine.Result, said func(*engine.Hit) any) bool {
	if len(a.Hits) != len(b.Hits) {
		return false
	}
	for i := range a.Hits {
		if a.Hits[i].Paper.ID != b.Hits[i].Paper.ID || said(&a.Hits[i]) != said(&b.Hits[i]) {
			return false
		}
	}
	return true
}
