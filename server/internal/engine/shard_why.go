package engine

import (
	"context"
	"fmt"

	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/paper"
)

// Why says of papers that Rate has found why they were: because of which likes of the taste, by their numbers in it,
// and of which words. texts are those of the likes, by number; nil where one has none.
func (e *Engine) Why(ctx context.Context, q *ShardTaste, texts [][]string, ordinals []uint64) ([]*Because, error) {
	if len(texts) != len(q.Likes) {
		return nil, fmt.Errorf("texts of %d likes, of which there are %d", len(texts), len(q.Likes))
	}
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	r := e.rankers.Get().(*ranker)
	defer e.rankers.Put(r)
	papers, err := e.store.Papers(ordinals, true, make([]*paper.Paper, 0, len(ordinals)))
	if err != nil {
		return nil, storeError(err)
	}
	all := make([]*Because, 0, len(ordinals))
	var row []float32
	err = e.eachOrdinal(q.Model, ordinals, func(g *Generation, slot uint32) error {
		if len(all) == 0 {
			r.learnOthers(g, q)
			row = make([]float32, g.model.Dims())
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := g.vectors.Vector(slot, row); err != nil {
			return err
		}
		p := papers[len(all)]
		if p == nil {
			return ErrShardMoved
		}
		because, err := r.because(g, slot, row, []string{p.Title, p.Abstract}, func(like int) ([]string, error) {
			return texts[like], nil
		}, q.Statistics)
		all = append(all, because)
		return err
	})
	return all, err
}

// ShardExplained is what a shard knows of a query and one of its papers.
type ShardExplained struct {
	Candidate   ShardCandidate // in no list: whether the query finds the paper does not matter
	Explanation                // without what depends on other papers: score, parts and one_in
}

// ExplainStored compares a query with a stored paper, by its id. text is that of the query, one or a paper's two.
func (e *Engine) ExplainStored(ctx context.Context, q *ShardQuery, target string, text []string, maxTerms int) (
	*ShardExplained, error) {
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	r := e.rankers.Get().(*ranker)
	defer e.rankers.Put(r)
	g, err := e.generationOf(q.Model, 0)
	if err != nil {
		return nil, err
	}
	v, slots, err := e.lookForStored(ctx, func() *view {
		m := g.applied.Load()
		return &view{gen: g, revision: m.revision, slots: m.slots, replaced: e.live.Load() != g}
	}, target)
	if err != nil {
		return nil, err
	}
	words, err := e.textOf(v, slots[0])
	if err != nil {
		return nil, err
	}
	x, err := r.explain(g, slots[0], text, words, maxTerms, q.Statistics)
	if err != nil {
		return nil, err
	}
	found := &ShardExplained{Explanation: *x}
	c := &found.Candidate
	row := v.row(slots[0])
	c.Ordinal, c.Born, c.Published = row.ordinal, row.born, row.publish
	var cosine [1]float32
	if err := g.vectors.Scores(q.Vector, slots, cosine[:]); err != nil {
		return nil, err
	}
	c.Cosine = cosine[0]
	if q.Terms != nil {
		var prepared lexical.Query
		var bm25 [1]float64
		g.words.PrepareBy(&prepared, q.Terms, q.Weights.K1, q.Statistics)
		var shared [1]uint32
		g.words.Match(&prepared, slots, bm25[:], shared[:])
		c.BM25, c.Shared = float32(bm25[0]), shared[0]
	}
	return found, nil
}

// learnOthers prepares r.taste with subjects that a front has gathered.
func (r *ranker) learnOthers(g *Generation, q *ShardTaste) {
	r.taste.ResetBy(Recipe(q.DenseWeight), g.words, g.model.Dims(), q.Statistics)
	for _, s := range q.Likes {
		r.taste.Like(s)
	}
	for _, s := range q.Dislikes {
		r.taste.Dislike(s)
	}
	r.taste.Prepare()
}
