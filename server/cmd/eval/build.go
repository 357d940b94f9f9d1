package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/lexical"
)

// options are the choices that change figures.
type options struct {
	Dims  int // 0: the default of package embed
	Seed  uint64
	Train bool
}

// collection is a dataset made searchable.
type collection struct {
	*dataset
	config  embed.Config
	model   *embed.Model
	vectors []float32 // len(Documents) rows of Dims, L2 norm 1 or zero
	words   *lexical.Index
	slots   map[string]uint32   // by document id
	holders map[uint32][]uint32 // slots of the documents that have a word, rising

	trainSeconds float64
	trainEpochs  int
	embedMicros  float64 // a document, one core, analysis included
}

// texts is the corpus that a model learns from.
type texts []document

func (t texts) Len() int                                { return len(t) }
func (t texts) Document(i int) (title, abstract string) { return t[i].Title, t[i].Text }

// build trains a model on the dataset, or only counts its words, and embeds every document.
func build(ctx context.Context, ds *dataset, o options) (*collection, error) {
	c := &collection{dataset: ds, config: embed.DefaultConfig(), words: lexical.New(), slots: map[string]uint32{},
		holders: map[uint32][]uint32{}}
	if o.Dims != 0 {
		c.config.Dims = o.Dims
	}
	c.config.Seed = o.Seed
	analyses, err := analyze(ctx, c.config, ds.Documents)
	if err != nil {
		return nil, err
	}
	if o.Train {
		err = c.train(ctx, o.Seed)
	} else {
		err = c.count(analyses)
	}
	if err != nil {
		return nil, err
	}
	for i, d := range ds.Documents {
		slot := c.words.Append(&analyses[i].Words)
		c.slots[d.ID] = slot
		for _, word := range analyses[i].Words.IDs {
			c.holders[word] = append(c.holders[word], slot)
		}
	}
	c.vectors = make([]float32, len(ds.Documents)*c.model.Dims())
	err = parallel(ctx, len(ds.Documents), func(from, to int) {
		for i := from; i < to; i++ {
			c.model.Embed(c.row(i), &analyses[i].Features)
		}
	})
	c.timeEmbedding()
	return c, err
}

func (c *collection) train(ctx context.Context, seed uint64) error {
	start := time.Now()
	model, err := embed.Train(ctx, texts(c.Documents), c.config, embed.TrainConfig{
		Seed:     seed,
		Progress: func(p embed.Progress) { c.trainEpochs = max(c.trainEpochs, p.Epoch) },
	})
	c.model, c.trainSeconds = model, time.Since(start).Seconds()
	return err
}

func (c *collection) count(analyses []embed.Analysis) error {
	f := embed.NewFrequencies(c.config)
	for i := range analyses {
		f.Add(&analyses[i].Features)
	}
	model, err := embed.NewModel(c.config, f)
	c.model = model
	return err
}

// row is the vector of a document.
func (c *collection) row(i int) []float32 {
	d := c.model.Dims()
	return c.vectors[i*d : (i+1)*d : (i+1)*d]
}

// timeEmbedding measures analysis and embedding of up to 2,000 documents on this goroutine.
func (c *collection) timeEmbedding() {
	analyzer := embed.NewAnalyzer(c.config)
	var a embed.Analysis
	vector := make([]float32, c.model.Dims())
	n := min(len(c.Documents), 2000)
	start := time.Now()
	for _, d := range c.Documents[:n] {
		analyzer.Analyze(&a, d.Title, d.Text)
		c.model.Embed(vector, &a.Features)
	}
	c.embedMicros = float64(time.Since(start).Nanoseconds()) / 1e3 / float64(n)
}

// analyze splits all documents into features, on all cores.
func analyze(ctx context.Context, config embed.Config, documents []document) ([]embed.Analysis, error) {
	out := make([]embed.Analysis, len(documents))
	err := parallel(ctx, len(documents), func(from, to int) {
		analyzer := embed.NewAnalyzer(config)
		for i := from; i < to; i++ {
			analyzer.Analyze(&out[i], documents[i].Title, documents[i].Text)
		}
	})
	return out, err
}

// parallel calls fn for pieces of [0, n) on all cores until ctx ends.
func parallel(ctx context.Context, n int, fn func(from, to int)) error {
	const piece = 256
	return parallelEach(ctx, (n+piece-1)/piece, func(i int) { fn(i*piece, min((i+1)*piece, n)) })
}

// parallelEach calls fn for every number below n on all cores until ctx ends.
func parallelEach(ctx context.Context, n int, fn func(i int)) error {
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				fn(i)
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		next <- i
	}
	close(next)
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped: %w", err)
	}
	return nil
}
