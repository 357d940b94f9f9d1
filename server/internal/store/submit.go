package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/paper/wire"
)

// Mutation is one write of a batch.
type Mutation struct {
	ID    string       // 1 to 256 bytes
	Paper *paper.Paper // what to store, its ID the same; times and revision are not looked at. Nil: delete

	// IfOrdinal, when not 0, makes the mutation apply only if it is the id's ordinal at that moment. Otherwise the
	// mutation is skipped: its entry is Unchanged, without a Paper.
	IfOrdinal uint64
	// IfRevision is IfOrdinal by the revision of the stored content, which stores of one history share.
	IfRevision uint64

	Payload any // handed back in the Entry
}

// Entry is the outcome of one mutation, and a record of the change log.
type Entry struct {
	Revision uint64 // of this write; of the stored content when Unchanged; 0 when skipped
	ID       string
	Old, New uint64       // ordinals, 0 for none; both the present one when Unchanged
	Paper    *paper.Paper // as stored; nil for a delete, when skipped, and in entries of Log

	Created   bool // the id was not stored before
	Unchanged bool // nothing was written: the content was stored already, or IfOrdinal did not hold
	Payload   any
}

// Pending is a submitted batch, or a chore of the store's own.
type Pending struct {
	muts   []prepared
	repeat bool // an id occurs twice
	weight int64
	chore  func(w *writer) error // instead of muts
	alone  func() error          // instead of muts: on the committer, outside of any transaction
	log    *Logged               // nil: muts are in no log

	entries  []Entry
	position paper.Position // set with entries
	err      error
	done     chan struct{} // closed after entries and err are set
}

// prepared is a mutation with everything done that needs no order.
type prepared struct {
	Mutation
	content []byte // wire.AppendContent without the abstract
}

// mutationOverhead is the bytes that a mutation counts beside its content.
const mutationOverhead = 512

// Submit queues a batch that is stored all or none. The order of calls that follow one another is the order of
// revisions; in a batch, later mutations of an id see earlier ones. It waits while the queue is full: ErrQueueFull
// when ctx ends first. Also ErrInvalid, ErrReadOnly, ErrDiskFull and ErrClosed. The store keeps muts until the batch
// is done.
func (s *Store) Submit(ctx context.Context, muts []Mutation) (*Pending, error) {
	return s.submit(ctx, muts, nil)
}

// Logged is what a log says of a batch that it puts in order.
type Logged struct {
	// Time is that of create and update times.
	Time time.Time
	// Mark runs in the transaction of the batch, before it. Its error refuses the batch. Its changes are made even where
	// the batch fails, by ErrNotFound: that is the outcome which the log's other stores have too.
	Mark func(tx *RecordTx) error
}

// SubmitLogged is Submit for a batch that a log has put in its order. The batch may be empty.
func (s *Store) SubmitLogged(ctx context.Context, muts []Mutation, log Logged) (*Pending, error) {
	return s.submit(ctx, muts, &log)
}

func (s *Store) submit(ctx context.Context, muts []Mutation, log *Logged) (*Pending, error) {
	p := &Pending{log: log, weight: mutationOverhead, muts: make([]prepared, len(muts)), done: make(chan struct{})}
	seen := make(map[string]struct{}, len(muts))
	for i, m := range muts {
		if err := m.check(); err != nil {
			return nil, err
		}
		p.muts[i].Mutation = m
		p.weight += mutationOverhead + int64(len(m.ID))
		if m.Paper != nil {
			p.muts[i].content = wire.AppendContent(nil, m.Paper, false)
			p.weight += int64(len(p.muts[i].content) + len(m.Paper.Abstract))
		}
		if _, ok := seen[m.ID]; ok {
			p.repeat = true
		}
		seen[m.ID] = struct{}{}
	}
	return p, s.enqueue(ctx, p)
}

