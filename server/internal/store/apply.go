package store

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/paper/wire"
)

// current is what is stored under an id at some point of a batch. Ordinal 0: nothing.
type current struct {
	ordinal  uint64
	revision uint64
	created  time.Time
	updated  time.Time

	head     []byte // protobuf, of the transaction: not to be kept
	abstract []byte // of the transaction; read only where it matters
	hasText  bool   // abstract was read
	textSize int
}

// step is what is decided for one mutation.
type step struct {
	entry    Entry
	replaced uint64 // revision of the content that Entry.Old holds
	write    bool
	remove   bool
}

// applyLogged is apply for a batch of a log.
func (w *writer) applyLogged(p *Pending) ([]Entry, error) {
	tx := &RecordTx{bucket: w.in[inRecords], changes: map[string][]byte{}}
	if err := p.log.Mark(tx); err != nil {
		return nil, err
	}
	entries, err := w.apply(p)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	if err := tx.execute(w); err != nil {
		return nil, err
	}
	return entries, err
}

// apply stores one batch into the transaction, or leaves the transaction alone and says why. It plans everything before
// the first change, since bbolt cannot undo part of a transaction.
func (w *writer) apply(p *Pending) ([]Entry, error) {
	next := w.state // revisions and ordinals given by the steps
	var now int64
	if p.log != nil {
		now = p.log.Time.UnixNano()
	} else {
		now = w.s.opt.Clock().UnixNano()
	}
	steps := make([]step, len(p.muts))
	var overlay map[string]int // id -> last step that changed it
	if p.repeat {
		overlay = make(map[string]int)
	}
	for i := range p.muts {
		m := &p.muts[i]
		var cur current
		var err error
		if at, ok := overlay[m.ID]; ok {
			cur = decided(&p.muts[at], &steps[at])
		} else if cur, err = w.lookup(m.ID); err != nil {
			return nil, err
		}
		if steps[i], err = w.decide(m, &cur, &next, now); err != nil {
			return nil, err
		}
		if st := &steps[i]; st.write || st.remove {
			if overlay != nil {
				overlay[m.ID] = i
			}
		}
	}
	entries := make([]Entry, len(steps))
	for i := range steps {
		if err := w.execute(&p.muts[i], &steps[i]); err != nil {
			return nil, halfApplied{err}
		}
		entries[i] = steps[i].entry
	}
	w.state.revision, w.state.nextOrdinal = next.revision, next.nextOrdinal
	return entries, nil
}

// lookup reads what is stored under id.
func (w *writer) lookup(id string) (current, error) {
	var cur current
	value := w.in[inIDs].Get([]byte(id))
	if value == nil {
		return cur, nil
	}
	ordinal, err := decodeOrdinal([]byte(id), value)
	if err != nil {
		return cur, err
	}
	key := number(ordinal)
	head, size, err := openHead(key, w.in[inHeads].Get(key))
	if err != nil {
		return cur, err
	}
	p, err := decodeHead(key, head)
	if err != nil {
		return cur, err
	}
	cur = current{
		ordinal: ordinal, revision: p.Revision, created: p.CreateTime, updated: p.UpdateTime, head: head, textSize: size,
	}
	return cur, nil
}

// decided is what an earlier step of the same batch stores.
func decided(m *prepared, st *step) current {
	if st.remove {
		return current{}
	}
	p := st.entry.Paper
	return current{
		ordinal: st.entry.New, revision: p.Revision, created: p.CreateTime, updated: p.UpdateTime,
		head:     wire.AppendStamp(bytes.Clone(m.content), p),
		abstract: []byte(p.Abstract), hasText: true, textSize: len(p.Abstract),
	}
}

