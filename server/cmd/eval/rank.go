package main

import (
	"context"
	"errors"
	"slices"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/quality"
	"github.com/akin-search/akin/server/internal/rank"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// batch is the number of queries whose cosines with every document are computed by one matrix product.
const batch = 64

// depth is the length of the rankings that are measured.
const depth = 100

// analyzed is a query ready to be ranked.
type analyzed struct {
	rank.Query
	accept allBut // the document that may not be found, or -1
}

// evaluate measures every judged query that has a relevant document.
func (c *collection) evaluate(ctx context.Context) (*figures, error) {
	f := &figures{}
	err := c.rankAll(ctx, func(q *query, lists [3][]index.Candidate) error {
		for m, all := range []*[]quality.Metrics{&f.dense, &f.words, &f.fused} {
			if figures, judged := quality.Score(c.ids(lists[m]), q.Grades); judged {
				*all = append(*all, figures)
			}
		}
		return nil
	})
	return f, err
}

// rankAll ranks every query by exact float32 cosine, by BM25 over all documents, and by the two fused as the server
// fuses them, and calls fn with the three rankings of one query after the other, in their order.
func (c *collection) rankAll(ctx context.Context, fn func(q *query, lists [3][]index.Candidate) error) error {
	for from := 0; from < len(c.Queries); from += batch {
		queries := c.Queries[from:min(from+batch, len(c.Queries))]
		prepared, vectors := c.prepare(queries)
		cosines := c.cosines(vectors, len(queries))
		lists, errs := make([][3][]index.Candidate, len(queries)), make([]error, len(queries))
		err := parallelEach(ctx, len(queries), func(i int) {
			row := cosines[i*len(c.Documents) : (i+1)*len(c.Documents)]
			lists[i], errs[i] = c.rank(ctx, &prepared[i], row)
		})
		if err := errors.Join(append(errs, err)...); err != nil {
			return err
		}
		for i := range queries {
			if err := fn(&queries[i], lists[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// prepare analyses and embeds queries; a query by paper takes the paper's own words and vector.
func (c *collection) prepare(queries []query) ([]analyzed, []float32) {
	analyzer := embed.NewAnalyzer(c.config)
	d := c.model.Dims()
	out, vectors := make([]analyzed, len(queries)), make([]float32, len(queries)*d)
	for i, q := range queries {
		a := &out[i]
		a.accept = -1
		a.Vector, a.Terms = vectors[i*d:(i+1)*d], new(embed.Terms)
		kind := rank.PaperQuery
		if slot, ok := c.slots[q.PaperID]; ok && q.PaperID != "" {
			a.accept = allBut(slot)
			c.words.Terms(slot, a.Terms)
			copy(a.Vector, c.row(int(slot)))
		} else {
			var analysis embed.Analysis
			analyzer.Analyze(&analysis, q.Text)
			c.model.Embed(a.Vector, &analysis.Features)
			*a.Terms = analysis.Words
			kind = rank.KindOf(q.Text, analysis.Words.Tokens)
		}
		a.Weights = rank.DefaultWeights(kind, c.model.Trained())
	}
	return out, vectors
}

// cosines is the product of n query vectors with all documents, a row a query.
func (c *collection) cosines(vectors []float32, n int) []float32 {
	d, documents := c.model.Dims(), len(c.Documents)
	out := make([]float32, n*documents)
	blas32.Gemm(blas.NoTrans, blas.Trans, 1,
		blas32.General{Rows: n, Cols: d, Stride: d, Data: vectors},
		blas32.General{Rows: documents, Cols: d, Stride: d, Data: c.vectors}, 0,
		blas32.General{Rows: n, Cols: documents, Stride: documents, Data: out})
	return out
}

// rank returns the dense, lexical and fused rankings of one query, best first. The lexical one is BM25 with DefaultK1
// whatever the kind of query; the fused one is made by the code that serves.
func (c *collection) rank(ctx context.Context, a *analyzed, cosines []float32) ([3][]index.Candidate, error) {
	vectors := &exact{c, cosines}
	dense, _, err := vectors.Search(ctx, &index.Query{Vector: a.Vector, K: depth, Accept: a.accept}, nil)
	if err != nil {
		return [3][]index.Candidate{}, err
	}
	corpus := rank.Corpus{Vectors: vectors, Words: c.words, Model: c.model}
	var r rank.Ranker
	find := rank.Find{Accept: a.accept}
	find.Depth, find.Reach = new(engine.Options).Reach(&a.Weights, depth, depth)
	if _, err := r.Candidates(ctx, corpus, &a.Query, find); err != nil {
		return [3][]index.Candidate{}, err
	}
	if err := r.Fuse(corpus, &a.Query); err != nil {
		return [3][]index.Candidate{}, err
	}
	if err := r.Extend(ctx, corpus, &a.Query, find); err != nil {
		return [3][]index.Candidate{}, err
	}
	r.Best(depth)
	r.Finish()
	fused := make([]index.Candidate, min(depth, len(r.Ranked)))
	for i := range fused {
		fused[i] = index.Candidate{Slot: r.Ranked[i].Slot, Score: float32(r.Ranked[i].Score)}
	}
	words, err := c.byWords(ctx, a)
	return [3][]index.Candidate{dense, words, fused}, err
}

// allBut accepts every slot but one.
type allBut int64

func (a allBut) Accepts(slot uint32) bool { return int64(slot) != int64(a) }
func (a allBut) Slots() index.Listing     { return nil }
func (a allBut) Share() float64           { return 1 }

// exact is the vectors of a collection with the cosines of one query, which are all it can be asked for.
type exact struct {
	*collection
	cosines []float32 // by slot
}

// Search finds the nearest documents, as an index does that scans: nothing is near to a zero vector.
func (e *exact) Search(
	_ context.Context, q *index.Query, dst []index.Candidate,
) ([]index.Candidate, index.Report, error) {
	accept := func(slot uint32) bool {
		return q.Accept.Accepts(slot) && (e.cosines[slot] != 0 || !isZero(e.row(int(slot))))
	}
	report := index.Report{Exact: true, Scored: len(e.cosines)}
	if isZero(q.Vector) {
		return dst, report, nil
	}
	return append(dst, best(e.cosines, q.K, accept)...), report, nil
}

// Scores gives the cosines with the query that the struct was made for.
func (e *exact) Scores(_ []float32, slots []uint32, dst []float32) error {
	for i, slot := range slots {
		dst[i] = e.cosines[slot]
	}
	return nil
}

// Vector copies the vector of a document.
func (e *exact) Vector(slot uint32, dst []float32) error {
	copy(dst, e.row(int(slot)))
	return nil
}

// Dims is the length of a vector.
func (e *exact) Dims() int { return e.model.Dims() }

func isZero(vector []float32) bool {
	return !slices.ContainsFunc(vector, func(x float32) bool { return x != 0 })
}

// best returns the k accepted slots with the highest scores, ties by rising slot.
func best(scores []float32, k int, accept func(slot uint32) bool) []index.Candidate {
	heap := make([]index.Candidate, 0, k+1) // the worst first
	for slot, score := range scores {
		if len(heap) == k && score <= heap[0].Score || !accept(uint32(slot)) {
			continue
		}
		heap = append(heap, index.Candidate{Slot: uint32(slot), Score: score})
		up(heap)
		if len(heap) > k {
			heap[0] = heap[k]
			heap = heap[:k]
			down(heap)
		}
	}
	slices.SortFunc(heap, func(a, b index.Candidate) int {
		if worse(a, b) {
			return 1
		}
		return -1
	})
	return heap
}

func worse(a, b index.Candidate) bool {
	return a.Score < b.Score || a.Score == b.Score && a.Slot > b.Slot
}

func up(heap []index.Candidate) {
	for i := len(heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !worse(heap[i], heap[parent]) {
			return
		}
		heap[i], heap[parent] = heap[parent], heap[i]
		i = parent
	}
}

func down(heap []index.Candidate) {
	for i := 0; 2*i+1 < len(heap); {
		child := 2*i + 1
		if child+1 < len(heap) && worse(heap[child+1], heap[child]) {
			child++
		}
		if !worse(heap[child], heap[i]) {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}

// ids are the document ids of the head of a ranking.
func (c *collection) ids(list []index.Candidate) []string {
	out := make([]string, min(len(list), depth))
	for i := range out {
		out[i] = c.Documents[list[i].Slot].ID
	}
	return out
}
