package engine

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/rank"
	"github.com/akin-search/akin/server/internal/sample"
)

// TestASpareCoreChangesNoAnswer asks the same with and without one.
func TestASpareCoreChangesNoAnswer(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 300)...)
	if _, err := e.Train(context.Background(), TrainOptions{Epochs: 1}, nil); err != nil {
		t.Fatal(err)
	}
	mustUpsert(t, e, testPapers(300, 310)...)
	for _, text := range []string{"graph neural network", "number305", "speech number17 audio. It is so.", "zeppelins",
		"number308"} {
		var answers [2][]rank.Scored
		for i, spare := range []bool{false, true} {
			r := e.rankers.New().(*ranker)
			v := e.look()
			ask, err := r.textQuestion(v.gen, text)
			if err != nil {
				t.Fatal(err)
			}
			f := e.find(context.Background(), v, &Options{}, minDepth, 0)
			f.Spare = spare
			if _, err := r.rank(context.Background(), v, &ask, f); err != nil {
				t.Fatal(err)
			}
			answers[i] = r.Ranked
		}
		if !slices.Equal(answers[0], answers[1]) {
			t.Errorf("%q: %v and with a spare core %v", text, answers[0], answers[1])
		}
	}
}

// TestScoresAreReadable: every score is from 0 to 1 and the sum of its parts, and hits stand in its order.
func TestScoresAreReadable(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 300)...)
	if _, err := e.Train(context.Background(), TrainOptions{Epochs: 1}, nil); err != nil {
		t.Fatal(err)
	}
	weight := func(w float64) *float64 { return &w }
	vector := &VectorQuery{Values: make([]float32, e.live.Load().model.Dims()), Model: e.live.Load().model.Fingerprint()}
	for i := range vector.Values {
		vector.Values[i] = float32(i%7) - 3
	}
	queries := []Query{
		{Text: "graph neural network"}, {Text: "number305"}, {Text: "zeppelins over graphs"}, {Vector: vector},
		{Text: "speech number17 audio. It is so."}, {PaperID: "p0017"}, {Text: testPaper(9).Title},
	}
	for i, q := range queries {
		for j, o := range []Options{
			{}, {DenseWeight: weight(0)}, {DenseWeight: weight(1)}, {RecencyHalfLife: 1000 * time.Hour},
			{Filter: parse(t, `id = "p0009"`)},
		} {
			q.Options, q.PageSize = o, 100
			result := search(t, e, q)
			for place, hit := range result.Hits {
				p := hit.Parts
				sum := p.Dense + p.Words + p.Phrase + p.Neighbourhood
				if !(hit.Score >= 0 && hit.Score <= 1) || math.Abs(sum-hit.Score) > 1e-9 ||
					min(p.Dense, p.Words, p.Phrase, p.Neighbourhood) < 0 {
					t.Errorf("query %d, options %d, place %d: score %g of parts %+v", i, j, place, hit.Score, p)
				}
				if place > 0 && hit.Score > result.Hits[place-1].Score+1e-12 {
					t.Errorf("query %d, options %d: place %d scores more than the one before", i, j, place)
				}
			}
		}
	}
}

// TestAnExactTitleScoresNearOneEvenAlone, where there is nothing to compare with.
func TestAnExactTitleScoresNearOneEvenAlone(t *testing.T) {
	papers, err := sample.Papers()
	if err != nil {
		t.Fatal(err)
	}
	e := open(t, t.TempDir())
	mustUpsert(t, e, papers...)
	if _, err := e.Train(context.Background(), TrainOptions{Seed: 1}, nil); err != nil {
		t.Fatal(err)
	}
	for _, p := range papers {
		for name, o := range map[string]Options{"alone": {Filter: parse(t, fmt.Sprintf("id = %q", p.ID))}, "among all": {}} {
			hits := search(t, e, Query{Text: p.Title, PageSize: 1, Options: o}).Hits
			if len(hits) == 1 && hits[0].Paper.ID == p.ID && hits[0].Score < .9 {
				t.Errorf("%s, %q: score %.3f, parts %+v", name, p.Title, hits[0].Score, hits[0].Parts)
			}
		}
	}
}

// TestRareLikenessIsKept: one_in rises with the cosine, and hits more common than asked for are dropped.
func TestRareLikenessIsKept(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir)
	if hits := search(t, e, Query{Text: "graph"}).Hits; len(hits) != 0 {
		t.Fatal("hits of nothing")
	}
	mustUpsert(t, e, testPapers(0, 200)...)
	if _, err := e.Train(context.Background(), TrainOptions{Epochs: 1}, nil); err != nil {
		t.Fatal(err)
	}
	query := Query{PaperID: "p0003", PageSize: 100}
	hits := search(t, e, query).Hits
	byCosine := slices.SortedFunc(slices.Values(hits), func(a, b Hit) int { return cmp.Compare(a.Cosine, b.Cosine) })
	last := 1
	for _, hit := range byCosine {
		if hit.OneIn < last || hit.OneIn > 200*199/2 {
			t.Fatalf("cosine %.3f is one in %d, behind %d", hit.Cosine, hit.OneIn, last)
		}
		last = hit.OneIn
	}
	query.MinOneIn = byCosine[len(byCosine)/2].OneIn
	rare := search(t, e, query).Hits
	wanted := 0
	for _, hit := range hits {
		if hit.OneIn >= query.MinOneIn {
			wanted++
		}
	}
	if len(rare) != wanted || wanted == len(hits) {
		t.Errorf("%d of %d hits are left, want %d", len(rare), len(hits), wanted)
	}
	// They are durable with the model.
	before := *e.live.Load().odds
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	mustUpsert(t, again, testPapers(200, 260)...)
	if after := *again.live.Load().odds; after != before {
		t.Error("the odds changed over a restart")
	}
}
