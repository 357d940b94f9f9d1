package engine

import (
	"context"
	"math"
	"sort"

	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/rank"
)

// Lens looks at the live generation for many questions at once: one model, one revision. Whoever holds one keeps
// replaced papers on disk, so it is held for a batch of work and not longer. One goroutine uses it at a time.
type Lens struct {
	engine *Engine
	epoch  *epoch
	view   *view
	ranker *ranker
}

// Lens begins to look, at what is visible now.
func (e *Engine) Lens() *Lens {
	return &Lens{e, e.readers.enter(), e.look(), e.rankers.Get().(*ranker)}
}

// Slots returns the slots of papers, NoSlot for those that are not stored, whose id may be empty. It is not ok when one
// was written so lately that this lens does not see it: then the caller waits a moment and takes another lens.
func (l *Lens) Slots(ids []string) (slots []uint32, ok bool, err error) {
	ordinals := make([]uint64, len(ids))
	if err := l.engine.store.Ordinals(ids, ordinals); err != nil {
		return nil, false, storeError(err)
	}
	slots = make([]uint32, len(ids))
	return slots, l.view.slotsOf(ordinals, slots), nil
}

// WaitToSee waits a moment for what was written lately to become visible.
func (e *Engine) WaitToSee(ctx context.Context) error { return e.waitToSee(ctx) }

// NoSlot is the slot of a paper that is not stored.
const NoSlot = unstored

// Close ends the looking.
func (l *Lens) Close() {
	l.engine.rankers.Put(l.ranker)
	l.engine.readers.leave(l.epoch)
}

// Model is the fingerprint of the model.
func (l *Lens) Model() string { return l.view.gen.model.Fingerprint() }

// Dims is the length of its vectors.
func (l *Lens) Dims() int { return l.view.gen.model.Dims() }

// Papers is the number of papers, about.
func (l *Lens) Papers() int { return l.view.gen.papers() }

// Revision is the revision that is looked at.
func (l *Lens) Revision() uint64 { return l.view.revision }

// Text writes the vector of a text (len Dims, L2 norm 1, or zero where no word is known) and says which kind of query
// it is. ErrNoWords.
func (l *Lens) Text(text string, row []float32) (rank.Kind, error) {
	ask, err := l.ranker.textQuestion(l.view.gen, text)
	if err == nil {
		copy(row, ask.Vector)
	}
	return ask.kind, err
}

// Vector writes the vector of a slot (len Dims).
func (l *Lens) Vector(slot uint32, row []float32) error { return l.view.gen.vectors.Vector(slot, row) }

// OneIn is how rare a cosine is, as in Likeness.
func (l *Lens) OneIn(kind rank.Kind, cosine float64) int { return l.view.gen.odds.OneIn(kind, cosine) }

// News are papers in the order in which they were written.
type News struct {
	Papers  []*paper.Paper // abstracts included
	Slots   []uint32       // that hold their vectors
	Through uint64         // every paper up to this revision has been looked at
	More    bool           // there are papers behind it
}

// News returns up to limit papers whose content was written behind a revision, and is there still.
func (l *Lens) News(after uint64, limit int) (News, error) {
	v, t := l.view, l.view.gen.slots
	news := News{Through: v.revision}
	var ordinals []uint64
	first := sort.Search(int(v.slots), func(i int) bool { return t.row(uint32(i)).born > after })
	for slot := uint32(first); slot < v.slots; slot++ {
		row := t.row(slot)
		if !row.visible(v.revision) {
			continue
		}
		if len(ordinals) == limit {
			news.More = true
			break
		}
		ordinals = append(ordinals, row.ordinal)
		news.Slots = append(news.Slots, t.carrier(slot))
		news.Through = row.born
	}
	if !news.More {
		news.Through = v.revision
	}
	var err error
	news.Papers, err = l.engine.store.Papers(ordinals, true, make([]*paper.Paper, 0, len(ordinals)))
	return news, storeError(err)
}

// Behind counts the papers whose content was written behind a revision.
func (l *Lens) Behind(after uint64) int {
	v, t, n := l.view, l.view.gen.slots, 0
	first := sort.Search(int(v.slots), func(i int) bool { return t.row(uint32(i)).born > after })
	for slot := uint32(first); slot < v.slots; slot++ {
		if t.row(slot).visible(v.revision) {
			n++
		}
	}
	return n
}

