package engine

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/index/engines"
	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/rank"
)

// Generation is one model with everything built with it. The same slot numbers a paper in all its parts. The applier
// appends and kills; queries only read.
type Generation struct {
	model   *embed.Model
	created time.Time // when the model was made

	slots   *slotTable
	vectors index.Searcher
	words   *lexical.Index
	columns *filter.Columns
	odds    *rank.Odds // of the model; nil: not known. Set before the generation serves

	scanned uint64 // ordinals up to this one are in, unless they were dead when the build came by
	base    uint64 // revision below which this generation cannot answer
	applied atomic.Pointer[mark]

	caughtUp uint64        // revisions applied, while writes waited, to put this generation in place
	dead     atomic.Int64  // slots killed
	undrawn  atomic.Uint64 // 1 and the revision at which too few papers had vectors for a map; 0: none

	compared embed.Terms // scratch of sameText
	zero     []float32   // the vector of a version

	serial  uint64          // tells the generations of a process apart
	serving context.Context // ends when another generation takes over
	retire  context.CancelFunc
}

// serials numbers the generations of the process.
var serials atomic.Uint64

// identify gives a generation its number and begins its service.
func (g *Generation) identify() {
	g.serial = serials.Add(1)
	g.serving, g.retire = context.WithCancel(context.Background())
}

// mark is how far a generation is published: every write up to the revision is in, and none after it is visible.
type mark struct {
	revision uint64
	slots    uint32 // slots born by then
}

// publish makes everything added and killed so far visible as of a revision. Only one goroutine publishes at a time.
func (g *Generation) publish(revision uint64) {
	g.applied.Store(&mark{revision, uint32(g.slots.len())})
}

// revision is the revision that queries see.
func (g *Generation) revision() uint64 { return g.applied.Load().revision }

// newGeneration makes an empty generation.
func newGeneration(kind string, model *embed.Model, created time.Time) (*Generation, error) {
	g, err := emptyParts(kind, model.Dims(), created)
	if err != nil {
		return nil, err
	}
	g.model = model
	return g, nil
}

// emptyParts makes an empty generation that has no model yet.
func emptyParts(kind string, dims int, created time.Time) (*Generation, error) {
	vectors, err := engines.New(kind, engines.Config{Dims: dims})
	if err != nil {
		return nil, err
	}
	g := &Generation{
		created: created,
		slots:   new(slotTable),
		vectors: vectors,
		words:   lexical.New(),
		columns: filter.NewColumns(),
	}
	g.identify()
	g.publish(0)
	return g, nil
}

// add appends a paper that was made ready for this generation's model. Only one goroutine adds and kills at a time.
// The slot row goes first and the vector last, so that whoever finds a slot in a part finds its row written.
func (g *Generation) add(ordinal uint64, it *item) error {
	slot := g.slots.append(ordinal, it.paper.Revision, unixOf(it.paper.PublishTime))
	return g.place(slot, it.paper, &it.words, it.vector)
}

// place fills the parts of the slot whose row was appended last.
func (g *Generation) place(slot uint32, p *paper.Paper, words *embed.Terms, vector []float32) error {
	columnSlot := g.columns.Append(p)
	wordSlot := g.words.Append(words)
	vectorSlot, err := g.vectors.Append(vector)
	if err != nil {
		return fmt.Errorf("index paper %q: %w", p.ID, err)
	}
	if columnSlot != slot || wordSlot != slot || vectorSlot != slot {
		return fmt.Errorf("index paper %q: the parts of the generation disagree on its slot: %d, %d, %d, %d", p.ID,
			slot, columnSlot, wordSlot, vectorSlot)
	}
	return nil
}

// kill marks the paper of an ordinal dead from a revision on. An ordinal that the generation never took in is ignored:
// its record was gone before the generation's scan came by.
func (g *Generation) kill(ordinal, revision uint64) {
	slot, ok := g.slots.find(ordinal)
	if !ok {
		return
	}
	if g.slots.kill(slot, revision) {
		g.words.Remove(g.slots.carrier(slot))
		g.dead.Add(1)
	}
}

// papers is the number of live papers.
func (g *Generation) papers() int { return g.slots.len() - int(g.dead.Load()) }

func unixOf(t time.Time) int64 {
	if t.IsZero() {
		return unknownTime
	}
	return t.Unix()
}

// modelInfo describes the model for users.
func (g *Generation) modelInfo() ModelInfo {
	return ModelInfo{
		Fingerprint: g.model.Fingerprint(),
		Dims:        g.model.Dims(),
		Trained:     g.model.Trained(),
		Papers:      g.model.Papers(),
		CreateTime:  g.created,
	}
}

// item is a paper made ready to be added: analysed, and embedded by one model.
type item struct {
	paper  *paper.Paper
	words  embed.Terms // for BM25
	dense  embed.Terms // for the vector; shares memory with words where the two are the same
	vector []float32   // len Dims, L2 norm 1, or zero when no word counts
	shared bool        // dense shares memory with words
	model  string      // fingerprint of the model that embedded it
	batch  *Batch
}
