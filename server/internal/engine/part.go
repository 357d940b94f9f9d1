package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/store"
)

// Part is what an engine holds of a log whose papers are spread over shards. Every engine reads every write; it stores
// the papers that it owns, and of the others the place in the log alone. So the number of a write is known to all
// shards, and positions are such numbers: Written.Position and what Await takes. Revisions of papers are each shard's.
// Events, profiles and models are on every engine.
type Part struct {
	// Shards is their number, from 2.
	Shards int
	// Owns reports whether a paper belongs to this engine.
	Owns func(id string) bool
	// Elsewhere returns what became of papers of other shards in a write, in the order of their ids, once queries there
	// see it (Outcomes, of an engine of each shard).
	Elsewhere func(ctx context.Context, sequence uint64, ids []string) ([]Outcome, error)
	// Corpus gathers what a model of all papers is learnt from: their frequencies, and with texts a sample of them.
	Corpus func(ctx context.Context, texts bool) (*embed.Frequencies, []*paper.Paper, error)
}

// Outcome is what became of one paper of a write.
type Outcome struct {
	Revision       uint64 // of the paper as it is stored, and its times; 0 where it is not
	Create, Update time.Time
	Created        bool // as in WriteResult
	Unchanged      bool
	Missing        bool // it was to be removed, and was not stored
}

// ShardError says which shard does not answer, from 1.
type ShardError struct {
	Shard, Shards int
	Cause         error
}

// Public is what callers may know.
func (s *ShardError) Public() string {
	return fmt.Sprintf("no node answers for shard %d of %d", s.Shard, s.Shards)
}

func (s *ShardError) Error() string { return fmt.Sprintf("%s: %v", s.Public(), s.Cause) }

func (s *ShardError) Unwrap() []error { return []error{ErrShardUnavailable, s.Cause} }

// part is nil for an engine that holds all papers.
func (e *Engine) part() *Part {
	if e.cfg.Order == nil {
		return nil
	}
	return e.cfg.Order.Part
}

// owns reports whether a paper is stored here, if it is stored.
func (e *Engine) owns(id string) bool {
	p := e.part()
	return p == nil || p.Owns(id)
}

// own leaves of a write what belongs to this engine.
func (e *Engine) own(w *orderedWrite) {
	if e.part() == nil {
		return
	}
	w.papers = slices.DeleteFunc(w.papers, func(p *paper.Paper) bool { return !e.owns(p.ID) })
	w.deletes = slices.DeleteFunc(w.deletes, func(m store.Mutation) bool { return !e.owns(m.ID) })
}

// reached is the position of what queries see now at least.
func (e *Engine) reached() paper.Position {
	if e.part() == nil {
		return e.store.Position()
	}
	return paper.Position{Revision: e.Sequence(), Lineage: e.cfg.Order.Lineage}
}

// positionOf is the position of a view of a revision. It includes the write of the log that was reached before the view
// was taken.
func (e *Engine) positionOf(revision, reached uint64) (paper.Position, error) {
	if e.part() != nil {
		return paper.Position{Revision: reached, Lineage: e.cfg.Order.Lineage}, nil
	}
	p, err := e.store.PositionOf(revision)
	return p, storeError(err)
}

// leastKey is the key of WithLeast.
type leastKey struct{}

// WithLeast has the reads of ctx that go to shards include a write of their log, by its number.
func WithLeast(ctx context.Context, sequence uint64) context.Context {
	if sequence == 0 {
		return ctx
	}
	return context.WithValue(ctx, leastKey{}, sequence)
}

// LeastOf is the number of WithLeast, 0 without one.
func LeastOf(ctx context.Context) uint64 {
	sequence, _ := ctx.Value(leastKey{}).(uint64)
	return sequence
}

// AwaitLeast is Await of what WithLeast names, if anything, for an engine that holds a part of the papers.
func (e *Engine) AwaitLeast(ctx context.Context) error {
	least := LeastOf(ctx)
	if least == 0 || e.part() == nil {
		return nil
	}
	return e.Await(ctx, paper.Position{Revision: least, Lineage: e.cfg.Order.Lineage})
}

// keptOutcomes is how many papers' outcomes an engine remembers: those of the writes that others may be waiting for.
const keptOutcomes = 1 << 16

// outcomes are those of the latest writes, in a ring of writes.
type outcomes struct {
	mu     sync.Mutex
	writes map[uint64]map[string]Outcome // by number of the log
	order  []uint64                      // of the log, rising
	papers int
}

