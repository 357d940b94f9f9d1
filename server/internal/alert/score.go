package alert

import (
	"context"
	"errors"
	"math"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/rank"
)

// scoreboard holds the vectors of all subscriptions that go by nearness, under one model, so that a batch of papers is
// held against all of them in one product of matrices. It belongs to one goroutine.
type scoreboard struct {
	model string
	subs  map[UID]*scored
	rows  vector.Matrix // one a subscription, in the order of list
	list  []*scored
	dirty bool // rows are not those of list
}

// scored is one subscription on the board.
type scored struct {
	candidate
	kind      rank.Kind
	row       []float32
	threshold float64 // cosine that a paper must reach, as of measure
}

// measured is a threshold and what it was measured on.
type measured struct {
	model     string
	papers    int
	sub       *Subscription
	threshold float64
}

// stale reports whether a threshold has to be measured again: under another model, or once the papers have doubled or
// halved.
func (m *measured) stale(sub *Subscription, model string, papers int) bool {
	return m.sub != sub || m.model != model || papers >= 2*m.papers || 2*papers <= m.papers && papers != m.papers
}

// prepare brings the board up to date with the subscriptions, of which it takes those that go by nearness and have a
// subject.
func (b *scoreboard) prepare(lens *engine.Lens, subs []candidate) error {
	if b.model != lens.Model() {
		*b = scoreboard{model: lens.Model(), subs: map[UID]*scored{}, dirty: true}
	}
	seen := make(map[UID]bool, len(subs))
	for i := range subs {
		c := &subs[i]
		if !c.sub.Kind.Nearness() || c.sub.Kind == ByPaper && c.slot == engine.NoSlot {
			continue
		}
		seen[c.sub.UID] = true
		if have := b.subs[c.sub.UID]; have != nil && have.sub == c.sub && have.slot == c.slot {
			have.candidate = *c // another filter may be forced
			continue
		}
		one := &scored{candidate: *c, row: make([]float32, lens.Dims())}
		var err error
		if c.sub.Kind == ByText {
			one.kind, err = lens.Text(c.sub.Text, one.row)
		} else {
			one.kind, err = rank.PaperQuery, lens.Vector(c.slot, one.row)
		}
		if err != nil && !errors.Is(err, engine.ErrNoWords) {
			return err
		}
		b.subs[c.sub.UID], b.dirty = one, true
	}
	for uid := range b.subs {
		if !seen[uid] {
			delete(b.subs, uid)
			b.dirty = true
		}
	}
	if !b.dirty {
		return nil
	}
	b.list = b.list[:0]
	for _, one := range b.subs {
		b.list = append(b.list, one)
	}
	b.rows = vector.NewMatrix(len(b.list), lens.Dims())
	for i, one := range b.list {
		copy(b.rows.Row(i), one.row)
		one.row = b.rows.Row(i)[:lens.Dims()]
	}
	b.dirty = false
	return nil
}

// scoreRun is how many subscriptions are multiplied at a time: their product with a batch of papers stays in the cache.
const scoreRun = 64

// each calls fn for every subscription of the board with its cosines with the vectors of slots.
func (b *scoreboard) each(ctx context.Context, lens *engine.Lens, slots []uint32, fn func(one *scored,
	cosines []float32)) error {
	if len(slots) == 0 || len(b.list) == 0 {
		return nil
	}
	d := lens.Dims()
	papers := vector.NewMatrix(len(slots), d)
	for i, slot := range slots {
		if err := lens.Vector(slot, papers.Row(i)[:d]); err != nil {
			return err
		}
	}
	columns := vector.NewMatrix(d, len(slots))
	vector.Transpose(columns, papers, 0, d)
	product := vector.NewMatrix(scoreRun, len(slots))
	for from := 0; from < len(b.list); from += scoreRun {
		if err := ctx.Err(); err != nil {
			return err
		}
		run := vector.Matrix{
			Data: b.rows.Data[from*b.rows.Stride:], Rows: min(scoreRun, b.rows.Rows-from), Cols: b.rows.Cols,
			Stride: b.rows.Stride,
		}
		vector.MatMul(product, run, columns, d, 0, run.Rows)
		for i, one := range b.list[from:min(from+scoreRun, len(b.list))] {
			fn(one, product.Row(i)[:len(slots)])
		}
	}
	return nil
}

// measure sets the thresholds of subscriptions on the board. Those that are stale are measured.
func (a *Alerts) measure(ctx context.Context, lens *engine.Lens, list []*scored) error {
	papers := lens.Papers()
	var due []*scored
	a.mu.RLock()
	for _, one := range list {
		switch known := &one.entry.measured; {
		case one.sub.MinCosine != nil:
			one.threshold = *one.sub.MinCosine
		case known.stale(one.sub, lens.Model(), papers):
			due = append(due, one)
		default:
			one.threshold = known.threshold
		}
	}
	a.mu.RUnlock()
	if len(due) == 0 {
		return nil
	}
	rows, oneIn, skip := make([][]float32, len(due)), make([]int, len(due)), make([]uint32, len(due))
	for i, one := range due {
		rows[i], oneIn[i], skip[i] = one.row, one.sub.OneIn, one.slot
	}
	thresholds, err := lens.Thresholds(ctx, rows, oneIn, skip)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, one := range due {
		one.threshold = thresholds[i]
		one.entry.measured = measured{lens.Model(), papers, one.sub, thresholds[i]}
	}
	return nil
}

// threshold is what a cosine must reach with a subscription that goes by nearness. It is measured where it is not known
// under the live model; 0 while the subject is not stored, and where the model knows nothing of it: then no cosine is
// enough, which problem says. ErrNoWords of a text without any.
func (a *Alerts) threshold(ctx context.Context, e *entry, s *Subscription) (cosine float64, problem string, err error) {
	if s.MinCosine != nil {
		return *s.MinCosine, "", nil
	}
	defer func() {
		if math.IsInf(cosine, 1) {
			cosine = 0
			problem = "the model knows none of its words: nothing matches until one is learnt from papers that have them"
		}
	}()
	a.mu.RLock()
	known := e.measured
	a.mu.RUnlock()
	if !known.stale(s, a.engine.Model(), a.engine.Papers()) {
		return known.threshold, "", nil
	}
	lens, subs, err := a.look(ctx, func() []candidate { return a.bind([]candidate{{entry: e, sub: s}}) })
	if err != nil {
		return 0, "", err
	}
	defer lens.Close()
	var board scoreboard
	if err := board.prepare(lens, subs); err != nil || len(board.list) == 0 {
		return 0, "", err
	}
	err = a.measure(ctx, lens, board.list)
	return board.list[0].threshold, "", err
}
