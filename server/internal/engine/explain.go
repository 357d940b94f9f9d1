package engine

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/rank"
)

// Explain splits the cosine and the BM25 score of a query and a stored paper into the query's words. The vector of a
// text is a sum of rows, one a word, so the cosine is the sum over the query's words of
//
//	weight * <row, document> / |query|
//
// where the document's vector has length 1. Vectors are computed anew from the texts, at full precision.
func (e *Engine) Explain(ctx context.Context, q ExplainQuery) (*Explanation, error) {
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	r := e.rankers.Get().(*ranker)
	defer e.rankers.Put(r)

	ids := []string{q.Target}
	if q.PaperID != "" {
		ids = append(ids, q.PaperID)
	}
	v, slots, err := e.lookForStored(ctx, ids...)
	if err != nil {
		return nil, err
	}
	target, err := e.textOf(v, slots[0])
	if err != nil {
		return nil, err
	}
	query := []string{q.Text}
	if q.PaperID != "" {
		if query, err = e.textOf(v, slots[1]); err != nil {
			return nil, err
		}
	}
	return r.explain(v.gen, slots[0], query, target, q.MaxTerms)
}

// textOf returns title and abstract of a slot's paper.
func (e *Engine) textOf(v *view, slot uint32) ([]string, error) {
	papers, err := e.store.Papers([]uint64{v.gen.slots.row(slot).ordinal}, true, make([]*paper.Paper, 0, 1))
	if err != nil {
		return nil, storeError(err)
	}
	if papers[0] == nil {
		return nil, ErrNotFound
	}
	return []string{papers[0].Title, papers[0].Abstract}, nil
}

// maxMatches is how many nearest words of the target a term names.
const maxMatches = 3

// explain compares the texts of a query, one or a paper's two, with those of a target.
func (r *ranker) explain(g *Generation, slot uint32, query, target []string, maxTerms int) (*Explanation, error) {
	document, names := r.vectorAndNames(g, target)
	targetIDs := sortedKeys(names)
	queryVector, queryNames := r.vectorAndNames(g, query)
	if len(r.analysis.Features.IDs) == 0 {
		return nil, ErrNoWords
	}
	terms := r.analysis.Features
	kind := rank.PaperQuery
	if len(query) == 1 {
		kind = rank.KindOf(query[0], r.analysis.Words.Tokens)
	}
	var words lexical.Query
	g.words.PrepareK1(&words, &r.analysis.Words, rank.DefaultWeights(kind, g.model.Trained()).K1)

	x := &Explanation{Model: g.model.Fingerprint(), Cosine: float64(vector.Dot(queryVector, document))}
	rows := rowsOf(g.model, targetIDs)
	norm, row := sumNorm(g.model, &terms), make([]float32, g.model.Dims())
	parts := make([]TermPart, 0, len(terms.IDs))
	for i, id := range terms.IDs {
		weight := termWeight(g.model, id, terms.Counts[i])
		part := TermPart{Term: queryNames[id], BM25: g.words.TermScore(&words, slot, id)}
		if weight != 0 && norm > 0 {
			g.model.Row(row, id)
			part.Cosine = weight * float64(vector.Dot(row, document)) / norm
			part.Matches = nearestNames(row, targetIDs, rows, names)
		}
		x.BM25 += part.BM25
		parts = append(parts, part)
	}
	slices.SortStableFunc(parts, func(a, b TermPart) int { return cmp.Compare(magnitude(b), magnitude(a)) })
	for _, cut := range parts[min(maxTerms, len(parts)):] {
		x.RemainingCosine += cut.Cosine
	}
	x.Terms = parts[:min(maxTerms, len(parts))]
	return x, nil
}

// magnitude orders parts: by their share of the cosine, and by BM25 where the cosine says nothing.
func magnitude(p TermPart) float64 { return math.Abs(p.Cosine) + 1e-6*p.BM25 }

// vectorAndNames embeds texts and maps their features to the words as they stand in them. The analysis stays in
// r.analysis.
func (r *ranker) vectorAndNames(g *Generation, texts []string) ([]float32, map[uint32]string) {
	names := make(map[uint32]string)
	for _, text := range texts {
		r.analyzer.EachWord(text, func(surface string, id uint32) {
			if _, ok := names[id]; !ok {
				names[id] = surface
			}
		})
	}
	r.analyzer.Analyze(&r.analysis, texts...)
	v := make([]float32, g.model.Dims())
	g.model.Embed(v, &r.analysis.Features)
	return v, names
}

// sumNorm is the length of the weighted sum of rows before it is scaled to 1.
func sumNorm(m *embed.Model, terms *embed.Terms) float64 {
	sum, row := make([]float32, m.Dims()), make([]float32, m.Dims())
	for i, id := range terms.IDs {
		if w := termWeight(m, id, terms.Counts[i]); w != 0 {
			m.Row(row, id)
			vector.Axpy(sum, float32(w), row)
		}
	}
	return float64(length(sum))
}

// rowsOf returns the unit rows of features, one behind the other.
func rowsOf(m *embed.Model, ids []uint32) []float32 {
	d := m.Dims()
	rows := make([]float32, len(ids)*d)
	for i, id := range ids {
		row := rows[i*d : (i+1)*d]
		m.Row(row, id)
		if n := length(row); n > 0 {
			vector.Scale(row, 1/n)
		}
	}
	return rows
}

// nearestNames names the words of the target whose rows are nearest to a row, leaving out those that are not alike.
func nearestNames(row []float32, ids []uint32, rows []float32, names map[uint32]string) []string {
	const alike = .2 // cosine of rows below which two words have little to do with each other
	type near struct {
		cosine float64
		id     uint32
	}
	d := len(row)
	norm := float64(length(row))
	if norm == 0 {
		return nil
	}
	var best []near
	for i, id := range ids {
		if c := float64(vector.Dot(row, rows[i*d:(i+1)*d])) / norm; c >= alike {
			best = append(best, near{c, id})
		}
	}
	slices.SortFunc(best, func(a, b near) int { return cmp.Or(cmp.Compare(b.cosine, a.cosine), cmp.Compare(a.id, b.id)) })
	words := make([]string, 0, maxMatches)
	for _, b := range best[:min(maxMatches, len(best))] {
		words = append(words, names[b.id])
	}
	return words
}
