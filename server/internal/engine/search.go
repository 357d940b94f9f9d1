package engine

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/rank"
)

// question is what a search asks of a generation, whatever it was asked with.
type question struct {
	rank.Query
	kind    rank.Kind
	unknown []string // words never seen
}

// Search returns one page of the papers nearest to a query.
func (e *Engine) Search(ctx context.Context, q *Query) (*Result, error) {
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	r := e.rankers.Get().(*ranker)
	defer e.rankers.Put(r)

	hash := queryHash(q)
	look, err := e.lookAt(q.PageToken, hash)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	v, ask, err := e.ask(ctx, look, r, q)
	e.ended(ctx, StageEmbed, begin)
	if err != nil {
		return nil, err
	}
	ask.choose(&q.Options)
	request := pageRequest{&q.Options, ask.kind, ask.Weights, q.PageSize, q.PageToken, hash}
	result, _, err := e.onePage(ctx, r, v, request, func(f rank.Find) (index.Report, error) {
		return r.rank(ctx, v, &ask, f)
	})
	if err != nil {
		return nil, err
	}
	result.DenseWeight, result.UnknownWords, result.Parts = ask.Weights.Dense, ask.unknown, q.Parts
	return result, nil
}

// ask turns a query into a question and the view that answers it.
func (e *Engine) ask(ctx context.Context, look func() *view, r *ranker, q *Query) (*view, question, error) {
	switch {
	case q.PaperID != "":
		v, slots, err := e.lookForStored(ctx, look, q.PaperID)
		if err != nil {
			return nil, question{}, err
		}
		ask, err := r.paperQuestion(v.gen, slots[0])
		v.without(slots[0])
		return v, ask, err
	case q.Vector != nil:
		v := look()
		ask, err := vectorQuestion(v.gen, q.Vector)
		return v, ask, err
	default:
		v := look()
		ask, err := r.textQuestion(v.gen, q.Text)
		return v, ask, err
	}
}

// paperQuestion asks with a stored paper's own vector and words.
func (r *ranker) paperQuestion(g *Generation, slot uint32) (question, error) {
	r.vector = resize(r.vector, g.model.Dims())
	if err := g.vectors.Vector(slot, r.vector); err != nil {
		return question{}, err
	}
	g.words.Terms(slot, &r.terms)
	weights := rank.DefaultWeights(rank.PaperQuery, g.model.Trained())
	return question{Query: rank.Query{Vector: r.vector, Terms: &r.terms, Weights: weights}, kind: rank.PaperQuery}, nil
}

// textQuestion embeds a text. A text without a single word that counts is ErrNoWords.
func (r *ranker) textQuestion(g *Generation, text string) (question, error) {
	return r.textQuestionBy(g, g.words, text)
}

// frequencies say how many papers have a word: a lexical.Index, or the counts of all shards.
type frequencies interface{ Frequency(word uint32) int }

// textQuestionBy is textQuestion where others have papers, too.
func (r *ranker) textQuestionBy(g *Generation, known frequencies, text string) (question, error) {
	r.analyzer.Analyze(&r.analysis, text)
	if r.analysis.Words.Tokens == 0 && len(r.analysis.Features.IDs) == 0 {
		return question{}, fmt.Errorf("%w: it is empty, or has only stop words and marks", ErrNoWords)
	}
	r.vector = resize(r.vector, g.model.Dims())
	g.model.Embed(r.vector, &r.analysis.Features)
	kind := rank.KindOf(text, r.analysis.Words.Tokens)
	return question{
		Query: rank.Query{
			Vector: r.vector, Terms: &r.analysis.Words, Weights: rank.DefaultWeights(kind, g.model.Trained()),
		},
		kind:    kind,
		unknown: r.unknownWords(known, text),
	}, nil
}

// vectorQuestion checks a caller's vector and scales it to length 1.
func vectorQuestion(g *Generation, q *VectorQuery) (question, error) {
	if fp := g.model.Fingerprint(); q.Model != fp {
		return question{}, fmt.Errorf("%w: it was made by %q and the live model is %q; embed the text again",
			ErrModelMismatch, q.Model, fp)
	}
	if len(q.Values) != g.model.Dims() {
		return question{}, fmt.Errorf("%w: it has %d values and the model %d dimensions", ErrInvalidVector, len(q.Values),
			g.model.Dims())
	}
	var sum float64
	for _, x := range q.Values {
		sum += float64(x) * float64(x)
	}
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return question{}, fmt.Errorf("%w: it holds NaN or infinity, or its length overflows", ErrInvalidVector)
	}
	if sum == 0 {
		return question{}, fmt.Errorf("%w: it is all zero, which is near to nothing", ErrInvalidVector)
	}
	scale := 1 / math.Sqrt(sum)
	vector := make([]float32, len(q.Values))
	for i, x := range q.Values {
		vector[i] = float32(float64(x) * scale)
	}
	return question{Query: rank.Query{Vector: vector, Weights: rank.Weights{Dense: 1}}, kind: rank.PaperQuery}, nil
}

