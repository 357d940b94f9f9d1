package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Where many nodes share one model, one of them learns it and all adopt it: PrepareModel builds the next generation
// under it beside the one that serves, which may take minutes and as many on each node as its shard is large, and
// ActivateModel puts it in place, within one call, at the revision that the caller has come to. The old generation
// answers for a minute more whoever names its model (see previous.go).

// ErrNotPrepared: the model to be activated has not been prepared, or another was since.
var ErrNotPrepared = errors.New("the model has not been prepared")

// prepared is the generation that waits for its activation. It holds the place in Engine.building and the log behind
// it, so no other generation is built meanwhile.
type prepared struct {
	mu   sync.Mutex // held while one is prepared, activated or dropped
	next *Generation
}

// WriteModel writes the live model, as PrepareModel reads it, and returns its fingerprint and when it was made.
func (e *Engine) WriteModel(w io.Writer) (fingerprint string, created time.Time, err error) {
	g := e.live.Load()
	_, err = keptModel{g}.WriteTo(w)
	return g.model.Fingerprint(), g.created, err
}

// PrepareModel reads a model of size bytes, which was made at a time, and builds the next generation under it. A model
// that was prepared before and not activated is dropped first. What is prepared is not kept over a restart. Preparing
// the model that serves already only reads it.
func (e *Engine) PrepareModel(ctx context.Context, r io.Reader, size int64, created time.Time) (ModelInfo, error) {
	odds, model, err := e.decodeModel(r, size)
	if err != nil {
		return ModelInfo{}, fmt.Errorf("prepare a model: %w", err)
	}
	e.DropPrepared()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.background, cancel)()
	e.prepared.mu.Lock()
	defer e.prepared.mu.Unlock()
	if live := e.live.Load(); live.model.Fingerprint() == model.Fingerprint() {
		return live.modelInfo(), nil
	}
	if err := e.startBuilding(ctx); err != nil {
		return ModelInfo{}, e.whyCancelled(err)
	}
	start := e.holdLog()
	defer e.setActivity("", 0)
	next, err := e.buildNext(ctx, start, model, created, func(_ string, share float64) {
		e.setActivity("preparing", share)
	})
	if err != nil {
		e.releaseLog()
		e.endBuilding()
		return ModelInfo{}, e.whyCancelled(err)
	}
	next.odds = odds
	e.prepared.next = next
	return next.modelInfo(), nil
}

// ActivateModel puts the prepared generation in place. It returns when queries are answered under its model. Nothing
// happens when the model serves already.
func (e *Engine) ActivateModel(ctx context.Context, fingerprint string) error {
	e.prepared.mu.Lock()
	defer e.prepared.mu.Unlock()
	next := e.prepared.next
	switch {
	case e.live.Load().model.Fingerprint() == fingerprint:
		return nil
	case next == nil || next.model.Fingerprint() != fingerprint:
		return fmt.Errorf("%w: %s", ErrNotPrepared, fingerprint)
	}
	if err := e.takeOver(ctx, next); err != nil {
		return err
	}
	e.forgetPrepared()
	return nil
}

// DropPrepared lets go of what is prepared, if anything.
func (e *Engine) DropPrepared() {
	e.prepared.mu.Lock()
	defer e.prepared.mu.Unlock()
	if e.prepared.next != nil {
		e.forgetPrepared()
	}
}

// forgetPrepared gives back what the prepared generation held. The caller has prepared.mu.
func (e *Engine) forgetPrepared() {
	e.prepared.next = nil
	e.releaseLog()
	e.endBuilding()
}
