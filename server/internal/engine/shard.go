package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/rank"
)

// This file is what an engine that holds one shard of the papers answers to a front, which asks all shards: candidates
// with what a blend needs of each, and then parts of the few that matter. A front names papers by ordinals, which mean
// something to the engine that said them alone, and every call names the model that it was begun with.

// ErrShardMoved: what a front asks for is of a state that the shard has left. The front begins again.
var ErrShardMoved = errors.New("the shard has left the state that was asked of")

// Asked is a query made ready to be asked of shards. It owns its memory.
type Asked struct {
	rank.Query              // Statistics are the front's to set
	Scale                   // of one_in
	Embedder   *embed.Model // that Vector is of
	Unknown    []string     // words that no paper has
}

// Ask makes a query by text or by vector ready. known says how many papers of all shards have a word.
func (e *Engine) Ask(q *Query, known *lexical.Counts) (*Asked, error) {
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	r := e.rankers.Get().(*ranker)
	defer e.rankers.Put(r)
	g := e.live.Load()
	var ask question
	var err error
	if q.Vector != nil {
		if old := e.previous.Load(); old != nil && old.gen.model.Fingerprint() == q.Vector.Model {
			g = old.gen
		}
		ask, err = vectorQuestion(g, q.Vector)
	} else {
		ask, err = r.textQuestionBy(g, known, q.Text)
	}
	if err != nil {
		return nil, err
	}
	ask.choose(&q.Options)
	return ask.asked(g), nil
}

// AskLike makes a query by a stored paper ready, whose vector and words a shard has told.
func (e *Engine) AskLike(s *Subject, model string, o *Options) (*Asked, error) {
	g, err := e.generationOf(model, 0)
	if err != nil {
		return nil, err
	}
	ask := question{kind: rank.PaperQuery, Query: rank.Query{
		Vector: s.Vector, Terms: s.Terms, Weights: rank.DefaultWeights(rank.PaperQuery, g.model.Trained()),
	}}
	ask.choose(o)
	return ask.asked(g), nil
}

// asked copies a question out of a ranker's memory.
func (q *question) asked(g *Generation) *Asked {
	a := &Asked{Query: q.Query, Scale: Scale{g.odds, q.kind}, Embedder: g.model, Unknown: q.unknown}
	a.Vector = slices.Clone(q.Vector)
	if t := q.Terms; t != nil {
		a.Terms = &embed.Terms{
			IDs: slices.Clone(t.IDs), Counts: slices.Clone(t.Counts), Bigrams: slices.Clone(t.Bigrams), Tokens: t.Tokens,
		}
	}
	return a
}

// WordCounts are the document frequencies of the papers that serve, and their size.
func (e *Engine) WordCounts(context.Context) (*lexical.Counts, error) {
	return e.live.Load().words.Counts(), nil
}

// ShardQuery asks a shard for candidates.
type ShardQuery struct {
	rank.Query          // with the statistics of all shards
	Model      string   // fingerprint of the model that Vector is of
	Revision   uint64   // that a further page is pinned to; 0: what is visible now
	Exclude    []string // ids that are never candidates
	Reach
}

// Reach is which candidates are looked for, and how.
type Reach struct {
	Depth  int            // how many by cosine
	Filter *filter.Filter // nil: all papers
	Mode   Mode
	Ef     int // 0: the shard's default
}

// ShardCandidate is a paper that a shard has found.
type ShardCandidate struct {
	rank.Raw         // Slot has no meaning outside of the shard
	Ordinal   uint64 // names the paper to the shard
	Born      uint64 // revision that wrote it
	Published int64  // Unix seconds; NoTime where it is not known
}

// NoTime is the time of a paper that has none.
const NoTime = unknownTime

// ShardFound is what a shard has found.
type ShardFound struct {
	Candidates []ShardCandidate
	Report     index.Report
	Revision   uint64         // answered from
	Position   paper.Position // that the answer includes
	Warnings   []string       // about the filter
}

// Find finds the candidates of a shard.
func (e *Engine) Find(ctx context.Context, q *ShardQuery) (*ShardFound, error) {
	reached := e.Sequence()
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	r := e.rankers.Get().(*ranker)
	defer e.rankers.Put(r)
	v, err := e.shardView(ctx, q.Model, q.Revision, &q.Reach, FullTaste{}, q.Exclude)
	if err != nil {
		return nil, err
	}
	c := v.gen.corpus()
	o := Options{Mode: q.Mode, Ef: q.Ef}
	report, err := r.Candidates(ctx, c, &q.Query, e.find(ctx, v, &o, q.Depth, 0))
	if err != nil {
		return nil, err
	}
	raws, err := r.Raw(c, &q.Query, nil)
	if err != nil {
		return nil, err
	}
	found := &ShardFound{Candidates: make([]ShardCandidate, len(raws)), Report: report}
	for i, raw := range raws {
		row := v.row(raw.Slot)
		found.Candidates[i] = ShardCandidate{Raw: raw, Ordinal: row.ordinal, Born: row.born, Published: row.publish}
	}
	found.Warnings = v.gen.columns.Doubts(q.Filter)
	found.Revision = v.revision
	found.Position, err = e.positionOf(v.revision, reached)
	return found, err
}