// choose takes the caller's choice of weights.
func (q *question) choose(o *Options) {
	if o.DenseWeight != nil && q.Terms != nil {
		q.Weights = q.Weights.WithDense(*o.DenseWeight)
	}
}

// maxUnknown bounds the unknown words that are reported.
const maxUnknown = 32

// unknownWords names the words of a text that no stored paper has. Most texts have none, which the terms tell without
// a second look at the text.
func (r *ranker) unknownWords(known frequencies, text string) []string {
	unseen := func(id uint32) bool { return known.Frequency(id) == 0 }
	all := true
	for _, id := range r.analysis.Words.IDs {
		if unseen(id) {
			all = false
			break
		}
	}
	if all {
		return nil
	}
	var words []string
	seen := make(map[uint32]bool)
	r.analyzer.EachWord(text, func(surface string, id uint32) {
		if len(words) < maxUnknown && !seen[id] && unseen(id) {
			seen[id] = true
			words = append(words, surface)
		}
	})
	return words
}

// pageRequest is which page of an answer is asked for.
type pageRequest struct {
	options *Options
	kind    rank.Kind    // of what is asked with
	weights rank.Weights // of a search
	size    int
	token   string
	hash    uint64 // of all that must be the same on every page
}

// onePage returns one page of hits with their papers, and the hits as they were ranked, in the ranker's memory.
// candidates fills r.Ranked with scored candidates of the view.
func (e *Engine) onePage(
	ctx context.Context, r *ranker, v *view, ask pageRequest, candidates func(f rank.Find) (index.Report, error),
) (*Result, []rank.Scored, error) {
	p, err := v.resume(ask.token, ask.hash, ask.size)
	if err != nil {
		return nil, nil, err
	}
	if err := v.restrict(ask.options.Filter); err != nil {
		return nil, nil, err
	}
	if n := len(v.exclude); n > 0 && v.exclude[n-1] >= v.slots {
		return nil, nil, errChangedSince
	}
	r.Reset()
	depth, reach := ask.options.Reach(&ask.weights, int(p.offset)+ask.size, int(p.depth))
	report, err := candidates(e.find(ctx, v, ask.options, depth, reach))
	if err != nil {
		return nil, nil, err
	}
	if err := e.order(r, v, &ask, int(p.offset)+ask.size); err != nil {
		return nil, nil, err
	}
	ranked := r.Ranked[:min(len(r.Ranked), int(p.depth))]
	begin := min(int(p.offset), len(ranked))
	end := min(begin+ask.size, len(ranked))
	reading := time.Now()
	hits, err := e.hits(r, v, ask.kind, ranked[begin:end], ask.options)
	e.ended(ctx, StageHeads, reading)
	if err != nil {
		return nil, nil, err
	}
	tokenAt := func(n int) string {
		next := p
		next.offset += uint32(n)
		return next.encode(ask.hash)
	}
	position, err := e.store.PositionOf(v.revision)
	if err != nil {
		return nil, nil, storeError(err)
	}
	result := &Result{
		Hits:     hits,
		TokenAt:  tokenAt,
		Exact:    report.Exact,
		Scored:   report.Scored,
		Model:    v.gen.model.Fingerprint(),
		Position: position,
	}
	if !ask.options.NoDoubts {
		result.Warnings = v.gen.columns.Doubts(ask.options.Filter)
	}
	if end < len(ranked) {
		result.NextPageToken = tokenAt(end - begin)
	}
	return result, ranked[begin:end], nil
}

// hits reads the papers of ranked candidates.
func (e *Engine) hits(r *ranker, v *view, kind rank.Kind, ranked []rank.Scored, o *Options) ([]Hit, error) {
	r.ordinals = r.ordinals[:0]
	for i := range ranked {
		r.ordinals = append(r.ordinals, v.row(ranked[i].Slot).ordinal)
	}
	var err error
	if o.Brief {
		r.papers, err = e.briefPapers(r, r.ordinals, r.papers[:0])
	} else {
		r.papers, err = e.store.Papers(r.ordinals, o.Abstracts, r.papers[:0])
	}
	if err != nil {
		return nil, storeError(err)
	}
	scale := Scale{v.gen.odds, kind}
	hits := make([]Hit, len(ranked))
	for i, p := range r.papers {
		if p == nil {
			// Only a page token can pin a revision whose records are gone: the reader's epoch holds all later ones.
			return nil, fmt.Errorf("%w: papers of its revision were replaced since; search again", ErrPageExpired)
		}
		hits[i] = Hit{Paper: p, Likeness: scale.Likeness(&ranked[i])}
	}
	clear(r.papers)
	return hits, nil
}

// resize returns s with length n, reusing its memory where it suffices.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
