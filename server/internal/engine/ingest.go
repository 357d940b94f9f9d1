package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/store"
)

// Batch is a set of papers made ready to be written all or none. It is submitted once.
type Batch struct {
	engine    *Engine
	mutations []store.Mutation
	applied   chan struct{} // closed by the applier once the batch is visible, or cannot become so
	err       error         // why not; written before applied is closed
	room      int64         // slots set aside for it
	roomGiven sync.Once     // back
}

// Pending is a submitted batch.
type Pending struct {
	batch  *Batch
	store  *store.Pending
	ticket *ticket // instead of store: the batch comes by way of a log
}

// Prepare analyses and embeds papers on all cores. Batches may be prepared side by side; the order of writes is the
// order of Submit. The papers must be valid, have different ids, and not change afterwards.
func (e *Engine) Prepare(ctx context.Context, papers []*paper.Paper) (*Batch, error) {
	if err := e.Writable(); err != nil {
		return nil, err
	}
	b := &Batch{engine: e, mutations: make([]store.Mutation, len(papers)), applied: make(chan struct{})}
	if e.cfg.Order != nil { // it is made ready when it comes out of the log
		for i, p := range papers {
			b.mutations[i] = store.Mutation{ID: p.ID, Paper: p}
		}
		return b, nil
	}
	items, err := e.prepare(ctx, e.live.Load().model, papers)
	if err != nil {
		return nil, err
	}
	for i, it := range items {
		it.batch = b
		b.mutations[i] = store.Mutation{ID: it.paper.ID, Paper: it.paper, Payload: it}
	}
	return b, nil
}

// prepareRun is how many papers a goroutine takes at a time.
const prepareRun = 16

