package engine

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/rank"
)

// Explain places a stored paper among the candidates of a query, whether or not the query finds it, and splits its
// cosine and its BM25 into the query's words. Vectors are computed anew from the texts, at full precision.
func (e *Engine) Explain(ctx context.Context, q ExplainQuery) (*Explanation, error) {
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	r := e.rankers.Get().(*ranker)
	defer e.rankers.Put(r)

	ids := []string{q.Target}
	if q.PaperID != "" {
		ids = append(ids, q.PaperID)
	}
	v, slots, err := e.lookForStored(ctx, e.look, ids...)
	if err != nil {
		return nil, err
	}
	query := []string{q.Text}
	var ask question
	if q.PaperID != "" {
		v.without(slots[1])
		ask, err = r.paperQuestion(v.gen, slots[1])
		if err == nil {
			query, err = e.textOf(v, slots[1])
		}
	} else {
		ask, err = r.textQuestion(v.gen, q.Text)
	}
	if err != nil {
		return nil, err
	}
	target, err := e.textOf(v, slots[0])
	if err != nil {
		return nil, err
	}
	placed, err := e.place(ctx, r, v, &ask, &q.Options, slots[0])
	if err != nil {
		return nil, err
	}
	x, err := r.explain(v.gen, slots[0], query, target, q.MaxTerms, nil)
	if err != nil {
		return nil, err
	}
	x.Score, x.Parts, x.OneIn = placed.Score, placed.Parts, v.gen.odds.OneIn(ask.kind, x.Cosine)
	return x, nil
}

// MatchingWords are the words of a text, or of a stored paper, that bring a paper nearest to it, at most n, largest
// part first. None where neither is stored any more, or no word counts.
func (e *Engine) MatchingWords(ctx context.Context, text, paperID, target string, n int) ([]string, error) {
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	r := e.rankers.Get().(*ranker)
	defer e.rankers.Put(r)
	v, slots, err := e.lookFor(ctx, e.look, target, paperID)
	if err != nil || slots[0] == unstored || paperID != "" && slots[1] == unstored {
		return nil, err
	}
	query := []string{text}
	if paperID != "" {
		if query, err = e.textOf(v, slots[1]); err != nil {
			return nil, err
		}
	}
	hit, err := e.textOf(v, slots[0])
	if err != nil {
		return nil, err
	}
	x, err := r.explain(v.gen, slots[0], query, hit, n, nil)
	if errors.Is(err, ErrNoWords) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var words []string
	for _, t := range x.Terms {
		if t.Cosine > 0 {
			words = append(words, t.Term)
		}
	}
	return words, nil
}

// place scores a paper as a page of the search would that shows all candidates.
func (e *Engine) place(
	ctx context.Context, r *ranker, v *view, ask *question, o *Options, slot uint32,
) (rank.Scored, error) {
	if err := v.restrict(o.Filter); err != nil {
		return rank.Scored{}, err
	}
	ask.choose(o)
	depth, reach := o.Reach(&ask.Weights, rank.Close, minDepth)
	if _, err := r.rank(ctx, v, ask, e.find(ctx, v, o, depth, reach)); err != nil {
		return rank.Scored{}, err
	}
	if err := r.Place(v.gen.corpus(), &ask.Query, slot); err != nil {
		return rank.Scored{}, err
	}
	if o.RecencyHalfLife > 0 {
		r.Age(o.RecencyHalfLife, e.now(), v.Published)
	}
	r.Finish()
	i := slices.IndexFunc(r.Ranked, func(hit rank.Scored) bool { return hit.Slot == slot })
	return r.Ranked[i], nil
}

// textOf returns title and abstract of a slot's paper.
func (e *Engine) textOf(v *view, slot uint32) ([]string, error) {
	papers, err := e.store.Papers([]uint64{v.row(slot).ordinal}, true, make([]*paper.Paper, 0, 1))
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

// explain compares the texts of a query, one or a paper's two, with those of a target. s is as in
// lexical.Index.PrepareBy.
func (r *ranker) explain(g *Generation, slot uint32, query, target []string, maxTerms int, s *lexical.Statistics) (
	*Explanation, error) {
	var asked, document embed.Analysis
	queryNames, targetNames := r.analyse(&asked, query), r.analyse(&document, target)
	if len(asked.Features.IDs) == 0 {
		return nil, ErrNoWords
	}
	kind := rank.PaperQuery
	if len(query) == 1 {
		kind = rank.KindOf(query[0], asked.Words.Tokens)
	}
	var words lexical.Query
	g.words.PrepareBy(&words, &asked.Words, rank.DefaultWeights(kind, g.model.Trained()).K1, s)

	split := g.model.Explain(&asked.Features, &document.Features, maxMatches)
	x := &Explanation{Model: g.model.Fingerprint(), Likeness: Likeness{Cosine: split.Cosine}}
	parts := make([]TermPart, 0, len(split.Parts))
	for _, p := range split.Parts {
		part := TermPart{Term: queryNames[p.ID], Cosine: p.Cosine, BM25: g.words.TermScore(&words, slot, p.ID)}
		for _, id := range p.Near {
			part.Matches = append(part.Matches, targetNames[id])
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

// analyse finds the features of texts, and the words that stand for them there.
func (r *ranker) analyse(dst *embed.Analysis, texts []string) (names map[uint32]string) {
	names = make(map[uint32]string)
	for _, text := range texts {
		r.analyzer.EachWord(text, func(surface string, id uint32) {
			if _, ok := names[id]; !ok {
				names[id] = surface
			}
		})
	}
	r.analyzer.Analyze(dst, texts...)
	return names
}
