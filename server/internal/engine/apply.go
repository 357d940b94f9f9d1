package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/profile"
	"github.com/akin-search/akin/server/internal/store"
)

// markKey is the record that says how far the log is applied: the number, uint64, and the mark.
var markKey = []byte("applied")

// errOutOfPlace: a write does not follow the one before it. It comes behind one that could not be stored.
var errOutOfPlace = errors.New("a write of the log is not the next one")

// applyAhead bounds the writes of the log that are submitted to the store and not yet visible.
const applyAhead = 64

// settling is a write of the log on its way through the store.
type settling struct {
	write   Ordered
	pending *Pending
	events  *orderedWrite // whose profiles change
	outcome *error        // of what the store does not judge: nil, or an error that all nodes come to
	count   *int          // of events that are new, set with outcome
	records *orderedWrite // whose records change
	flush   chan struct{} // instead of all else: closed when everything before is settled
}

// openOrder begins the engine's part in an order.
func (e *Engine) openOrder() error {
	e.ordered.tickets = map[string]*ticket{}
	e.ordered.settling = make(chan settling, applyAhead)
	e.ordered.settled = make(chan struct{})
	sequence, _, err := e.Mark()
	if err != nil {
		return err
	}
	e.ordered.sequence = sequence
	go e.settle()
	return nil
}

// Mark is how far the log is applied and on disk: the number and the mark of the last write; 0 and nil before the
// first.
func (e *Engine) Mark() (sequence uint64, mark []byte, err error) {
	value, err := e.store.Record(store.LogTable, markKey)
	if err != nil || value == nil {
		return 0, nil, storeError(err)
	}
	if len(value) < 8 {
		return 0, nil, fmt.Errorf("%w: the record of the log's place", store.ErrDamaged)
	}
	return binary.BigEndian.Uint64(value), value[8:], nil
}

// Apply takes the next write of the log in. It returns when the write is on its way and the next one may come; writes
// become visible in their order. An error says that this or an earlier write was not applied, and that nothing behind
// it will be: the caller goes on behind Mark once the cause is gone. One goroutine calls it.
func (e *Engine) Apply(ctx context.Context, o Ordered) error {
	if err := e.applyFault(ctx); err != nil {
		return err
	}
	w, err := decodeBody(o.Body)
	if err != nil {
		return fmt.Errorf("write %d of the log: %w", o.Sequence, err)
	}
	e.own(&w)
	b := &Batch{engine: e, mutations: w.deletes, applied: make(chan struct{})}
	s := settling{write: o}
	mark := func(tx *store.RecordTx) error { return putMark(tx, &o) }
	switch w.kind {
	case bodyUpsert:
		items, err := e.prepare(ctx, e.live.Load().model, w.papers)
		if err != nil {
			return err
		}
		b.mutations = make([]store.Mutation, len(items))
		for i, it := range items {
			it.batch = b
			b.mutations[i] = store.Mutation{ID: it.paper.ID, Paper: it.paper, Payload: it}
		}
		b.countRoom()
	case bodyDelete:
		for i := range b.mutations {
			b.mutations[i].Payload = &item{batch: b}
		}
	case bodyEvents:
		s.events, s.outcome, s.count = &w, new(error), new(int)
		mark = func(tx *store.RecordTx) error {
			before := tx.Save()
			n, err := e.profiles.Put(tx, w.owner, w.events, o.Time)
			if errors.Is(err, profile.ErrFull) {
				tx.Restore(before)
			} else if err != nil {
				return err
			}
			*s.count, *s.outcome = n, err
			return putMark(tx, &o)
		}
	case bodyModel:
		if err := e.flush(ctx); err != nil {
			return err
		}
		switch err := e.ActivateModel(ctx, w.model); {
		case errors.Is(err, ErrNotPrepared): // it is taken from another node, who serves it: see WantedModel
			e.log.Warn("the model that serves from now on is not here yet", "model", w.model)
		case err != nil:
			return err
		}
		mark = func(tx *store.RecordTx) error {
			if err := tx.Put(store.LogTable, modelKey, []byte(w.model)); err != nil {
				return err
			}
			return putMark(tx, &o)
		}
	case bodyRecords:
		s.records, s.outcome = &w, new(error)
		mark = func(tx *store.RecordTx) error {
			err := putRecords(tx, &w, o.Sequence)
			if *s.outcome = err; err != nil && !errors.Is(err, ErrRecordsChanged) {
				return err
			}
			return putMark(tx, &o)
		}
	case bodyForget: // takes several commits, the last of which has the mark
		if err := e.flush(ctx); err != nil {
			return err
		}
		err := e.profiles.Delete(ctx, w.owner, w.profile)
		if err != nil && !errors.Is(err, profile.ErrNotFound) {
			return storeError(err)
		}
		s.outcome = &err
	}
	if err := e.waitForTail(ctx, len(b.mutations)); err != nil {
		return err
	}
	if err := e.pace.take(ctx, len(b.mutations)); err != nil {
		return err
	}
	b.freshen()
	p, err := e.store.SubmitLogged(ctx, b.mutations, store.Logged{Time: o.Time, Mark: mark})
	if err != nil {
		b.giveRoom()
		return storeError(err)
	}
	s.pending = &Pending{batch: b, store: p}
	if w.kind == bodyUpsert || w.kind == bodyDelete {
		e.lastWrite.Store(int64(time.Since(e.opened))) // whoever took it: background work waits for a moment without
	}
	e.ordered.settling <- s
	return nil
}

