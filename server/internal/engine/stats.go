package engine

import "context"

// Stats describes the live generation and the folder.
func (e *Engine) Stats(context.Context) (Stats, error) {
	g := e.live.Load()
	position, err := e.store.PositionOf(g.revision())
	if err != nil {
		return Stats{}, storeError(err)
	}
	info := g.vectors.Info()
	s := Stats{
		Papers:       g.papers(),
		Position:     position,
		Model:        g.modelInfo(),
		Engine:       info.Engine,
		Vectors:      info.Vectors,
		GraphVectors: info.Graph,
		TailVectors:  info.Vectors - info.Graph,
		Tombstones:   int(g.dead.Load()),
		ZeroVectors:  info.Zero - int(g.slots.versions.Load()),
		IndexBytes:   info.Bytes + g.words.Bytes() + g.columns.Bytes() + g.slots.bytes(),
		DiskBytes:    e.diskBytes(),
	}
	if a := e.activity.Load(); a != nil {
		s.Activity, s.ActivityProgress = a.name, a.progress
	}
	return s, nil
}

// Embed returns the vectors that the live model gives to texts, and the model's fingerprint.
func (e *Engine) Embed(ctx context.Context, texts []string) ([]Embedding, string, error) {
	g := e.live.Load()
	s := e.scratch.Get().(*scratch)
	defer e.scratch.Put(s)
	embeddings := make([]Embedding, len(texts))
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return nil, "", err
		}
		s.analyzer.Analyze(&s.analysis, text)
		embeddings[i].Tokens = s.analysis.Words.Tokens
		values := make([]float32, g.model.Dims())
		if g.model.Embed(values, &s.analysis.Features) {
			embeddings[i].Values = values
		}
	}
	return embeddings, g.model.Fingerprint(), nil
}