// check refuses what could not be read back.
func (m *Mutation) check() error {
	if m.ID == "" || len(m.ID) > maxID {
		return fmt.Errorf("%w: an id has 1 to %d bytes, this one %d", ErrInvalid, maxID, len(m.ID))
	}
	p := m.Paper
	if p == nil {
		return nil
	}
	if p.ID != m.ID {
		return fmt.Errorf("%w: the paper of id %q calls itself %q", ErrInvalid, m.ID, p.ID)
	}
	valid := utf8.ValidString(p.ID) && utf8.ValidString(p.Title) && utf8.ValidString(p.Abstract) &&
		utf8.ValidString(p.URL) && utf8.ValidString(p.DOI)
	for _, s := range p.Authors {
		valid = valid && utf8.ValidString(s)
	}
	for _, s := range p.Categories {
		valid = valid && utf8.ValidString(s)
	}
	for name, v := range p.Attributes {
		valid = valid && utf8.ValidString(name) && utf8.ValidString(v.String)
	}
	if !valid {
		return fmt.Errorf("%w: the paper of id %q holds text that is not UTF-8", ErrInvalid, m.ID)
	}
	return nil
}

// enqueue waits for room and queues p.
func (s *Store) enqueue(ctx context.Context, p *Pending) error {
	if err := s.Writable(); err != nil {
		return err
	}
	p.weight = min(p.weight, s.opt.QueueBytes)
	if err := s.room.Acquire(ctx, p.weight); err != nil {
		return fmt.Errorf("%w: %w", ErrQueueFull, err)
	}
	if !s.queue.push(p) {
		s.room.Release(p.weight)
		return ErrClosed
	}
	return nil
}

// Wait returns the outcome, in the order of the batch, once it is durable and the sink has seen it. ErrNotFound: a
// delete named an unknown id, and nothing of the batch was stored. ErrReadOnly: the disk failed; ErrDiskFull. When ctx
// ends first, its error comes back and the write goes on.
func (p *Pending) Wait(ctx context.Context) ([]Entry, error) {
	select {
	case <-p.done:
		return p.entries, p.err
	default:
	}
	select {
	case <-p.done:
		return p.entries, p.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Position is that of the first state that holds what the batch asked for, whether it was written or was there before.
// It is known once Wait has returned without an error.
func (p *Pending) Position() paper.Position { return p.position }

// run queues a chore and waits for it.
func (s *Store) run(ctx context.Context, chore func(w *writer) error) error {
	p := &Pending{chore: chore, weight: mutationOverhead, done: make(chan struct{})}
	if err := s.enqueue(ctx, p); err != nil {
		return err
	}
	_, err := p.Wait(ctx)
	return err
}

// runAlone queues a function for the committer to run between two groups, and waits for it to run. Unlike that of Wait,
// its ctx does not give up what is queued.
func (s *Store) runAlone(ctx context.Context, fn func() error) error {
	p := &Pending{alone: fn, weight: mutationOverhead, done: make(chan struct{})}
	if err := s.enqueue(ctx, p); err != nil {
		return err
	}
	<-p.done
	return p.err
}

// queue holds batches in the order of their submission. Its bytes are bounded by Store.room.
type queue struct {
	mu     sync.Mutex
	items  []*Pending
	closed bool
	ready  chan struct{} // has room for one token: there may be something to take
}

// push adds p, false when closed.
func (q *queue) push(p *Pending) bool {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return false
	}
	q.items = append(q.items, p)
	q.mu.Unlock()
	q.wake()
	return true
}

func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// close refuses further pushes, false when it was closed.
func (q *queue) close() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.closed = true
	q.wake()
	return true
}

// take waits for items and removes as many as fit into limit bytes, at least one. None: closed and empty.
func (q *queue) take(dst []*Pending, limit int64) []*Pending {
	for {
		q.mu.Lock()
		dst = q.fit(dst, limit)
		closed := q.closed
		q.mu.Unlock()
		if len(dst) > 0 || closed {
			return dst
		}
		<-q.ready
	}
}

// join removes items that fit into limit bytes beside those of a group.
func (q *queue) join(group []*Pending, limit int64) []*Pending {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.fit(group, limit)
}

// fit is take and join, under mu. What is done alone is in no group.
func (q *queue) fit(dst []*Pending, limit int64) []*Pending {
	bytes := int64(0)
	for _, p := range dst {
		bytes += p.weight
	}
	n := 0
	for ; n < len(q.items); n++ {
		p := q.items[n]
		bytes += p.weight
		if len(dst)+n > 0 && (bytes > limit || p.alone != nil || q.items[0].alone != nil) {
			break
		}
	}
	dst = append(dst, q.items[:n]...)
	rest := copy(q.items, q.items[n:])
	clear(q.items[rest:])
	q.items = q.items[:rest]
	return dst
}

// errNothing ends a transaction that changed nothing without a write to disk.
var errNothing = errors.New("nothing to write")