// Last is the revision behind which the last n papers were written.
func (l *Lens) Last(n int) uint64 {
	v, t := l.view, l.view.gen.slots
	for slot := int(v.slots) - 1; slot >= 0; slot-- {
		row := t.row(uint32(slot))
		if !row.visible(v.revision) {
			continue
		}
		if n--; n < 0 {
			return row.born
		}
	}
	return 0
}

const (
	thresholdDepth  = 1000  // up to which a quantile is found by a search
	thresholdSample = 20000 // papers that a commoner one is measured on
)

// Thresholds returns for each row the cosine that one in so many of all papers reaches: that of the paper at place
// papers/oneIn, and of the nearest where there are not so many papers. skip, of the same length, names a slot that does
// not count, or NoSlot. Without papers it is below every cosine, and above every one for a zero row.
//
// A rare quantile is the last hit of a search so deep; a common one, of more than 1,000 papers, is measured on 20,000
// papers evenly spread.
func (l *Lens) Thresholds(ctx context.Context, rows [][]float32, oneIn []int, skip []uint32) ([]float64, error) {
	out := make([]float64, len(rows))
	var queries []*index.Query
	var places, depths []int
	var sample []uint32
	for i, row := range rows {
		if zero(row) {
			out[i] = math.Inf(1)
			continue
		}
		depth := max(1, l.Papers()/oneIn[i])
		if depth > thresholdDepth {
			if sample == nil {
				sample = l.view.gen.sample(thresholdSample)
			}
			var err error
			if out[i], err = l.sampledThreshold(row, oneIn[i], skip[i], sample); err != nil {
				return nil, err
			}
			continue
		}
		queries = append(queries, &index.Query{Vector: row, K: depth + 1, Accept: l.view})
		places, depths = append(places, i), append(depths, depth)
	}
	const run = 64
	hits, reports := make([][]index.Candidate, run), make([]index.Report, run)
	for from := 0; from < len(queries); from += run {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := min(run, len(queries)-from)
		for i := range n {
			hits[i] = hits[i][:0]
		}
		if err := l.view.gen.vectors.SearchBatch(ctx, queries[from:from+n], hits[:n], reports[:n]); err != nil {
			return nil, err
		}
		for i, found := range hits[:n] {
			place := places[from+i]
			out[place] = math.Inf(-1)
			left := depths[from+i]
			for _, c := range found {
				if c.Slot == skip[place] {
					continue
				}
				out[place] = float64(c.Score)
				if left--; left == 0 {
					break
				}
			}
		}
	}
	return out, nil
}

// sampledThreshold is the quantile among some papers.
func (l *Lens) sampledThreshold(row []float32, oneIn int, skip uint32, sample []uint32) (float64, error) {
	carriers := make([]uint32, 0, len(sample))
	for _, slot := range sample {
		if c := l.view.gen.slots.carrier(slot); c != skip {
			carriers = append(carriers, c)
		}
	}
	cosines := make([]float32, len(carriers))
	if err := l.view.gen.vectors.Scores(row, carriers, cosines); err != nil {
		return 0, err
	}
	sort.Slice(cosines, func(a, b int) bool { return cosines[a] > cosines[b] })
	return float64(cosines[max(1, len(cosines)/oneIn)-1]), nil
}

func zero(row []float32) bool {
	for _, x := range row {
		if x != 0 {
			return false
		}
	}
	return true
}

// Visible reports which of some papers a filter accepts, nil accepting all, and returns them as they are now: nil for
// those that are gone or not accepted.
func (e *Engine) Visible(ctx context.Context, f *filter.Filter, ids []string) ([]*paper.Paper, error) {
	papers, err := e.Get(ctx, ids, false)
	if err != nil {
		return nil, err
	}
	for i, p := range papers {
		if p != nil && f != nil && !f.Match(p) {
			papers[i] = nil
		}
	}
	return papers, nil
}

// AwaitRevision returns when a revision is visible, or with the error of ctx, or ErrClosed.
func (e *Engine) AwaitRevision(ctx context.Context, revision uint64) error {
	come, forget := e.arrivals.expect(revision, func() uint64 { return e.live.Load().revision() })
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

// Revision is the revision that queries see.
func (e *Engine) Revision() uint64 { return e.live.Load().revision() }

// Model is the fingerprint of the live model.
func (e *Engine) Model() string { return e.live.Load().model.Fingerprint() }

// Papers is the number of papers that queries see, about.
func (e *Engine) Papers() int { return e.live.Load().papers() }
