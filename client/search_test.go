package client_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/akintest"
	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

func library() []*client.Paper {
	return []*client.Paper{
		{Id: "a", Title: "Attention is all you need", Abstract: "A network of attention alone."},
		{Id: "b", Title: "Attention over graphs", Abstract: "Attention weights the neighbours in a graph network."},
		{Id: "c", Title: "Protein folding", Abstract: "Structure of proteins."},
		{Id: "d", Title: "Protein folding", Abstract: "Structure of proteins."},
	}
}

func TestOptionsOfASearchReachTheServer(t *testing.T) {
	q := client.TextQuery("x", client.Limit(7), client.Filter("f"), client.Mode(client.ModeExact), client.Ef(64),
		client.DenseWeight(0), client.HalfLife(48*time.Hour), client.Diversity(.5), client.MinCosine(0), client.MinOneIn(100),
		client.ScoreParts(), client.Abstracts(),
		client.PageToken("t"), client.AllowPartial(), client.Limit(8))
	o := q.GetOptions()
	if q.GetText() != "x" || !q.GetAllowPartial() || q.GetPageSize() != 8 || q.GetPageToken() != "t" ||
		o.GetFilter() != "f" || o.GetMode() != client.ModeExact ||
		o.GetEf() != 64 || o.DenseWeight == nil || o.GetRecencyHalfLife().AsDuration() != 48*time.Hour ||
		o.GetDiversity() != .5 ||
		o.MinCosine == nil || o.GetMinOneIn() != 100 || !o.GetScoreParts() || o.GetReadMask().GetPaths()[0] != "*" {
		t.Errorf("%v", q)
	}
	if plain := client.PaperQuery("id"); plain.GetOptions() != nil || plain.GetAllowPartial() ||
		plain.GetPaperId() != "id" {
		t.Errorf("a search without options carries some: %v", plain)
	}
}

func TestSearchSimilarAndRecommend(t *testing.T) {
	ctx, c := testContext(t), dial(t, akintest.Start(t, library()...))
	res, err := c.Search(ctx, "attention network", client.Limit(1))
	if err != nil || len(res.Hits) != 1 || res.Hits[0].GetPaper().GetId() != "a" || res.NextPageToken == "" ||
		res.Info.GetModel() != akintest.Model {
		t.Fatalf("%+v, %v", res, err)
	}
	if res, err = c.SimilarTo(ctx, "c", client.MinCosine(.9)); err != nil || len(res.Hits) != 1 ||
		res.Hits[0].GetPaper().GetId() != "d" {
		t.Fatalf("%+v, %v", res, err)
	}
	if _, err = c.SimilarTo(ctx, "nowhere"); !errors.Is(err, client.ErrNotFound) {
		t.Fatal(err)
	}
	res, err = c.Recommend(ctx, client.Taste{
		Likes:    []*client.Preference{client.FromPaper("a"), client.FromText("graph")},
		Dislikes: []*client.Preference{client.FromPaper("c")},
		Exclude:  []string{"d"},
	})
	if err != nil || len(res.Hits) != 1 || res.Hits[0].GetPaper().GetId() != "b" {
		t.Fatalf("%+v, %v", res, err)
	}
	embeddings, model, err := c.EmbedTexts(ctx, "attention", "?")
	if err != nil || len(embeddings) != 2 || len(embeddings[1].GetValues()) != 0 {
		t.Fatalf("%v, %v", embeddings, err)
	}
	if _, err = c.SearchVector(ctx, embeddings[0].GetValues(), model); err != nil {
		t.Fatal(err)
	}
	if _, err = c.SearchVector(ctx, embeddings[0].GetValues(), "older"); !errors.Is(err, client.ErrModelMismatch) {
		t.Fatal(err)
	}
}

func TestQueryAllPagesThroughTheHits(t *testing.T) {
	s := akintest.Start(t, samplePapers(12)...)
	seen := map[string]bool{}
	req := client.TextQuery("abstract", client.Limit(5))
	for hit, err := range dial(t, s).QueryAll(testContext(t), req) {
		if err != nil {
			t.Fatal(err)
		}
		seen[hit.GetPaper().GetId()] = true
	}
	if len(seen) != 12 || s.Calls("SearchPapers") != 3 || req.GetPageToken() != "" {
		t.Errorf("%d hits in %d pages; the request now says %q", len(seen), s.Calls("SearchPapers"), req.GetPageToken())
	}
}

func TestABatchOfSearchesHasAnOutcomeForEach(t *testing.T) {
	s := akintest.Start(t, library()...)
	requests := make([]*client.SearchRequest, 150)
	for i := range requests {
		requests[i] = client.TextQuery("attention")
	}
	requests[120] = client.PaperQuery("nowhere")
	results, err := dial(t, s).QueryBatch(testContext(t), requests)
	if err != nil || len(results) != 150 || s.Calls("BatchSearchPapers") != 2 {
		t.Fatalf("%d results, %v", len(results), err)
	}
	for i, r := range results {
		if wantErr := i == 120; wantErr != errors.Is(r.Err, client.ErrNotFound) || wantErr == (r.Result != nil) {
			t.Errorf("result %d: %+v", i, r)
		}
	}
}

func TestExplainDuplicatesRecallAndTrain(t *testing.T) {
	ctx, c := testContext(t), dial(t, akintest.Start(t, library()...))
	e, err := c.Explain(ctx, "attention network of graphs", "b", 2)
	if err != nil || len(e.GetTerms()) != 2 {
		t.Fatalf("%v, %v", e, err)
	}
	sum := e.GetRemainingCosine()
	for _, term := range e.GetTerms() {
		sum += term.GetCosine()
	}
	if math.Abs(sum-e.GetCosine()) > 1e-3 {
		t.Errorf("the parts sum to %v, not %v", sum, e.GetCosine())
	}
	if e, err = c.ExplainPapers(ctx, "c", "d", 0); err != nil || e.GetCosine() < .999 {
		t.Fatalf("%v, %v", e, err)
	}
	n := 0
	for g, err := range c.Duplicates(ctx, client.MinCosine(.99), client.PageSize(1)) {
		if err != nil || g.GetPaperIds()[0] != "c" {
			t.Fatalf("%v, %v", g, err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d groups", n)
	}
	if r, err := c.EvaluateRecall(ctx, client.RecallConfig{Queries: 3}, client.Ef(32)); err != nil || r.Queries != 3 ||
		r.Recall != .975 || r.MeanLatency != 120*time.Microsecond {
		t.Fatalf("%+v, %v", r, err)
	}
	m, err := c.Map(ctx, client.MapConfig{Limit: 3})
	if err != nil || len(m.Papers) != 3 || m.Found != 4 || m.Papers[1].ID != "b" || m.Papers[1].X <= m.Papers[0].X ||
		m.Levels[0].Labels[0].Papers != 4 {
		t.Fatalf("%+v, %v", m, err)
	}
	if _, err := c.Map(ctx, client.MapConfig{}, client.Filter("year >")); err == nil {
		t.Error("a filter that is none is taken")
	}
	var stages []string
	model, err := c.Train(ctx, client.TrainConfig{Epochs: 3, Progress: func(p *akinv1.TrainModelResponse) {
		stages = append(stages, p.GetStage())
	}})
	if err != nil || model.GetPapers() != 4 || len(stages) != 4 || stages[3] != "done" {
		t.Fatalf("%v, %v, %v", model, stages, err)
	}
}
