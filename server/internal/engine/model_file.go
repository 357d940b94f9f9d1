package engine

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/checkpoint"
	"github.com/akin-search/akin/server/internal/rank"
)

// models is where the models of the data folder stand. The newest one serves: it is durable before it goes live, so
// that a start after any kill has the model whose training was acknowledged, whatever the newest checkpoint was made
// with.
func (e *Engine) models() checkpoint.Models {
	return checkpoint.Models{Path: filepath.Join(e.cfg.Dir, "models"), Hook: e.cfg.Hook}
}

// keepModel makes the model of a generation durable as the newest one. It returns what undoes that, for a generation
// that does not come to serve after all. Nothing happens when the model is the newest already.
func (e *Engine) keepModel(g *Generation) (undo func() error, err error) {
	e.modelMu.Lock()
	defer e.modelMu.Unlock()
	before := e.kept
	if before.Fingerprint == g.model.Fingerprint() && before.Created.Equal(g.created) {
		return func() error { return nil }, nil
	}
	position, err := e.store.PositionOf(g.revision())
	if err != nil {
		return nil, storeError(err)
	}
	meta := checkpoint.ModelMeta{
		Lineage: position.Lineage.String(), Revision: position.Revision, Fingerprint: g.model.Fingerprint(),
		Created: g.created,
	}
	path, err := e.models().Write(meta, keptModel{g})
	if err != nil {
		return nil, fmt.Errorf("keep the model: %w", err)
	}
	e.kept = checkpoint.ModelFile{ModelMeta: meta, Path: path}
	return func() error {
		e.modelMu.Lock()
		defer e.modelMu.Unlock()
		e.kept = before
		return e.models().Remove(path)
	}, nil
}

// serves reports whether a start would serve the model of the live generation. A start on a full disk may have left it
// unwritten.
func (e *Engine) serves(live *Generation) (bool, error) {
	e.modelMu.Lock()
	kept := e.kept
	e.modelMu.Unlock()
	if kept.Path == "" {
		_, err := e.keepModel(live)
		return err == nil, err
	}
	return kept.Fingerprint == live.model.Fingerprint(), nil
}

// pruneModels removes the models that the newest one has replaced. They do no harm where that fails.
func (e *Engine) pruneModels() {
	e.modelMu.Lock()
	defer e.modelMu.Unlock()
	if err := e.models().Prune(e.kept.Path); err != nil {
		e.log.Warn("replaced models were not removed", "folder", e.models().Path, "error", err)
	}
}

// storedModels lists the models on disk of this store, newest first. Files that cannot be used are named in the log: a
// start then goes on with an older model, or learns one.
func (e *Engine) storedModels() []checkpoint.ModelFile {
	files, faults, err := e.models().List()
	for _, err := range append(faults, err) {
		if err != nil {
			e.log.Warn("a model on disk does not serve", "reason", err)
		}
	}
	own := files[:0]
	for _, f := range files {
		if err := e.follows(f.Revision, f.Lineage); err != nil {
			e.log.Warn("a model on disk does not serve", "reason", err)
			continue
		}
		own = append(own, f)
	}
	return own
}

// readModel reads a model on disk and holds it against its description and the configuration.
func (e *Engine) readModel(f checkpoint.ModelFile) (*embed.Model, error) {
	var m *embed.Model
	err := f.Read(func(r io.Reader, size int64) (err error) {
		_, m, err = e.decodeModel(r, size)
		return err
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	case m.Fingerprint() != f.Fingerprint:
		return nil, fmt.Errorf("%s: it holds the model %s and claims %s", f.Path, m.Fingerprint(), f.Fingerprint)
	}
	return m, nil
}

// decodeModel reads what keptModel writes, for a model of this server's configuration.
func (e *Engine) decodeModel(r io.Reader, size int64) (*rank.Odds, *embed.Model, error) {
	odds, err := readOdds(r)
	if err != nil {
		return nil, nil, err
	}
	m, err := embed.ReadModel(r, size-int64(rank.OddsSize))
	if err == nil && m.Config() != e.cfg.Embed {
		err = errOtherConfig
	}
	return odds, m, err
}

var errOtherConfig = errors.New("the model has another configuration than this server")

// keptModel is what a model's file holds: the odds of likeness under the model, and then the model.
type keptModel struct{ *Generation }

func (k keptModel) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(k.odds.Encode())
	if err != nil {
		return int64(n), err
	}
	m, err := k.model.WriteTo(w)
	return int64(n) + m, err
}

func readOdds(r io.Reader) (*rank.Odds, error) {
	b := make([]byte, rank.OddsSize)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	return rank.DecodeOdds(b)
}
