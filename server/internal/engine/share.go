package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/store"
)

// Nodes of one log share one model. The one that leads learns it when the schedule wants one, and prepares it; the
// others read it from there and prepare it too; and a write of the log makes it serve on all of them from the same
// revision on. A node that had not prepared it then takes it from one that serves it, and answers nothing until it has.

// modelKey is the record that names the model which the log has made serve.
var modelKey = []byte("model")

// WantedModel is the fingerprint of the model that the log says serves; empty before the first.
func (e *Engine) WantedModel() (string, error) {
	value, err := e.store.Record(store.LogTable, modelKey)
	return string(value), storeError(err)
}

// learnForAll makes a model for all nodes when one is due, where this one leads.
func (e *Engine) learnForAll(ctx context.Context, t task) error {
	if o := e.cfg.Order; o.Leads == nil || !o.Leads() {
		return nil
	}
	_, err := e.learnHere(ctx, t == train, TrainOptions{}, func(TrainProgress) {})
	if errors.Is(err, ErrTrainingRuns) {
		return nil // a training that was asked for, which does as well
	}
	return err
}

// LearnForAll learns a model for all nodes of a log, on this one, which leads: it prepares it, has the others prepare
// it too, and returns once it serves here. Otherwise it is as Train, whose calls on any node end up here.
func (e *Engine) LearnForAll(ctx context.Context, o TrainOptions, progress func(TrainProgress)) (ModelInfo, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.background, cancel)()
	if e.background.Err() != nil {
		return ModelInfo{}, ErrClosed
	}
	info, err := e.learnHere(ctx, true, o, progress)
	return info, e.whyCancelled(err)
}

// learnHere makes a model, with rows that are learnt or with weights of words alone, and has all nodes serve it.
func (e *Engine) learnHere(ctx context.Context, rows bool, o TrainOptions, progress func(TrainProgress)) (
	ModelInfo, error,
) {
	if rows {
		if !e.training.CompareAndSwap(false, true) {
			return ModelInfo{}, ErrTrainingRuns
		}
		defer e.training.Store(false)
	}
	// One model at a time is on its way to the other nodes: what is prepared would be dropped for the next one. Weights of
	// words alone do not wait, since what they would wait for is the better model.
	if rows {
		select {
		case e.sharing <- struct{}{}:
		case <-ctx.Done():
			return ModelInfo{}, ctx.Err()
		}
	} else {
		select {
		case e.sharing <- struct{}{}:
		default:
			return ModelInfo{}, ErrTrainingRuns
		}
	}
	defer func() { <-e.sharing }()
	info, err := e.prepareLearnt(ctx, rows, o, progress)
	if err != nil {
		return info, err
	}
	defer e.DropModel(info.Fingerprint) // nothing, where it was activated
	progress(TrainProgress{Stage: "sharing", Progress: sharingFrom})
	if err := e.cfg.Order.Share(ctx, info.Fingerprint); err != nil {
		return info, err
	}
	progress(TrainProgress{Stage: "done", Progress: 1, Model: &info})
	return info, nil
}

// sharingFrom is the share of the whole that is done when the other nodes begin to prepare a model.
const sharingFrom = .9

// prepareLearnt makes a model of the stored papers, with rows that were learnt or with weights of words alone, and
// prepares it.
func (e *Engine) prepareLearnt(ctx context.Context, rows bool, o TrainOptions, progress func(TrainProgress)) (
	info ModelInfo, err error,
) {
	e.DropPrepared()
	e.prepared.mu.Lock()
	defer e.prepared.mu.Unlock()
	if err := e.startBuilding(ctx); err != nil {
		return info, err
	}
	e.setActivity("training", 0)
	defer e.setActivity("", 0)
	start := e.holdLog()
	defer func() {
		if err != nil {
			e.releaseLog()
			e.endBuilding()
		}
	}()
	report := func(p TrainProgress) {
		p.Progress *= sharingFrom
		e.setActivity("training", p.Progress)
		progress(p)
	}
	var model *embed.Model
	switch {
	case e.part() != nil:
		model, err = e.learnOfAll(e.politely(ctx), rows, o, report)
	case rows:
		model, err = e.learn(e.politely(ctx), o, report)
	default:
		model, err = e.fit(ctx, nil)
	}
	if err != nil {
		return info, err
	}
	next, err := e.buildNext(ctx, start, model, e.now(), func(stage string, share float64) {
		report(buildProgress(stage, share))
	})
	if err != nil {
		return info, err
	}
	if next.odds, err = e.oddsOf(ctx, next); err != nil {
		return info, err
	}
	e.prepared.next = next
	return next.modelInfo(), nil
}

// DropModel lets go of a prepared model, if it is that one.
func (e *Engine) DropModel(fingerprint string) {
	e.prepared.mu.Lock()
	defer e.prepared.mu.Unlock()
	if e.prepared.next != nil && e.prepared.next.model.Fingerprint() == fingerprint {
		e.forgetPrepared()
	}
}

// MakeModelServe has the log make a prepared model serve on all nodes, and returns when it does here.
func (e *Engine) MakeModelServe(ctx context.Context, fingerprint string) error {
	t, err := e.submitOrdered(ctx, encodeModel(fingerprint), false, nil, func(context.Context) ([]store.Entry, error) {
		return nil, nil
	})
	if err != nil {
		return err
	}
	_, _, err = t.wait(ctx, e)
	return err
}

// modelHeader is in front of a model on its way to another node: when it was made, in nanoseconds, and its bytes.
const modelHeader = 8 + 8

// WriteModelOf writes the model of a fingerprint, live or prepared, as ReadModelOf reads it.
func (e *Engine) WriteModelOf(fingerprint string, w io.Writer) error {
	g := e.live.Load()
	if g.model.Fingerprint() != fingerprint {
		e.prepared.mu.Lock()
		g = e.prepared.next
		e.prepared.mu.Unlock()
		if g == nil || g.model.Fingerprint() != fingerprint {
			return fmt.Errorf("%w: %s", ErrNotPrepared, fingerprint)
		}
	}
	var b bytes.Buffer
	if _, err := (keptModel{g}).WriteTo(&b); err != nil {
		return err
	}
	header := binary.BigEndian.AppendUint64(nil, uint64(g.created.UnixNano()))
	if _, err := w.Write(binary.BigEndian.AppendUint64(header, uint64(b.Len()))); err != nil {
		return err
	}
	_, err := b.WriteTo(w)
	return err
}

// ReadModelOf prepares a model that another node has written.
func (e *Engine) ReadModelOf(ctx context.Context, fingerprint string, r io.Reader) error {
	var header [modelHeader]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return err
	}
	created := time.Unix(0, int64(binary.BigEndian.Uint64(header[:]))).UTC()
	size := int64(binary.BigEndian.Uint64(header[8:]))
	info, err := e.PrepareModel(ctx, io.LimitReader(r, size), size, created)
	if err != nil {
		return err
	}
	if info.Fingerprint != fingerprint {
		e.DropPrepared()
		return fmt.Errorf("%w: %s came for %s", ErrNotPrepared, info.Fingerprint, fingerprint)
	}
	return nil
}
