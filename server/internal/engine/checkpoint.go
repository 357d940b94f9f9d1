package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/checkpoint"
	"github.com/akin-search/akin/server/internal/index"
)

// Sections of a generation's checkpoint.
const (
	sectionSlots   = "slots"
	sectionVectors = "vectors"
	sectionWords   = "words"
	sectionColumns = "columns"
)

// checkpointContent is the version of what the sections hold. It rises with any change that older code would misread.
//
//	1  model, slots, vectors, words, columns
//	2  slots, vectors, words, columns: the model is in a file of its own
//	3  words packed
//	4  each section holds the slots of its part, and what changed in those before
//
// Words and vectors are those of one analysis of the texts, so its scheme is part of the version.
const checkpointContent = 5<<16 | embed.Scheme

// Thresholds of what is written when; tests shrink them.
var (
	foldFrom    = int64(1 << 20) // bytes of segments that are never worth a new base
	maxSegments = 256            // behind one base
	freeLinks   = int64(1 << 20) // bytes of changed links that are written in the midst of writes, whatever else is
)

// slotBytesGuess is about what a slot takes in a base, abstract and links included. A variable, so that tests shrink
// it.
var slotBytesGuess = int64(1200)

// saved is what the checkpoint on disk holds: a base, and segments that each extend the part before.
type saved struct {
	sync.Mutex // held while a part is written
	newest     checkpoint.Part
	serial     uint64 // of the generation that it is of; 0: of none that serves, so that the next part is a base
	base       int64  // bytes of the base
	segments   int64  // bytes of the segments
	count      int    // of segments
	slots      int    // that it has

	live     atomic.Bool   // it is of the generation that serves
	revision atomic.Uint64 // that it holds everything up to
	keep     atomic.Uint64 // the base's: a start that finds a segment damaged replays the log from there at worst
	written  atomic.Int64  // Unix seconds when its newest part was written; 0: there is none
	bytes    atomic.Int64  // on disk
	graph    atomic.Int64  // vectors that stand in its graph: a start inserts the others anew
}

// checkpoints is where the checkpoints of the data folder stand.
func (e *Engine) checkpoints() checkpoint.Folder {
	return checkpoint.Folder{Path: filepath.Join(e.cfg.Dir, "checkpoints"), Hook: e.cfg.Hook}
}

// extent is what one part of a checkpoint covers.
type extent struct {
	base     bool
	from, to int    // slots that are new in it
	since    uint64 // revision of the part before
	revision uint64
	links    bool // with what changed in the graph
}

// writeCheckpoint brings the checkpoint up to the live generation's applied revision, while queries and writes go on:
// by a segment of what came since the last part, or by a new base where segments would outgrow the one there is. Then
// the log that it makes dispensable is trimmed.
func (e *Engine) writeCheckpoint(ctx context.Context) error {
	c := &e.checkpoint
	c.Lock()
	defer c.Unlock()
	g := e.live.Load()
	if serves, err := e.serves(g); err != nil || !serves {
		return err // its successor is about to take over: a start would not use this one's checkpoint
	}
	revision := g.revision()
	position, err := e.store.PositionOf(revision)
	if err != nil {
		return storeError(err)
	}
	x := e.nextExtent(g, revision)
	graph := g.vectors.Info().Graph // what enters the graph during the writing may be in or not
	meta := checkpoint.Meta{
		Lineage:  position.Lineage.String(),
		Model:    g.model.Fingerprint(),
		Index:    g.vectors.Info().Engine,
		Revision: revision,
		Slots:    uint64(x.to),
		Content:  checkpointContent,
	}
	write := func(w *checkpoint.Writer) error { return g.save(ctx, w, x) }
	var part checkpoint.Part
	if x.base {
		part, err = e.checkpoints().WriteBase(ctx, meta, write)
	} else {
		part, err = e.checkpoints().Extend(ctx, c.newest, meta, write)
	}
	g.vectors.Saved(err == nil)
	if err != nil {
		if x.base || errors.Is(err, checkpoint.ErrNotNewest) {
			c.serial = 0 // what stands on disk is not known: begin anew
		}
		return fmt.Errorf("write a checkpoint: %w", err)
	}
	if x.base {
		c.serial, c.base, c.segments, c.count = g.serial, part.Bytes, 0, 0
		c.keep.Store(revision)
	} else {
		c.segments, c.count = c.segments+part.Bytes, c.count+1
	}
	c.newest, c.slots = part, x.to
	c.written.Store(e.now().Unix())
	c.bytes.Store(c.base + c.segments)
	c.live.Store(true)
	c.revision.Store(revision)
	if x.links {
		c.graph.Store(int64(graph))
	}
	e.store.DropMapped() // what commits have read since the one before
	e.log.Debug("checkpoint written", "base", x.base, "revision", revision, "papers", x.to-x.from, "links", x.links,
		"bytes", part.Bytes)
	return e.trimLog(c.keep.Load())
}

