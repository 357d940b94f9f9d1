package embed

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/akin-search/akin/embed/vector"
)

// tablesOf trains tables as Train does and returns what folds them.
func tablesOf(t *testing.T, corpus Corpus, tables int) *folder {
	t.Helper()
	cfg, tc := smallConfig(), TrainConfig{
		Seed: 1, Epochs: 2, Tables: tables, Workers: 2, MaxPapers: 1000, recipe: &defaultRecipe,
	}
	e, f, err := readCorpus(context.Background(), corpus, cfg, tc)
	if err != nil {
		t.Fatal(err)
	}
	tr := newTrainer(cfg, tc, e, newModel(cfg, f))
	t.Cleanup(tr.pool.close)
	folder := &folder{t: tr, dims: tables * cfg.Dims}
	for i := range tables {
		tr.begin(i)
		if err := tr.run(context.Background(), newReporter(tr, time.Now())); err != nil {
			t.Fatal(err)
		}
		folder.tables = append(folder.tables, tr.rows)
	}
	return folder
}

func TestTheFoldKeepsWhatTheLeadingEigenvectorsWould(t *testing.T) {
	f := tablesOf(t, topicCorpus(600), 3)
	m, err := f.moment(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	basis, err := f.basis(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	d := f.t.cfg.Dims
	symmetric := mat.NewSymDense(f.dims, nil)
	for i := range f.dims {
		for j := i; j < f.dims; j++ {
			symmetric.SetSym(i, j, float64(m.Row(i)[j]))
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(symmetric, false) {
		t.Fatal("no eigenvalues")
	}
	values := eigen.Values(nil) // ascending
	best, kept := 0., 0.
	for _, v := range values[len(values)-d:] {
		best += v
	}
	product := make([]float32, f.dims)
	for i := range d {
		row := basis.Row(i)[:f.dims]
		for j := range i + 1 {
			want := 0.
			if i == j {
				want = 1
			}
			if got := float64(vector.Dot(row, basis.Row(j)[:f.dims])); math.Abs(got-want) > 1e-4 {
				t.Fatalf("the product of rows %d and %d of the basis is %v", i, j, got)
			}
		}
		clear(product)
		for j, x := range row {
			vector.Axpy(product, x, m.Row(j)[:f.dims])
		}
		kept += float64(vector.Dot(row, product))
	}
	if kept < .99*best || kept > 1.001*best {
		t.Errorf("the basis keeps %v of the papers, the leading eigenvectors %v", kept, best)
	}
}

func TestFoldingFewerPapersThanDimensionsKeepsTheirCosines(t *testing.T) {
	corpus := topicCorpus(20)
	f := tablesOf(t, corpus, 2)
	m, err := f.t.fold(context.Background(), f.tables)
	if err != nil {
		t.Fatal(err)
	}
	var views [2]view
	long := [2][]float32{make([]float32, f.dims), make([]float32, f.dims)}
	maker := viewMaker{recipe: &defaultRecipe}
	for i := 1; i < len(corpus); i++ {
		var short [2][]float32
		for k, paper := range []int{i - 1, i} {
			features, _ := f.t.examples.at(paper)
			views[k].reset()
			maker.count(&views[k], features)
			f.unit(long[k], &views[k])
			short[k], _ = embedText(m, corpus[paper].Title+". "+corpus[paper].Text)
		}
		if got, want := vector.Dot(short[0], short[1]), vector.Dot(long[0], long[1]); math.Abs(float64(got-want)) > .02 {
			t.Errorf("papers %d and %d: cosine %v, before the fold %v", i-1, i, got, want)
		}
	}
}

func TestWordsOutsideTheSampleAreFolded(t *testing.T) {
	m := train(t, topicCorpus(520), smallConfig(), TrainConfig{Epochs: 1, Tables: 2, MaxPapers: 100})
	for i, e := range m.entries {
		if e.row == noRow {
			t.Fatalf("bucket %d of %d keeps the row of an untrained model", i, len(m.entries))
		}
	}
}

func TestAFoldStopsWhenItsContextDoes(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := Train(ctx, topicCorpus(600), smallConfig(), TrainConfig{Epochs: 1, Tables: 2, Progress: func(p Progress) {
		if p.Step == p.Steps {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
