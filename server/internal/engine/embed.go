package engine

import "context"

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