// nextExtent decides what the next part holds. The caller holds the checkpoint's lock.
//
// All but the links only grows, so a segment of it costs what the new papers take. The links of a paper that enters
// the graph change the lists of some twenty others: while papers pour in, writing them costs more than the papers, and
// a start can do without, since it scans what is not in the graph. So they wait for a quiet moment unless they are
// few. A new base costs the whole corpus, and gains what the parts hold twice: lists of links that changed since. It is
// due when the parts have grown to twice of what a base would take, and the segments to as much as the base: a corpus
// that pours in is written once, in segments, and one that changes link by link at most three times.
func (e *Engine) nextExtent(g *Generation, revision uint64) extent {
	c := &e.checkpoint
	x := extent{to: g.slotsAt(revision), revision: revision, since: c.revision.Load(), from: c.slots}
	closing := e.background.Err() != nil
	perSlot := slotBytesGuess
	if c.slots > 0 {
		perSlot = max(1, (c.base+c.segments)/int64(c.slots))
	}
	cost := int64(x.to-x.from) * perSlot
	links := g.vectors.Unsaved()
	if x.links = closing || e.idle() >= checkpointIdle || links <= max(cost, freeLinks); x.links {
		cost += links
	}
	outgrown := c.count >= maxSegments || c.segments+cost > max(c.base, foldFrom) &&
		c.base+c.segments+cost > 2*slotBytesGuess*int64(x.to)
	if c.serial != g.serial || outgrown && !closing { // the end of a process does not wait for a whole base
		return extent{base: true, to: x.to, revision: revision, links: true}
	}
	return x
}

// save writes the sections of a part.
func (g *Generation) save(ctx context.Context, w *checkpoint.Writer, x extent) error {
	for _, section := range []struct {
		name string
		save func(io.Writer) error
	}{
		{sectionSlots, func(w io.Writer) error { return g.saveSlots(w, x) }},
		{sectionVectors, func(w io.Writer) error {
			return g.vectors.Save(ctx, w, index.Span{From: x.from, To: x.to, Links: x.links})
		}},
		{sectionWords, func(w io.Writer) error { return g.words.Save(ctx, w, x.from, x.to) }},
		{sectionColumns, func(w io.Writer) error { return g.columns.Save(ctx, w, x.from, x.to) }},
	} {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := section.save(w.Section(section.name)); err != nil {
			return fmt.Errorf("section %s: %w", section.name, err)
		}
	}
	return nil
}

// forgetCheckpoint notes that the checkpoint on disk is of a generation that is not live any more, so that another is
// written soon. It waits for one that is being written, which may be of either.
func (e *Engine) forgetCheckpoint() {
	c := &e.checkpoint
	c.Lock()
	defer c.Unlock()
	if c.serial == e.live.Load().serial {
		return // a base of the new generation was written already
	}
	c.serial = 0
	c.live.Store(false)
	c.revision.Store(0)
	c.graph.Store(0)
}

// behind is the number of revisions that a start from the newest checkpoint replays.
func (e *Engine) behind() uint64 {
	revision := e.live.Load().revision()
	return revision - min(revision, e.checkpoint.revision.Load())
}

// unsavedGraph is the number of vectors that entered the graph since the newest checkpoint, and that a start from it
// inserts again, half a millisecond each.
func (e *Engine) unsavedGraph() int {
	return max(0, e.live.Load().vectors.Info().Graph-int(e.checkpoint.graph.Load()))
}

// trimLog drops the log through a revision, except what a running build will replay.
func (e *Engine) trimLog(through uint64) error {
	e.logMu.Lock()
	defer e.logMu.Unlock()
	return storeError(e.store.TrimLog(min(through, e.buildFrom)))
}
