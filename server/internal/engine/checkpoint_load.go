package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/checkpoint"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/store"
)

// loadCheckpoint returns the generation of the newest checkpoint, brought up to the store's revision, or nil when there
// is none that can serve: why is logged, and the generation is then built from the store, which is the truth.
func (e *Engine) loadCheckpoint(
	ctx context.Context, model func() (*embed.Model, error), file checkpoint.ModelFile,
) *Generation {
	begin := time.Now()
	g, err := e.readCheckpoint(ctx, model, file)
	if errors.Is(err, checkpoint.ErrNone) {
		return nil
	}
	if err == nil {
		loaded, read := g.revision(), time.Since(begin)
		if err = e.replay(ctx, g, e.store.Revision()); err == nil {
			err = e.holdsContent(g)
		}
		if err == nil {
			g.base = g.revision()
			e.log.Info("checkpoint loaded", "papers", g.papers(), "segments", e.checkpoint.count, "replayed", g.base-loaded,
				"read_seconds", read.Seconds(), "seconds", time.Since(begin).Seconds())
			return g
		}
	}
	e.log.Warn("the checkpoint does not serve; the index is rebuilt from the store", "folder", e.checkpoints().Path,
		"reason", err)
	e.checkpoint.serial = 0
	e.checkpoint.live.Store(false)
	e.checkpoint.revision.Store(0)
	return nil
}

// dropForeignCheckpoint removes a checkpoint of another history: no later state of this store will fit it.
func (e *Engine) dropForeignCheckpoint() {
	chain, err := e.checkpoints().Open()
	if err != nil {
		return // none, or one whose fault is told when it is loaded
	}
	meta := chain.Parts[0].Meta() // segments of another history are left out when the checkpoint is loaded
	reason := e.follows(meta.Revision, meta.Lineage)
	if err := chain.Close(); err != nil || !errors.Is(reason, store.ErrOtherHistory) {
		return
	}
	e.log.Warn("the checkpoint is removed: the index is rebuilt from the store", "folder", e.checkpoints().Path,
		"reason", reason)
	if err := e.checkpoints().RemoveAll(); err != nil {
		e.log.Warn("the checkpoint cannot be removed; it will not be loaded either", "error", err)
	}
}

// readCheckpoint loads the newest checkpoint of a model. Where a segment is damaged or of another history, it and those
// behind it are left out: the log has what they held. model waits for the model itself.
func (e *Engine) readCheckpoint(
	ctx context.Context, model func() (*embed.Model, error), file checkpoint.ModelFile,
) (*Generation, error) {
	chain, err := e.checkpoints().Open()
	if err != nil {
		return nil, err
	}
	defer chain.Close()
	parts, fault := chain.Parts, chain.Fault
	for {
		last := len(parts) - 1
		bad, g := last, (*Generation)(nil)
		if err = e.fits(parts[last].Meta(), file); err == nil {
			g, bad, err = e.loadParts(ctx, parts, model, file)
		}
		if err == nil {
			e.loaded(g, parts, fault)
			return g, nil
		}
		if bad == 0 || ctx.Err() != nil {
			return nil, errors.Join(err, fault)
		}
		parts, fault = parts[:bad], errors.Join(err, fault)
	}
}

// loaded notes which parts of the checkpoint a generation was loaded from, and why others were not used.
func (e *Engine) loaded(g *Generation, parts []*checkpoint.Reader, fault error) {
	c, last := &e.checkpoint, parts[len(parts)-1]
	c.newest, c.base, c.segments, c.count = last.Part(), parts[0].Size(), 0, len(parts)-1
	for _, p := range parts[1:] {
		c.segments += p.Size()
	}
	c.slots = g.slots.len()
	c.keep.Store(parts[0].Meta().Revision)
	c.revision.Store(last.Meta().Revision)
	c.graph.Store(int64(g.vectors.Info().Graph))
	c.bytes.Store(c.base + c.segments)
	if info, err := os.Stat(c.newest.Path); err == nil { // its age is for whoever watches: nothing depends on it
		c.written.Store(info.ModTime().Unix())
	}
	if fault != nil {
		// The next part is a base, which replaces what cannot be used.
		e.log.Warn("segments of the checkpoint do not serve; what they held is replayed from the store",
			"folder", e.checkpoints().Path, "revision", last.Meta().Revision, "reason", fault)
		return
	}
	c.serial = g.serial
	c.live.Store(true)
}

