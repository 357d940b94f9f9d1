package engine

import (
	"context"
	"errors"

	"github.com/akin-search/akin/embed"
)

// Train learns a model from the stored papers and makes it live. progress, which may be nil, is called from one
// goroutine about twice a second and at the end. ErrTrainingRuns when another training runs. Cancelling ctx
// cancels the training and changes nothing. Where a log orders the writes, the node that leads learns for all.
func (e *Engine) Train(ctx context.Context, options TrainOptions, progress func(TrainProgress)) (ModelInfo, error) {
	if o := e.cfg.Order; o != nil {
		if progress == nil {
			progress = func(TrainProgress) {}
		}
		return o.Learn(ctx, options, progress)
	}
	if !e.training.CompareAndSwap(false, true) {
		return ModelInfo{}, ErrTrainingRuns
	}
	defer e.training.Store(false)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.background, cancel)()
	if e.background.Err() != nil {
		return ModelInfo{}, ErrClosed
	}
	if err := e.startBuilding(ctx); err != nil { // after a rebuild that runs now
		return ModelInfo{}, e.whyCancelled(err)
	}
	defer e.endBuilding()
	defer e.setActivity("", 0)
	info, err := e.train(e.politely(ctx), options, func(p TrainProgress) {
		e.setActivity("training", p.Progress)
		if progress != nil {
			progress(p)
		}
	})
	return info, e.whyCancelled(err)
}

// whyCancelled turns the cancellation of a training by Close into ErrClosed.
func (e *Engine) whyCancelled(err error) error {
	if errors.Is(err, context.Canceled) && e.background.Err() != nil {
		return ErrClosed
	}
	return err
}

// Shares of the whole that the stages of a training take, for the progress that users see.
const (
	trainingShare  = .6
	embeddingShare = .2
)

// train learns and swaps. The caller has put its element into e.building.
func (e *Engine) train(ctx context.Context, o TrainOptions, report func(TrainProgress)) (ModelInfo, error) {
	model, err := e.learn(ctx, o, report)
	if err != nil {
		return ModelInfo{}, err
	}
	created := e.now()
	err = e.replaceLive(ctx, model, created, func(stage string, share float64) {
		report(buildProgress(stage, share))
	})
	if err != nil {
		return ModelInfo{}, err
	}
	info := e.live.Load().modelInfo()
	report(TrainProgress{Stage: "done", Progress: 1, Model: &info})
	return info, nil
}

// buildProgress is a report while a generation is built under a new model.
func buildProgress(stage string, share float64) TrainProgress {
	if stage == "indexing" {
		return TrainProgress{Stage: stage, Progress: trainingShare + embeddingShare + (1-trainingShare-embeddingShare)*share}
	}
	return TrainProgress{Stage: stage, Progress: trainingShare + embeddingShare*share}
}

// learn makes a model of the stored papers.
func (e *Engine) learn(ctx context.Context, o TrainOptions, report func(TrainProgress)) (*embed.Model, error) {
	corpus, err := e.corpus(ctx)
	if err != nil {
		return nil, err
	}
	if corpus.Len() < 2 {
		return nil, ErrTooFewPapers
	}
	report(TrainProgress{Stage: "reading"})
	reading := true
	model, err := embed.Train(ctx, corpus, e.cfg.Embed, embed.TrainConfig{
		Epochs: o.Epochs,
		Seed:   o.Seed,
		Progress: func(p embed.Progress) {
			stage := "training"
			if p.Epoch == 0 {
				stage = "reading"
			} else if reading {
				reading = false
				e.store.DropMapped() // no text is read again
			}
			report(TrainProgress{Stage: stage, Progress: trainingShare * float64(p.Step) / float64(max(1, p.Steps)),
				Epoch: p.Epoch, Loss: p.Loss, PerSec: p.DocumentsPerSecond, ETA: p.ETA})
		},
	})
	if err == nil {
		err = corpus.err.get()
	}
	if err != nil {
		return nil, err
	}
	return model, e.at(PointTrainLearnt)
}