// decide says what a mutation does, and gives it revision and ordinal.
func (w *writer) decide(m *prepared, cur *current, next *state, now int64) (step, error) {
	e := Entry{ID: m.ID, Revision: cur.revision, Old: cur.ordinal, New: cur.ordinal, Payload: m.Payload}
	if m.IfOrdinal != 0 && m.IfOrdinal != cur.ordinal || m.IfRevision != 0 && m.IfRevision != cur.revision {
		e.Revision, e.Unchanged = 0, true
		return step{entry: e}, nil
	}
	if m.Paper == nil {
		if cur.ordinal == 0 {
			return step{}, fmt.Errorf("%w: %q", ErrNotFound, m.ID)
		}
		next.revision++
		e.Revision, e.New = next.revision, 0
		return step{entry: e, replaced: cur.revision, remove: true}, nil
	}
	same, err := w.same(m, cur)
	if err != nil {
		return step{}, err
	}
	if same {
		e.Unchanged = true
		if e.Paper, err = decodeHead(number(cur.ordinal), cur.head); err != nil {
			return step{}, err
		}
		e.Paper.Abstract = m.Paper.Abstract
		return step{entry: e}, nil
	}
	p := *m.Paper
	p.UpdateTime = time.Unix(0, now).UTC()
	if p.UpdateTime.Before(cur.updated) { // the clock jumped back
		p.UpdateTime = cur.updated
	}
	p.CreateTime = cur.created
	if cur.ordinal == 0 {
		p.CreateTime = p.UpdateTime
	}
	if !p.PublishTime.IsZero() {
		p.PublishTime = time.Unix(p.PublishTime.Unix(), int64(p.PublishTime.Nanosecond())).UTC()
	}
	next.revision++
	p.Revision = next.revision
	e.Revision, e.New, e.Paper, e.Created = next.revision, next.nextOrdinal, &p, cur.ordinal == 0
	next.nextOrdinal++
	return step{entry: e, replaced: cur.revision, write: true}, nil
}

// same reports whether a mutation's content is what is stored. Content is encoded in one way only, so equal bytes that
// end where the stamp begins mean equal papers.
func (w *writer) same(m *prepared, cur *current) (bool, error) {
	n := len(m.content)
	if cur.ordinal == 0 || cur.textSize != len(m.Paper.Abstract) || len(cur.head) <= n ||
		cur.head[n] != wire.StampTag || !bytes.Equal(cur.head[:n], m.content) {
		return false, nil
	}
	if !cur.hasText {
		key := number(cur.ordinal)
		text, err := openAbstract(key, w.in[inAbstracts].Get(key), cur.textSize)
		if err != nil {
			return false, err
		}
		cur.abstract, cur.hasText = text, true
	}
	return string(cur.abstract) == m.Paper.Abstract, nil
}

// execute carries a step out.
func (w *writer) execute(m *prepared, st *step) error {
	if !st.write && !st.remove {
		return nil
	}
	e := &st.entry
	revision := number(e.Revision)
	id := []byte(e.ID)
	if err := w.put(inLog, revision, encodeLog(revision, e.Old, e.New, e.ID)); err != nil {
		return err
	}
	if e.Old != 0 {
		w.state.superseded++
		w.state.count--
		w.state.digest -= pairDigest(id, e.Old)
		w.state.content -= VersionDigest(e.Old, st.replaced)
		if err := w.put(inSuperseded, revision, encodeSuperseded(revision, e.Old)); err != nil {
			return err
		}
	}
	if st.remove {
		return w.remove(inIDs, id)
	}
	w.state.count++
	w.state.digest += pairDigest(id, e.New)
	w.state.content += VersionDigest(e.New, e.Revision)
	if err := w.put(inIDs, id, encodeOrdinal(id, e.New)); err != nil {
		return err
	}
	return w.putPaper(m.content, e.New, e.Paper)
}

// putPaper stores head and abstract. It appends to content.
func (w *writer) putPaper(content []byte, ordinal uint64, p *paper.Paper) error {
	key := number(ordinal)
	if err := w.put(inHeads, key, sealHead(wire.AppendStamp(content, p), len(p.Abstract), key)); err != nil {
		return err
	}
	if p.Abstract == "" {
		return nil
	}
	return w.put(inAbstracts, key, seal(append(make([]byte, 0, len(p.Abstract)+crcSize), p.Abstract...), key))
}