// loadParts loads a base and its segments, the sections side by side. After an error, bad is the first part at fault.
func (e *Engine) loadParts(ctx context.Context, parts []*checkpoint.Reader, model func() (*embed.Model, error),
	file checkpoint.ModelFile) (g *Generation, bad int, err error) {
	g, err = emptyParts(e.cfg.Index, e.cfg.Embed.Dims, file.Created)
	if err != nil {
		return nil, 0, err
	}
	f := &firstBad{bad: len(parts)}
	load := func(name string, length func() int, take func(r io.Reader, size int64, meta checkpoint.Meta) error,
		end func()) {
		f.group.Go(func() error {
			for i, part := range parts {
				section, size, err := part.Section(name)
				if err == nil {
					err = take(section, size, part.Meta())
				}
				if err == nil && uint64(length()) != part.Meta().Slots {
					err = fmt.Errorf("it has %d slots and claims %d", length(), part.Meta().Slots)
				}
				if err == nil {
					err = ctx.Err()
				}
				if err != nil {
					f.note(i, fmt.Errorf("%s: section %s: %w", part.Path(), name, err))
					return nil
				}
			}
			end()
			return nil
		})
	}
	f.group.Go(func() error {
		m, err := model()
		if g.model = m; err != nil {
			f.note(0, err)
		}
		return nil
	})
	nothing := func() {}
	load(sectionWords, g.words.Len, func(r io.Reader, size int64, _ checkpoint.Meta) error {
		return g.words.Load(r, size)
	}, g.words.BuildLists)
	load(sectionVectors, g.vectors.Len, func(r io.Reader, size int64,
		_ checkpoint.Meta) error {
		return g.vectors.Load(r, size)
	}, nothing)
	load(sectionColumns, g.columns.Len, func(r io.Reader, size int64,
		_ checkpoint.Meta) error {
		return g.columns.Load(r, size)
	}, nothing)
	load(sectionSlots, g.slots.len, func(r io.Reader, size int64, m checkpoint.Meta) error {
		return g.loadSlots(r, size, m.Revision)
	}, nothing)
	_ = f.group.Wait() // the goroutines note what fails
	if f.err != nil {
		return nil, f.bad, f.err
	}
	last := len(parts) - 1
	return g, last, g.settle(parts[last].Meta().Revision)
}

// firstBad keeps the error of the earliest part.
type firstBad struct {
	group errgroup.Group
	mu    sync.Mutex
	bad   int
	err   error
}

func (f *firstBad) note(part int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil || part < f.bad {
		f.bad, f.err = part, err
	}
}

// fits reports whether a part is of this model, index and release, of the store's own past, and can be brought up to
// date from its log.
func (e *Engine) fits(meta checkpoint.Meta, file checkpoint.ModelFile) error {
	switch {
	case meta.Content != checkpointContent:
		return fmt.Errorf("its content is version %d and this server reads %d", meta.Content, checkpointContent)
	case meta.Model != file.Fingerprint:
		return fmt.Errorf("it is of the model %s, and %s serves", meta.Model, file.Fingerprint)
	case meta.Index != e.cfg.Index:
		return fmt.Errorf("its index is %s and this server's is %s", meta.Index, e.cfg.Index)
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

// settle makes a loaded generation ready for replay.
func (g *Generation) settle(revision uint64) error {
	if !g.slots.joinLoaded() {
		return fmt.Errorf("%w: a version of a paper has none before it", errSlots)
	}
	g.countDead()
	if n := g.slots.len(); n > 0 {
		g.scanned = g.slots.row(uint32(n - 1)).ordinal
	}
	g.publish(revision)
	return nil
}