// outcomesOf is what became of the papers of a write: what the entries say, or that none was there to be removed.
func outcomesOf(w *settling, entries []store.Entry, missing bool) map[string]Outcome {
	written := make(map[string]Outcome, len(entries))
	for i := range entries {
		ent := &entries[i]
		one := Outcome{Created: ent.Created, Unchanged: ent.Unchanged}
		if p := ent.Paper; p != nil {
			one.Revision, one.Create, one.Update = p.Revision, p.CreateTime, p.UpdateTime
		}
		written[ent.ID] = one
	}
	if missing {
		for _, m := range w.pending.batch.mutations {
			written[m.ID] = Outcome{Missing: true}
		}
	}
	return written
}

// add notes what became of a write, and forgets the oldest where there are too many.
func (o *outcomes) add(sequence uint64, written map[string]Outcome) {
	if len(written) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.writes == nil {
		o.writes = map[uint64]map[string]Outcome{}
	}
	o.writes[sequence] = written
	o.order = append(o.order, sequence)
	for o.papers += len(written); o.papers > keptOutcomes && len(o.order) > 1; o.order = o.order[1:] {
		o.papers -= len(o.writes[o.order[0]])
		delete(o.writes, o.order[0])
	}
}

func (o *outcomes) of(sequence uint64) map[string]Outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.writes[sequence]
}

// Outcomes returns what became of some papers of a write, in the order of their ids, once queries see it. Of a write
// that is not remembered, as after a restart, it says what is stored now.
func (e *Engine) Outcomes(ctx context.Context, sequence uint64, ids []string) ([]Outcome, error) {
	if err := e.AwaitSequence(ctx, sequence); err != nil {
		return nil, err
	}
	list := make([]Outcome, len(ids))
	written := e.outcomes.of(sequence)
	var unknown []string
	var places []int
	for i, id := range ids {
		one, known := written[id]
		if list[i] = one; !known {
			unknown, places = append(unknown, id), append(places, i)
		}
	}
	if len(unknown) == 0 {
		return list, nil
	}
	stored, err := e.Get(ctx, unknown, false)
	if err != nil {
		return nil, err
	}
	for i, p := range stored {
		one := &list[places[i]]
		if one.Unchanged = true; p != nil {
			one.Revision, one.Create, one.Update = p.Revision, p.CreateTime, p.UpdateTime
		}
	}
	return list, nil
}

// withElsewhere puts what became of a write's papers in other shards among the entries of those that are here.
func (e *Engine) withElsewhere(ctx context.Context, t *ticket) ([]store.Entry, error) {
	var ids []string
	for _, m := range t.asked {
		if !e.owns(m.ID) {
			ids = append(ids, m.ID)
		}
	}
	if len(ids) == 0 {
		return t.entries, nil
	}
	others, err := e.part().Elsewhere(ctx, t.sequence, ids)
	if err != nil {
		return nil, fmt.Errorf("the write is durable, but was not seen to become visible: %w", err)
	}
	entries, own := make([]store.Entry, len(t.asked)), t.entries
	for i, m := range t.asked {
		if e.owns(m.ID) {
			entries[i], own = own[0], own[1:]
			continue
		}
		one := others[0]
		others = others[1:]
		if one.Missing {
			return nil, fmt.Errorf("%w: %q", ErrNotFound, m.ID)
		}
		entries[i] = store.Entry{ID: m.ID, Revision: one.Revision, Created: one.Created, Unchanged: one.Unchanged}
		if m.Paper != nil {
			stored := *m.Paper
			stored.Revision, stored.CreateTime, stored.UpdateTime = one.Revision, one.Create, one.Update
			entries[i].Paper = &stored
		}
	}
	return entries, nil
}

// SamplePapers returns up to limit papers behind an id whose ids keep accepts, abstracts included, in ascending byte
// order of ids. last is the id that the next call goes on behind; empty at the end.
func (e *Engine) SamplePapers(ctx context.Context, keep func(id string) bool, after string, limit int) (
	papers []*paper.Paper, last string, err error) {
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	w, err := e.listing(nil, after)
	if err != nil {
		return nil, "", err
	}
	var ordinals []uint64
	more := true
	for more && len(ordinals) < limit {
		var found []store.IDOrdinal
		if found, more, err = w.next(ctx, limit, limit); err != nil {
			return nil, "", err
		}
		for i, id := range found {
			if !keep(id.ID) {
				continue
			}
			if ordinals = append(ordinals, id.Ordinal); len(ordinals) == limit && i+1 < len(found) {
				w.last, more = id.ID, true
				break
			}
		}
	}
	stored, err := e.store.Papers(ordinals, true, make([]*paper.Paper, 0, len(ordinals)))
	if err != nil {
		return nil, "", storeError(err)
	}
	papers = slices.DeleteFunc(stored, func(p *paper.Paper) bool { return p == nil })
	if more {
		last = w.last
	}
	return papers, last, nil
}