// putMark notes that a write is applied, if it is the next one.
func putMark(tx *store.RecordTx, o *Ordered) error {
	before, err := tx.Get(store.LogTable, markKey)
	if err != nil {
		return err
	}
	present := uint64(0)
	if len(before) >= 8 {
		present = binary.BigEndian.Uint64(before)
	}
	if o.Sequence != present+1 {
		return fmt.Errorf("%w: %d after %d", errOutOfPlace, o.Sequence, present)
	}
	return tx.Put(store.LogTable, markKey, append(binary.BigEndian.AppendUint64(nil, o.Sequence), o.Mark...))
}

// applyFault tells once of a write that could not be applied, after all behind it have failed too.
func (e *Engine) applyFault(ctx context.Context) error {
	e.ordered.mu.Lock()
	fault := e.ordered.fault
	e.ordered.mu.Unlock()
	if fault == nil {
		return nil
	}
	if err := e.flush(ctx); err != nil {
		return err
	}
	e.ordered.mu.Lock()
	e.ordered.fault = nil
	e.ordered.mu.Unlock()
	return fault
}

// flush returns when everything that was applied is settled.
func (e *Engine) flush(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case e.ordered.settling <- settling{flush: done}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settle waits for submitted writes in their order, and tells those who wait for them.
func (e *Engine) settle() {
	defer close(e.ordered.settled)
	for s := range e.ordered.settling {
		e.settleOne(s)
	}
}

func (e *Engine) settleOne(s settling) {
	if s.flush != nil {
		close(s.flush)
		return
	}
	entries, err := s.pending.wait(context.Background()) // it ends with the store
	if err == nil && s.outcome != nil {
		err = *s.outcome
	}
	if s.events != nil {
		e.profiles.Changed(s.events.owner, s.events.events)
	}
	if s.records != nil && err == nil {
		e.tellRecords(s.write.Sequence, s.records.records)
	}
	o := &e.ordered
	if err != nil && !isOutcome(err) {
		o.mu.Lock()
		if o.fault == nil {
			o.fault = fmt.Errorf("write %d of the log: %w", s.write.Sequence, err)
		}
		o.mu.Unlock()
		return // a ticket of this node waits until the write is applied, or until its caller gives up
	}
	position := s.pending.store.Position()
	if e.part() != nil {
		position = paper.Position{Revision: s.write.Sequence, Lineage: e.cfg.Order.Lineage}
		e.outcomes.add(s.write.Sequence, outcomesOf(&s, entries, errors.Is(err, ErrNotFound)))
	}
	o.mu.Lock()
	t := o.tickets[s.write.ID]
	if t != nil {
		delete(o.tickets, s.write.ID)
		t.sequence, t.entries, t.position, t.err = s.write.Sequence, entries, position, err
		if s.count != nil {
			t.recorded = *s.count
		}
		close(t.done)
	}
	o.sequence = s.write.Sequence
	o.mu.Unlock()
	o.applied.reached(s.write.Sequence)
	if e.cfg.Order.Applied != nil {
		e.cfg.Order.Applied(s.write.Mark)
	}
}

// isOutcome reports whether an error is what every node makes of a write, rather than a fault of this one.
func isOutcome(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, profile.ErrFull) || errors.Is(err, profile.ErrNotFound) ||
		errors.Is(err, ErrRecordsChanged)
}