// shardView begins the view of a front's call, in which the papers that a profile has seen are hidden.
func (e *Engine) shardView(
	ctx context.Context, model string, revision uint64, reach *Reach, seen FullTaste, exclude []string,
) (*view, error) {
	g, err := e.generationOf(model, revision)
	if err != nil {
		return nil, err
	}
	look := func() *view {
		m := g.applied.Load()
		return &view{gen: g, revision: m.revision, slots: m.slots, replaced: e.live.Load() != g}
	}
	v, slots, err := e.lookForSeen(ctx, look, seen, exclude)
	if err != nil {
		return nil, err
	}
	v.without(slices.DeleteFunc(slots, func(slot uint32) bool { return slot == unstored })...)
	if revision > 0 {
		v.revision, v.slots = revision, uint32(g.slotsAt(revision))
	}
	return v, v.restrict(reach.Filter)
}

// generationOf returns the generation of a model that can answer for a revision; 0: for what is visible now.
func (e *Engine) generationOf(model string, revision uint64) (*Generation, error) {
	hash := xxhash.Sum64String(model)
	serves := func(g *Generation) bool {
		at := revision
		if at == 0 {
			at = g.revision()
		}
		return g.fits(page{model: hash, revision: at})
	}
	g := e.live.Load()
	if serves(g) {
		return g, nil
	}
	// Replaced before this call, if at all: whoever replaces a generation keeps it first.
	if old := e.previous.Load(); old != nil && serves(old.gen) {
		return old.gen, nil
	}
	return nil, fmt.Errorf("%w: it serves model %s at revision %d, not %s at %d", ErrShardMoved, g.model.Fingerprint(),
		g.revision(), model, revision)
}

// ShardVectors returns the vectors of papers that Find has named, one behind the other.
func (e *Engine) ShardVectors(_ context.Context, model string, ordinals []uint64) ([]float32, error) {
	var rows []float32
	err := e.eachOrdinal(model, ordinals, func(g *Generation, slot uint32) error {
		n := len(rows)
		rows = slices.Grow(rows, g.model.Dims())[:n+g.model.Dims()]
		return g.vectors.Vector(slot, rows[n:])
	})
	return rows, err
}

// ShardFeatures returns the words of papers that Find has named: of each its features, rising.
func (e *Engine) ShardFeatures(_ context.Context, model string, ordinals []uint64) ([][]uint32, error) {
	features := make([][]uint32, 0, len(ordinals))
	err := e.eachOrdinal(model, ordinals, func(g *Generation, slot uint32) error {
		features = append(features, g.words.Features(slot, nil))
		return nil
	})
	return features, err
}

// eachOrdinal calls fn with the slot of each paper's text in the generation of a model.
func (e *Engine) eachOrdinal(model string, ordinals []uint64, fn func(g *Generation, slot uint32) error) error {
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	g, err := e.generationOf(model, 0)
	if err != nil {
		return err
	}
	for _, ordinal := range ordinals {
		slot, ok := g.slots.find(ordinal)
		if !ok {
			return fmt.Errorf("%w: a paper that was found is gone", ErrShardMoved)
		}
		if err := fn(g, g.slots.carrier(slot)); err != nil {
			return err
		}
	}
	return nil
}

// ShardPapers reads papers that Find has named. One that was replaced so long ago that its record is gone is
// ErrShardMoved.
func (e *Engine) ShardPapers(_ context.Context, ordinals []uint64, abstracts, brief bool) ([]*paper.Paper, error) {
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	r := e.rankers.Get().(*ranker)
	defer e.rankers.Put(r)
	papers := make([]*paper.Paper, 0, len(ordinals))
	var err error
	if brief {
		papers, err = e.briefPapers(r, ordinals, papers)
	} else {
		papers, err = e.store.Papers(ordinals, abstracts, papers)
	}
	if err != nil {
		return nil, storeError(err)
	}
	if slices.Contains(papers, nil) {
		return nil, fmt.Errorf("%w: a paper that was found is gone", ErrShardMoved)
	}
	return papers, nil
}

// Subject is what a stored paper says, for a query or a taste.
type Subject struct {
	Vector []float32 // nil: the paper is not stored
	Terms  *embed.Terms
}

// Subjects returns what papers say under a model, in the order of their ids.
func (e *Engine) Subjects(ctx context.Context, model string, ids []string) ([]Subject, error) {
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	g, err := e.generationOf(model, 0)
	if err != nil {
		return nil, err
	}
	_, slots, err := e.lookFor(ctx, func() *view {
		m := g.applied.Load()
		return &view{gen: g, revision: m.revision, slots: m.slots, replaced: e.live.Load() != g}
	}, ids...)
	if err != nil {
		return nil, err
	}
	subjects := make([]Subject, len(ids))
	for i, slot := range slots {
		if slot == unstored {
			continue
		}
		s := &subjects[i]
		s.Vector, s.Terms = make([]float32, g.model.Dims()), new(embed.Terms)
		if err := g.vectors.Vector(slot, s.Vector); err != nil {
			return nil, err
		}
		g.words.Terms(slot, s.Terms)
	}
	return subjects, nil
}

// Scale returns a model that serves, or did until lately, and how rare likenesses are under it.
func (e *Engine) Scale(model string, kind rank.Kind) (*embed.Model, Scale, error) {
	g, err := e.generationOf(model, 0)
	if err != nil {
		return nil, Scale{}, err
	}
	return g.model, Scale{g.odds, kind}, nil
}
