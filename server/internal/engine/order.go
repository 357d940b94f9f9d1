package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/profile"
	"github.com/akin-search/akin/server/internal/store"
)

// Order is a log that puts the writes of this engine among those of other nodes. A write goes into the log first; this
// engine, like those of all nodes, applies what comes out of it (Apply), in that order and no other:
//
//	validate -> encode -> Append: a majority has it on disk -> Apply here, in its turn -> answer
//
// So engines that have applied the same number of writes hold the same papers under the same revisions.
type Order struct {
	// Lineage is that of the log, and of every revision made by it.
	Lineage paper.Lineage
	// Append puts a write into the log under the id of its request, and returns its number once it cannot be lost.
	// duplicate: the log had the request already, under that number.
	Append func(ctx context.Context, id string, body []byte) (sequence uint64, duplicate bool, err error)
	// Everywhere returns once a write is visible on every node that answers reads. Nil: nobody waits for other nodes.
	Everywhere func(ctx context.Context, sequence uint64) error
	// Applied is told of every write that has become visible here, in order, by one goroutine.
	Applied func(mark []byte)
	// RequestID names the request of a call, for a retry of it to be known; empty: none. Nil: none are known.
	RequestID func(ctx context.Context) string
	// Leads reports whether this node is the one that learns models for all. Nil: none is learnt.
	Leads func() bool
	// Learn has the node that leads make a model for all (LearnForAll), and returns once it serves on this one.
	Learn func(ctx context.Context, o TrainOptions, progress func(TrainProgress)) (ModelInfo, error)
	// Share has the other nodes prepare a model that this one has prepared (WriteModelOf gives it to them), and then
	// activates it. It returns when the model serves here.
	Share func(ctx context.Context, fingerprint string) error
	// Part is what this engine holds of the papers. Nil: all of them.
	Part *Part
}

// Ordered is a write that the log has put in its place.
type Ordered struct {
	Sequence uint64 // without gaps
	ID       string // of its request
	Time     time.Time
	Body     []byte
	Mark     []byte // place in the log behind the write; stored with what the write makes
}

// ordering is an engine's part in an order; the zero value has none.
type ordering struct {
	mu      sync.Mutex
	tickets map[string]*ticket // writes of this node on their way, by request id
	fault   error              // why a write could not be applied; later ones are refused until it was told

	settling chan settling // writes that are submitted to the store, in order
	settled  chan struct{} // closed when all are settled, after Close
	applied  arrivals      // calls that wait for a number of the log
	sequence uint64        // applied; under mu
}

// ticket is a write of this node that waits until it comes out of the log.
type ticket struct {
	done     chan struct{}
	sequence uint64           // read once done is closed
	asked    []store.Mutation // of a write whose papers may belong to other shards: all of it
	entries  []store.Entry
	position paper.Position
	recorded int // events that are new
	err      error
	again    func(ctx context.Context) ([]store.Entry, error) // the outcome of a request that was applied before
}

// submitOrdered puts a write into the log and returns what waits for it. again finds the outcome where the log says
// that it has had the request before. named requests are known when they are repeated. asked is
// what a write of papers asks for.
func (e *Engine) submitOrdered(
	ctx context.Context, body []byte, named bool, asked []store.Mutation,
	again func(ctx context.Context) ([]store.Entry, error),
) (*ticket, error) {
	if err := e.Writable(); err != nil {
		return nil, err
	}
	id := rand.Text()
	if named && e.cfg.Order.RequestID != nil {
		if request := e.cfg.Order.RequestID(ctx); request != "" {
			// One name may stand for several calls of one undertaking: a retry has the same content too.
			id = request + "-" + hex.EncodeToString(fmt.Append(nil, xxhash.Sum64(body)))
		}
	}
	t := &ticket{done: make(chan struct{}), again: again}
	if e.part() != nil {
		t.asked = asked
	}
	o := &e.ordered
	o.mu.Lock()
	if running, ok := o.tickets[id]; ok { // the same request, sent again while it is under way
		o.mu.Unlock()
		return running, nil
	}
	o.tickets[id] = t
	o.mu.Unlock()
	sequence, duplicate, err := e.cfg.Order.Append(ctx, id, body)
	if err != nil || duplicate {
		o.mu.Lock()
		select {
		case <-t.done: // it has come out of the log, whatever became of the acknowledgement
			err, duplicate = nil, false
		default:
			if err != nil {
				delete(o.tickets, id)
			}
		}
		o.mu.Unlock()
	}
	if err != nil {
		return nil, err
	}
	if duplicate {
		return t, e.settleAgain(ctx, id, sequence, t)
	}
	return t, nil
}