// prepare makes items of papers for a model, in the same order. The goroutines it starts end before it returns.
func (e *Engine) prepare(ctx context.Context, m *embed.Model, papers []*paper.Paper) ([]*item, error) {
	items := make([]*item, len(papers))
	var next atomic.Int64
	work := func() error {
		s := e.scratch.Get().(*scratch)
		defer e.scratch.Put(s)
		for {
			end := int(next.Add(prepareRun))
			begin := end - prepareRun
			if begin >= len(papers) {
				return nil
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			for i := begin; i < min(end, len(papers)); i++ {
				items[i] = s.item(m, papers[i])
			}
		}
	}
	workers := min(e.cfg.Cores, (len(papers)+prepareRun-1)/prepareRun)
	if workers <= 1 {
		return items, work()
	}
	var g errgroup.Group
	for range workers {
		g.Go(work)
	}
	return items, g.Wait()
}

// Submit puts the batch into the queue of writes, waiting for room in it. The order of Submit is the order of
// revisions.
func (b *Batch) Submit(ctx context.Context) (*Pending, error) {
	e := b.engine
	if e.cfg.Order != nil {
		return e.upsertOrdered(ctx, b, false)
	}
	if err := e.waitForTail(ctx, len(b.mutations)); err != nil {
		return nil, err
	}
	if err := b.takeRoom(); err != nil {
		return nil, err
	}
	p, err := b.submit(ctx)
	if err != nil {
		b.giveRoom()
	}
	return p, err
}

func (b *Batch) submit(ctx context.Context) (*Pending, error) {
	e := b.engine
	if err := e.pace.take(ctx, len(b.mutations)); err != nil {
		return nil, errors.Join(ErrOverloaded, err)
	}
	b.freshen()
	p, err := e.store.Submit(ctx, b.mutations)
	if err != nil {
		return nil, storeError(err)
	}
	e.lastWrite.Store(int64(time.Since(e.opened)))
	return &Pending{batch: b, store: p}, nil
}

// freshen embeds the batch anew when another model has taken over since Prepare, as it has for every batch that waited
// for a swap. The applier would do that too, but one batch after the other, while all later writes wait.
func (b *Batch) freshen() {
	m := b.engine.live.Load().model
	for i := range b.mutations {
		if it, ok := b.mutations[i].Payload.(*item); ok && it.paper != nil && it.model != m.Fingerprint() {
			it.reembed(m)
		}
	}
}

// Wait returns when the batch is acknowledged: durable, and visible to every later query. If ctx ends first the batch
// may still become so.
func (p *Pending) Wait(ctx context.Context) (Written, error) {
	entries, position, err := p.outcome(ctx)
	if err != nil {
		return Written{}, err
	}
	results := make([]WriteResult, len(entries))
	for i, ent := range entries {
		results[i] = WriteResult{Paper: ent.Paper, Created: ent.Created, Unchanged: ent.Unchanged}
	}
	return Written{Results: results, Position: position}, nil
}

func (p *Pending) outcome(ctx context.Context) ([]store.Entry, paper.Position, error) {
	if p.ticket != nil {
		return p.ticket.wait(ctx, p.batch.engine)
	}
	entries, err := p.wait(ctx)
	if err != nil {
		return nil, paper.Position{}, err
	}
	return entries, p.store.Position(), nil
}

func (p *Pending) wait(ctx context.Context) ([]store.Entry, error) {
	entries, err := p.store.Wait(ctx)
	if ended(ctx, err) || len(entries) == 0 && err == nil {
		p.batch.giveRoom() // it never comes to the applier
	}
	if err != nil {
		return nil, storeError(err)
	}
	if len(entries) == 0 {
		return nil, nil // an empty batch never comes to the applier
	}
	select {
	case <-p.batch.applied:
		return entries, p.batch.err
	case <-ctx.Done():
		return nil, fmt.Errorf("the write is durable, but was not seen to become visible: %w", ctx.Err())
	}
}

// Upsert writes papers all or none and returns when they are acknowledged. The papers must be valid and have different
// ids.
func (e *Engine) Upsert(ctx context.Context, papers []*paper.Paper) (Written, error) {
	b, err := e.Prepare(ctx, papers)
	if err != nil {
		return Written{}, err
	}
	var p *Pending
	if e.cfg.Order != nil {
		p, err = e.upsertOrdered(ctx, b, true)
	} else {
		p, err = b.Submit(ctx)
	}
	if err != nil {
		return Written{}, err
	}
	return p.Wait(ctx)
}

// Delete removes a paper and returns the position of the removal once nothing sees the paper any more.
func (e *Engine) Delete(ctx context.Context, id string) (paper.Position, error) {
	_, position, err := e.deletePapers(ctx, []store.Mutation{{ID: id}})
	if errors.Is(err, ErrNotFound) {
		return paper.Position{}, fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	return position, err
}

// deletePapers writes deletions all or none.
func (e *Engine) deletePapers(ctx context.Context, mutations []store.Mutation) ([]store.Entry, paper.Position, error) {
	if err := e.Writable(); err != nil {
		return nil, paper.Position{}, err
	}
	if e.cfg.Order != nil {
		return e.deleteOrdered(ctx, encodeDelete(mutations), true, mutations...)
	}
	b := &Batch{engine: e, mutations: mutations, applied: make(chan struct{})}
	for i := range mutations {
		mutations[i].Payload = &item{batch: b}
	}
	p, err := b.Submit(ctx)
	if err != nil {
		return nil, paper.Position{}, err
	}
	entries, err := p.wait(ctx)
	if err != nil {
		return nil, paper.Position{}, err
	}
	return entries, p.store.Position(), nil
}

// scratch is what one goroutine needs to analyse and embed without allocating.
type scratch struct {
	analyzer *embed.Analyzer
	analysis embed.Analysis
}

func newScratchPool(cfg embed.Config) *sync.Pool {
	return &sync.Pool{New: func() any { return &scratch{analyzer: embed.NewAnalyzer(cfg)} }}
}

// item makes a paper ready for a model. The item keeps copies of what is in the scratch.
func (s *scratch) item(m *embed.Model, p *paper.Paper) *item {
	s.analyzer.Analyze(&s.analysis, p.Title, p.Abstract)
	it := &item{paper: p, words: cloneTerms(&s.analysis.Words), vector: make([]float32, m.Dims()), model: m.Fingerprint()}
	if sharesMemory(&s.analysis) {
		it.dense, it.shared = it.words, true
	} else {
		it.dense = cloneTerms(&s.analysis.Features)
	}
	m.Embed(it.vector, &it.dense)
	return it
}

// reembed gives an item the vector of another model.
func (it *item) reembed(m *embed.Model) {
	it.vector = make([]float32, m.Dims())
	m.Embed(it.vector, &it.dense)
	it.model = m.Fingerprint()
}
