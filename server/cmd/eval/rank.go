package main

import (
	"context"
	"slices"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/quality"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// batch is the number of queries whose cosines with every document are computed by one matrix product.
const batch = 64

// depth is the length of the rankings that are measured.
const depth = 100

// modes are the figures of the three ways to rank.
type modes struct {
	Dense   quality.Metrics `json:"dense"`
	Lexical quality.Metrics `json:"lexical"`
	Fused   quality.Metrics `json:"fused"`
}

// analyzed is a query ready to be ranked.
type analyzed struct {
	words   embed.Terms
	weights lexical.Weights
	exclude int64 // slot that may not be found, or -1
	grades  map[string]int
}

// evaluate ranks every judged query by exact float32 cosine, by BM25 over all documents, and by the two fused as the
// server fuses them. It returns the mean figures and the number of queries that had a relevant document.
func (c *collection) evaluate(ctx context.Context) (modes, int, error) {
	var dense, words, fused []quality.Metrics
	for from := 0; from < len(c.Queries); from += batch {
		queries := c.Queries[from:min(from+batch, len(c.Queries))]
		prepared, vectors := c.prepare(queries)
		cosines := c.cosines(vectors, len(queries))
		results := make([][3]quality.Metrics, len(queries))
		judged := make([]bool, len(queries))
		err := parallelEach(ctx, len(queries), func(i int) {
			row := cosines[i*len(c.Documents) : (i+1)*len(c.Documents)]
			lists := c.rank(ctx, &prepared[i], row)
			for m, list := range lists {
				results[i][m], judged[i] = quality.Score(c.ids(list), prepared[i].grades)
			}
		})
		if err != nil {
			return modes{}, 0, err
		}
		for i, r := range results {
			if judged[i] {
				dense, words, fused = append(dense, r[0]), append(words, r[1]), append(fused, r[2])
			}
		}
	}
	return modes{quality.Mean(dense), quality.Mean(words), quality.Mean(fused)}, len(dense), nil
}

// prepare analyses and embeds queries; a query by paper takes the paper's own words and vector.
func (c *collection) prepare(queries []query) ([]analyzed, []float32) {
	analyzer := embed.NewAnalyzer(c.config)
	d := c.model.Dims()
	out, vectors := make([]analyzed, len(queries)), make([]float32, len(queries)*d)
	for i, q := range queries {
		a := &out[i]
		a.grades, a.exclude = q.Grades, -1
		vector := vectors[i*d : (i+1)*d]
		if slot, ok := c.slots[q.PaperID]; ok && q.PaperID != "" {
			a.weights, a.exclude = lexical.DefaultWeights(lexical.PaperQuery, c.model.Trained()), int64(slot)
			c.words.Terms(slot, &a.words)
			copy(vector, c.row(int(slot)))
			continue
		}
		var analysis embed.Analysis
		analyzer.Analyze(&analysis, q.Text)
		c.model.Embed(vector, &analysis.Features)
		a.words = analysis.Words
		a.weights = lexical.DefaultWeights(lexical.KindOf(q.Text, analysis.Words.Tokens), c.model.Trained())
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
// whatever the kind of query.
func (c *collection) rank(ctx context.Context, a *analyzed, cosines []float32) [3][]index.Candidate {
	dense := best(cosines, lexical.Depth, a.exclude)
	var q lexical.Query
	c.words.Prepare(&q, &a.words)
	words := c.allWords(&q, a.exclude)
	c.words.PrepareK1(&q, &a.words, a.weights.K1)
	top, err := c.words.Top(ctx, &q, a.weights.Words, allBut(a.exclude), nil)
	if err != nil {
		return [3][]index.Candidate{} // evaluate notices the end of ctx itself
	}
	var r lexical.Ranking
	known, wordsFrom := r.Merge(dense, top)
	c.words.Scores(&q, r.Slots[:wordsFrom], r.BM25[:wordsFrom])
	for i := known; i < r.Len(); i++ {
		r.Cosines[i] = cosines[r.Slots[i]]
	}
	r.Blend(a.weights.Dense)
	r.Phrases(c.words, &q, a.weights.Dense, a.weights.Phrase)
	r.Order()
	fused := make([]index.Candidate, r.Len())
	for i, slot := range r.Slots {
		fused[i] = index.Candidate{Slot: slot, Score: float32(r.Scores[i])}
	}
	return [3][]index.Candidate{dense, words, fused}
}

// allBut accepts every slot but one.
type allBut int64

func (a allBut) Accepts(slot uint32) bool { return int64(slot) != int64(a) }
func (a allBut) Slots() ([]uint32, bool)  { return nil, false }
func (a allBut) Share() float64           { return 1 }

// allWords scores every document by BM25.
func (c *collection) allWords(q *lexical.Query, exclude int64) []index.Candidate {
	slots, scores := make([]uint32, len(c.Documents)), make([]float64, len(c.Documents))
	for i := range slots {
		slots[i] = uint32(i)
	}
	c.words.Scores(q, slots, scores)
	narrow := make([]float32, len(scores))
	for i, s := range scores {
		narrow[i] = float32(s)
	}
	found := best(narrow, lexical.Depth, exclude)
	return slices.DeleteFunc(found, func(c index.Candidate) bool { return c.Score == 0 })
}

// best returns the k slots with the highest scores but exclude, ties by rising slot.
func best(scores []float32, k int, exclude int64) []index.Candidate {
	heap := make([]index.Candidate, 0, k+1) // the worst first
	for slot, score := range scores {
		if int64(slot) == exclude || len(heap) == k && score <= heap[0].Score {
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