// settleAgain gives a request that the log had before its outcome, once it is applied here.
func (e *Engine) settleAgain(ctx context.Context, id string, sequence uint64, t *ticket) error {
	if err := e.AwaitSequence(ctx, sequence); err != nil {
		return err
	}
	select {
	case <-t.done: // the log had it from an earlier attempt of this very call
		return nil
	default:
	}
	e.ordered.mu.Lock()
	delete(e.ordered.tickets, id)
	e.ordered.mu.Unlock()
	t.entries, t.err = t.again(ctx)
	t.sequence, t.position = sequence, e.reached()
	close(t.done)
	return nil
}

// AwaitSequence returns once a number of the log is applied here.
func (e *Engine) AwaitSequence(ctx context.Context, sequence uint64) error {
	come, forget := e.ordered.applied.expect(sequence, e.Sequence)
	if come == nil {
		return nil
	}
	defer forget()
	select {
	case <-come:
		return nil
	case <-e.background.Done():
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wait returns the outcome of a write once it is visible here, and everywhere where that is asked for.
func (t *ticket) wait(ctx context.Context, e *Engine) ([]store.Entry, paper.Position, error) {
	select {
	case <-t.done:
	case <-ctx.Done():
		return nil, paper.Position{}, fmt.Errorf("the write is durable, but was not seen to become visible: %w", ctx.Err())
	case <-e.background.Done():
		return nil, paper.Position{}, ErrClosed
	}
	if t.err != nil {
		return nil, paper.Position{}, t.err
	}
	entries, err := e.withElsewhere(ctx, t)
	if err != nil {
		return nil, paper.Position{}, err
	}
	if e.cfg.Order.Everywhere != nil {
		if err := e.cfg.Order.Everywhere(ctx, t.sequence); err != nil {
			return nil, paper.Position{}, fmt.Errorf("the write is durable, but not visible on every node: %w", err)
		}
	}
	return entries, t.position, nil
}

// Sequence is the number of the newest write of the log that is visible here.
func (e *Engine) Sequence() uint64 {
	e.ordered.mu.Lock()
	defer e.ordered.mu.Unlock()
	return e.ordered.sequence
}

// upsertOrdered writes papers by way of the log.
func (e *Engine) upsertOrdered(ctx context.Context, b *Batch, named bool) (*Pending, error) {
	if err := b.takeRoom(); err != nil {
		return nil, err
	}
	defer b.giveRoom()
	papers := make([]*paper.Paper, len(b.mutations))
	var ids []string // of those that are stored here
	var own []*paper.Paper
	for i, m := range b.mutations {
		if papers[i] = m.Paper; e.owns(m.ID) {
			ids, own = append(ids, m.ID), append(own, m.Paper)
		}
	}
	again := func(ctx context.Context) ([]store.Entry, error) {
		stored, err := e.Get(ctx, ids, true)
		if err != nil {
			return nil, err
		}
		entries := make([]store.Entry, len(stored))
		for i, p := range stored {
			if p == nil {
				p = own[i] // removed since
			}
			entries[i] = store.Entry{ID: p.ID, Revision: p.Revision, Paper: p, Unchanged: true}
		}
		return entries, nil
	}
	t, err := e.submitOrdered(ctx, encodeUpsert(papers), named, b.mutations, again)
	if err != nil {
		return nil, err
	}
	return &Pending{batch: b, ticket: t}, nil
}

// deleteOrdered removes papers by way of the log: those of one request all or none, or those of a purge that still
// have the revision in which it has met them.
func (e *Engine) deleteOrdered(ctx context.Context, body []byte, named bool, asked ...store.Mutation) (
	[]store.Entry, paper.Position, error) {
	again := func(context.Context) ([]store.Entry, error) { return make([]store.Entry, len(asked)), nil }
	t, err := e.submitOrdered(ctx, body, named, asked, again)
	if err != nil {
		return nil, paper.Position{}, err
	}
	return t.wait(ctx, e)
}

// purgeOrdered is deletePapers for a run of a purge.
func (e *Engine) purgeOrdered(ctx context.Context, run []store.IDOrdinal) ([]store.Entry, paper.Position, error) {
	ordinals := make([]uint64, len(run))
	for i := range run {
		ordinals[i] = run[i].Ordinal
	}
	papers, err := e.store.Papers(ordinals, false, make([]*paper.Paper, 0, len(run)))
	if err != nil {
		return nil, paper.Position{}, storeError(err)
	}
	var met []store.Mutation
	for _, p := range papers {
		if p != nil {
			met = append(met, store.Mutation{ID: p.ID, IfRevision: p.Revision})
		}
	}
	return e.deleteOrdered(ctx, encodeDelete(met), false, met...)
}

// recordOrdered is RecordEvents by way of the log.
func (e *Engine) recordOrdered(ctx context.Context, owner string, events []profile.Owned) (int, error) {
	t, err := e.submitOrdered(ctx, encodeEvents(owner, events), true, nil, func(context.Context) ([]store.Entry, error) {
		return nil, nil // events are known by their ids: none is new
	})
	if err != nil {
		return 0, err
	}
	if _, _, err := t.wait(ctx, e); err != nil {
		return 0, err
	}
	return t.recorded, nil
}
