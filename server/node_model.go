package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/akin-search/akin/server/internal/engine"
)

const (
	modelPoll    = 200 * time.Millisecond
	sharePatient = 15 * time.Minute // for the slowest node to prepare a model
	wantPatient  = time.Minute      // for a node that joins to get the model that serves
)

// share waits until every node that is heard has prepared a model, and has the log make it serve.
func (n *node) share(ctx context.Context, fingerprint string) error {
	n.writes.Ready(fingerprint)
	defer n.writes.Ready("")
	ctx, cancel := context.WithTimeout(ctx, sharePatient)
	defer cancel()
	for {
		if !n.writes.Leads() { // the others prepare what another node says
			return engine.ErrTrainingLost
		}
		ready, missing := 0, 0
		for _, m := range n.writes.Members() {
			switch {
			case m.Ready == fingerprint || m.Model == fingerprint:
				ready++
			case m.Heard():
				missing++
			}
		}
		if missing == 0 && ready > len(n.cfg.Peers)/2 {
			return n.live.MakeModelServe(ctx, fingerprint)
		}
		select {
		case <-time.After(modelPoll):
		case <-ctx.Done():
			return fmt.Errorf("the model %s is not on all nodes: %w", fingerprint, ctx.Err())
		}
	}
}

// adopt prepares what the node that leads has prepared, and gets the model that serves where this node lacks it, until
// ctx ends.
func (n *node) adopt(ctx context.Context) {
	refused := ""
	var fit fitting
	for {
		wanted, err := n.live.WantedModel()
		switch {
		case err == nil && wanted != "" && wanted != n.live.Model():
			err = n.take(ctx, wanted)
			if err == nil {
				err = n.live.ActivateModel(ctx, wanted)
			}
		case err == nil:
			err = n.prepareNext(ctx)
		}
		n.mind(&fit)
		if from, failed := n.mark(); failed == nil {
			n.writes.Report(from, n.live.Model())
		}
		if err != nil && ctx.Err() == nil && err.Error() != refused {
			refused = err.Error()
			n.log.Warn("a model of the cluster is not here yet", "error", err)
		}
		select {
		case <-time.After(modelPoll):
		case <-ctx.Done():
			return
		}
	}
}

// prepareNext prepares the model that the node which leads has prepared, once, and lets go of one that no node goes on
// with.
func (n *node) prepareNext(ctx context.Context) error {
	for _, m := range n.writes.Members() {
		if !m.Leads || !m.Heard() {
			continue
		}
		own := m.Node == n.cfg.Node
		if n.prepared != "" && n.prepared != n.live.Model() && n.prepared != m.Model && (own || n.prepared != m.Ready) {
			n.live.DropModel(n.prepared)
			n.prepared = ""
			if !own {
				n.writes.Ready("")
			}
		}
		if own || m.Ready == "" || m.Ready == n.prepared {
			continue
		}
		if err := n.take(ctx, m.Ready); err != nil {
			return err
		}
		n.prepared = m.Ready
		n.writes.Ready(m.Ready)
	}
	return nil
}

func (n *node) take(ctx context.Context, fingerprint string) error {
	return n.writes.Take(ctx, fingerprint, func(r io.Reader) error { return n.live.ReadModelOf(ctx, fingerprint, r) })
}

// awaitModel returns once the model that serves on the other nodes serves here. Where none of them has it, as after all
// were killed just when it was to serve, the node goes on with its own, and the next one is learnt.
func (n *node) awaitModel(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, wantPatient)
	defer cancel()
	for {
		wanted, err := n.live.WantedModel()
		if err != nil || wanted == "" || wanted == n.live.Model() {
			return err
		}
		select {
		case <-time.After(modelPoll):
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				n.log.Warn("no node gives the model that serves: this one answers by its own until the next", "model", wanted)
				return nil
			}
			return ctx.Err()
		}
	}
}
