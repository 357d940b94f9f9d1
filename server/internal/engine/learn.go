package engine

import (
	"context"
	"fmt"
	"io"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/rank"
)

// Frequencies counts the words of all stored papers, as models weigh them. Those of shards merge to those of the whole.
func (e *Engine) Frequencies(ctx context.Context) (*embed.Frequencies, error) {
	return e.frequencies(ctx, nil)
}

// texts is the corpus of papers in memory.
type texts []*paper.Paper

func (t texts) Len() int                                { return len(t) }
func (t texts) Document(i int) (title, abstract string) { return t[i].Title, t[i].Abstract }

// Learn learns a model from a sample of all papers, abstracts included, and the frequencies of all, measures its odds
// on the sample, and writes both as PrepareModel reads them. No engine is changed. The same sample, in the same order,
// gives the same model on processors of one class.
func Learn(ctx context.Context, cfg embed.Config, sample []*paper.Paper, all *embed.Frequencies, o TrainOptions,
	w io.Writer) (ModelInfo, error) {
	if len(sample) < 2 {
		return ModelInfo{}, ErrTooFewPapers
	}
	model, err := embed.Train(ctx, texts(sample), cfg, embed.TrainConfig{Epochs: o.Epochs, Seed: o.Seed, Frequencies: all})
	if err != nil {
		return ModelInfo{}, err
	}
	odds, err := oddsOfSample(ctx, model, sample)
	if err != nil {
		return ModelInfo{}, fmt.Errorf("measure the odds of likeness: %w", err)
	}
	_, err = w.Write(odds.Encode())
	if err == nil {
		_, err = model.WriteTo(w)
	}
	return ModelInfo{
		Fingerprint: model.Fingerprint(), Dims: model.Dims(), Trained: model.Trained(), Papers: model.Papers(),
	}, err
}

// learnOfAll makes a model of the papers of all shards, with rows that were learnt or with weights of words alone.
func (e *Engine) learnOfAll(ctx context.Context, rows bool, o TrainOptions, report func(TrainProgress)) (
	*embed.Model, error) {
	report(TrainProgress{Stage: "reading"})
	all, sample, err := e.part().Corpus(ctx, rows)
	if err != nil {
		return nil, fmt.Errorf("gather the papers of all shards: %w", err)
	}
	if !rows {
		return embed.NewModel(e.cfg.Embed, all)
	}
	if len(sample) < 2 {
		return nil, ErrTooFewPapers
	}
	return embed.Train(ctx, texts(sample), e.cfg.Embed, embed.TrainConfig{
		Epochs: o.Epochs, Seed: o.Seed, Frequencies: all, Progress: func(p embed.Progress) {
			report(TrainProgress{Stage: "training", Progress: trainingShare * float64(p.Step) / float64(max(1, p.Steps)),
				Epoch: p.Epoch, Loss: p.Loss, PerSec: p.DocumentsPerSecond, ETA: p.ETA})
		},
	})
}

// oddsOfSample is what an engine measures of its own papers, of as many of a sample.
func oddsOfSample(ctx context.Context, model *embed.Model, sample []*paper.Paper) (*rank.Odds, error) {
	d, n := model.Dims(), min(oddsPapers, len(sample))
	rows, titles := make([]float32, n*d), make([]float32, min(oddsTitles, n)*d)
	analyzer := embed.NewAnalyzer(model.Config())
	var analysis embed.Analysis
	for i := range n {
		p := sample[i*len(sample)/n]
		analyzer.Analyze(&analysis, p.Title, p.Abstract)
		model.Embed(rows[i*d:(i+1)*d], &analysis.Features)
		if len(titles) >= (i+1)*d {
			analyzer.Analyze(&analysis, p.Title)
			model.Embed(titles[i*d:(i+1)*d], &analysis.Features)
		}
	}
	return rank.MeasureOdds(ctx, rows, titles, d)
}
