package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sort"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/checkpoint"
	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/index/coder"
	"github.com/akin-search/akin/server/internal/index/flat"
	"github.com/akin-search/akin/server/internal/index/hnsw"
	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/store"
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
//
// Words and vectors are those of one analysis of the texts, so its scheme is part of the version.
const checkpointContent = 3<<16 | embed.Scheme

// checkpoints is where the checkpoints of the data folder stand.
func (e *Engine) checkpoints() checkpoint.Folder {
	return checkpoint.Folder{Path: filepath.Join(e.cfg.Dir, "checkpoints"), Hook: e.cfg.Hook}
}

// writeCheckpoint writes the live generation as of its applied revision, while queries and writes go on. Then the log
// that the checkpoint makes dispensable is trimmed.
func (e *Engine) writeCheckpoint(ctx context.Context) error {
	e.checkpoint.Lock()
	defer e.checkpoint.Unlock()
	g := e.live.Load()
	if serves, err := e.serves(g); err != nil || !serves {
		return err // its successor is about to take over: a start would not use this one's checkpoint
	}
	revision := g.revision()
	position, err := e.store.PositionOf(revision)
	if err != nil {
		return storeError(err)
	}
	n := g.slotsAt(revision)
	graph := g.vectors.Info().Graph // what enters the graph during the writing may be in or not
	meta := checkpoint.Meta{
		Lineage:  position.Lineage.String(),
		Model:    g.model.Fingerprint(),
		Index:    g.vectors.Info().Engine,
		Revision: revision,
		Content:  checkpointContent,
	}
	_, err = e.checkpoints().Write(ctx, meta, func(w *checkpoint.Writer) error {
		for _, section := range []struct {
			name string
			save func(io.Writer) error
		}{
			{sectionSlots, func(w io.Writer) error { return g.saveSlots(w, n, revision) }},
			{sectionVectors, func(w io.Writer) error { return g.vectors.Save(w, n) }},
			{sectionWords, func(w io.Writer) error { return g.words.Save(w, n) }},
			{sectionColumns, func(w io.Writer) error { return g.columns.Save(w, n) }},
		} {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := section.save(w.Section(section.name)); err != nil {
				return fmt.Errorf("section %s: %w", section.name, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write a checkpoint: %w", err)
	}
	e.checkpoint.revision.Store(revision)
	e.checkpoint.graph.Store(int64(graph))
	return e.trimLog(revision)
}

// forgetCheckpoint notes that the checkpoint on disk is of a generation that is not live any more, so that another is
// written soon. It waits for one that is being written, which may be of either.
func (e *Engine) forgetCheckpoint() {
	e.checkpoint.Lock()
	defer e.checkpoint.Unlock()
	e.checkpoint.revision.Store(0)
	e.checkpoint.graph.Store(0)
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

// slotsAt is the number of slots born at or before a revision. Slots rise by their birth.
func (g *Generation) slotsAt(revision uint64) int {
	return sort.Search(g.slots.len(), func(i int) bool { return g.slots.row(uint32(i)).born > revision })
}

// trimLog drops the log through a revision, except what a running build will replay.
func (e *Engine) trimLog(through uint64) error {
	e.logMu.Lock()
	defer e.logMu.Unlock()
	return storeError(e.store.TrimLog(min(through, e.buildFrom)))
}

// loadCheckpoint returns the generation of the newest checkpoint, brought up to the store's revision, or nil when there
// is none that can serve: why is logged, and the generation is then built from the store, which is the truth.
func (e *Engine) loadCheckpoint(ctx context.Context, model func() (*embed.Model, error), file checkpoint.ModelFile) *Generation {
	begin := time.Now()
	g, err := e.readCheckpoint(ctx, model, file)
	if errors.Is(err, checkpoint.ErrNone) {
		return nil
	}
	if err == nil {
		loaded := g.revision()
		if err = e.replay(ctx, g, e.store.Revision()); err == nil {
			g.base = g.revision()
			e.checkpoint.revision.Store(loaded)
			e.checkpoint.graph.Store(int64(g.vectors.Info().Graph))
			e.log.Info("checkpoint loaded", "papers", g.papers(), "replayed", g.base-loaded, "seconds", time.Since(begin).Seconds())
			return g
		}
	}
	e.log.Warn("the checkpoint does not serve; the index is rebuilt from the store", "folder", e.checkpoints().Path, "reason", err)
	return nil
}

// dropForeignCheckpoint removes a checkpoint of another history: no later state of this store will fit it.
func (e *Engine) dropForeignCheckpoint() {
	r, err := e.checkpoints().Open()
	if err != nil {
		return // none, or one whose fault is told when it is loaded
	}
	reason := e.follows(r.Meta().Revision, r.Meta().Lineage)
	if err := r.Close(); err != nil || !errors.Is(reason, store.ErrOtherHistory) {
		return
	}
	e.log.Warn("the checkpoint is removed: the index is rebuilt from the store", "folder", e.checkpoints().Path, "reason", reason)
	if err := e.checkpoints().RemoveAll(); err != nil {
		e.log.Warn("the checkpoint cannot be removed; it will not be loaded either", "error", err)
	}
}

// readCheckpoint loads the newest checkpoint of a model, its sections side by side. model waits for the model itself.
func (e *Engine) readCheckpoint(ctx context.Context, model func() (*embed.Model, error), file checkpoint.ModelFile) (*Generation, error) {
	r, err := e.checkpoints().Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	meta := r.Meta()
	if err := e.fits(meta); err != nil {
		return nil, err
	}
	switch {
	case meta.Model != file.Fingerprint:
		return nil, fmt.Errorf("it is of the model %s, and %s serves", meta.Model, file.Fingerprint)
	case meta.Index != engineName(e.cfg.Index):
		return nil, fmt.Errorf("its index is %s and this server's is %s", meta.Index, engineName(e.cfg.Index))
	}
	g := &Generation{slots: new(slotTable), created: file.Created}
	g.identify()
	g.publish(0)
	var group errgroup.Group
	load := func(name string, f func(io.Reader, int64) error) {
		group.Go(func() error {
			section, size, err := r.Section(name)
			if err == nil {
				err = f(section, size)
			}
			if err != nil {
				return fmt.Errorf("section %s: %w", name, err)
			}
			return ctx.Err()
		})
	}
	group.Go(func() (err error) { g.model, err = model(); return err })
	load(sectionSlots, func(r io.Reader, size int64) error { return g.loadSlots(r, size, meta.Revision) })
	load(sectionVectors, func(r io.Reader, size int64) (err error) {
		g.vectors, err = loadSearcher(meta.Index, r, size)
		return err
	})
	load(sectionWords, func(r io.Reader, size int64) (err error) { g.words, err = lexical.Load(r, size); return err })
	load(sectionColumns, func(r io.Reader, size int64) (err error) { g.columns, err = filter.LoadColumns(r, size); return err })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return g, g.settle(meta)
}

// fits reports whether a checkpoint is of the store's own past and can be brought up to date from its log.
func (e *Engine) fits(meta checkpoint.Meta) error {
	if meta.Content != checkpointContent {
		return fmt.Errorf("its content is version %d and this server reads %d", meta.Content, checkpointContent)
	}
	lineage, err := paper.ParseLineage(meta.Lineage)
	if err != nil {
		return err
	}
	return e.store.Continues(paper.Position{Revision: meta.Revision, Lineage: lineage})
}

// follows reports whether the store's past goes through a revision of a lineage.
func (e *Engine) follows(revision uint64, text string) error {
	lineage, err := paper.ParseLineage(text)
	if err != nil {
		return err
	}
	return e.store.Follows(paper.Position{Revision: revision, Lineage: lineage})
}

// settle holds the loaded parts of a generation against each other, and makes it ready for replay.
func (g *Generation) settle(meta checkpoint.Meta) error {
	n := g.slots.len()
	switch {
	case g.vectors.Len() != n || g.words.Len() != n || g.columns.Len() != n:
		return fmt.Errorf("its parts hold %d, %d, %d and %d papers", n, g.vectors.Len(), g.words.Len(), g.columns.Len())
	case g.vectors.Dims() != g.model.Dims():
		return fmt.Errorf("its vectors have %d dimensions and its model %d", g.vectors.Dims(), g.model.Dims())
	}
	if !g.slots.joinLoaded() {
		return fmt.Errorf("%w: a version of a paper has none before it", errSlots)
	}
	g.countDead()
	if n > 0 {
		g.scanned = g.slots.row(uint32(n - 1)).ordinal
	}
	g.publish(meta.Revision)
	return nil
}

// engineName is the engine that a kind of --index stands for.
func engineName(kind string) string {
	if kind == "auto" {
		return "hnsw"
	}
	return kind
}

// loadSearcher restores a vector index.
func loadSearcher(engine string, r io.Reader, size int64) (index.Searcher, error) {
	switch engine {
	case "hnsw":
		return hnsw.Load(r, size, hnsw.Config{})
	case "flat":
		return flat.Load(r, size)
	case "coder":
		return coder.Load(r, size)
	}
	return nil, fmt.Errorf("unknown engine %q", engine)
}

// diskBytes is the size of everything in the data folder.
func (e *Engine) diskBytes() int64 {
	var total int64
	// A file that vanishes during the walk is a checkpoint being replaced.
	_ = filepath.WalkDir(e.cfg.Dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	return total
}
