package engine

import (
	"context"
	"fmt"

	"github.com/akin-search/akin/server/internal/paper"
)

// Why says of papers that Rate has found why they were: because of which likes of the taste, by their numbers in it, and
// of which words. texts are those of the likes, by number; nil where one has none.
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
