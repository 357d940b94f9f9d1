package shard

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/rank"
)

// union is what the shards have found for one query, as a corpus of its own: a slot is a place in it. One goroutine
// uses it at a time.
type union struct {
	ctx   context.Context // of the query
	front *Front
	model *embed.Model // of all vectors
	found []found
}

// found is a candidate, the node that knows it, and what was fetched of it.
type found struct {
	engine.ShardCandidate
	shard    int
	node     Node
	vector   []float32 // nil: not fetched
	features []uint32  // nil: not fetched
}

// corpus is the union as ranking knows it.
func (u *union) corpus() rank.Corpus {
	return rank.Corpus{Vectors: u, Words: words{u}, Model: u.model, Fetch: u.fetch}
}

// take sets the candidates to those of answers, by shard.
func (u *union) take(answers []*engine.ShardFound, nodes []Node) {
	u.found = u.found[:0]
	for shard, answer := range answers {
		for _, c := range answer.Candidates {
			u.found = append(u.found, found{ShardCandidate: c, shard: shard, node: nodes[shard]})
		}
	}
	u.number()
}

// cut returns the shards that were asked for few candidates of which all are among the depth best of a list, so that
// they may have others that belong there.
func (u *union) cut(depth, few int, w *rank.Weights, shards int) (again []int) {
	dense := u.best(depth, nil, func(c *found) (float32, bool) { return c.Cosine, c.Dense })
	words, fewWords := depth*w.Words/rank.Depth, few*w.Words/rank.Depth
	if len(dense) == 0 { // then words find as many as vectors would
		words, fewWords = depth, few
	}
	byWords := u.best(words, nil, func(c *found) (float32, bool) { return c.Estimate, c.ByWords })
	for shard := range shards {
		count := func(list []index.Candidate) (n int) {
			for _, c := range list {
				if u.found[c.Slot].shard == shard {
					n++
				}
			}
			return n
		}
		if count(dense) >= few || words > 0 && count(byWords) >= fewWords {
			again = append(again, shard)
		}
	}
	return again
}

// number gives the candidates their slots: in the order in which they were written, as one index would.
func (u *union) number() {
	slices.SortFunc(u.found, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.Born, b.Born), cmp.Compare(a.shard, b.shard), cmp.Compare(a.Ordinal, b.Ordinal))
	})
}

// Dims implements rank.Vectors, as all that follows.
func (u *union) Dims() int { return u.model.Dims() }

// Search returns the best of the candidates that shards have found by cosine.
func (u *union) Search(_ context.Context, q *index.Query, dst []index.Candidate) (
	[]index.Candidate, index.Report, error) {
	return u.best(q.K, dst, func(c *found) (float32, bool) { return c.Cosine, c.Dense }), index.Report{}, nil
}

// Scores returns the cosines that shards have told.
func (u *union) Scores(_ []float32, slots []uint32, dst []float32) error {
	for i, slot := range slots {
		dst[i] = u.found[slot].Cosine
	}
	return nil
}

// Vector returns a vector that was fetched.
func (u *union) Vector(slot uint32, dst []float32) error {
	if u.found[slot].vector == nil {
		return fmt.Errorf("the vector of candidate %d was not fetched", slot)
	}
	copy(dst, u.found[slot].vector)
	return nil
}

// Published is when a candidate was published.
func (u *union) Published(slot uint32) (unix int64, known bool) {
	unix = u.found[slot].ShardCandidate.Published
	return unix, unix != engine.NoTime
}

// best appends to dst the k candidates of the highest score, ties by rising slot.
func (u *union) best(k int, dst []index.Candidate, score func(*found) (float32, bool)) []index.Candidate {
	from := len(dst)
	for slot := range u.found {
		if s, ok := score(&u.found[slot]); ok {
			dst = append(dst, index.Candidate{Slot: uint32(slot), Score: s})
		}
	}
	slices.SortFunc(dst[from:], func(a, b index.Candidate) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Slot, b.Slot))
	})
	return dst[:min(from+k, len(dst))]
}

// words are the union's words, as rank.Words.
type words struct{ *union }

// PrepareBy weighs words by the statistics alone: the union has no lists.
func (w words) PrepareBy(q *lexical.Query, t *embed.Terms, k1 float64, s *lexical.Statistics) {
	(*lexical.Index)(nil).PrepareBy(q, t, k1, s)
}

// Top returns the best of the candidates that shards have found by words.
func (w words) Top(_ context.Context, _ *lexical.Query, k int, _ index.Accept, dst []index.Candidate) (
	[]index.Candidate, error) {
	return w.best(k, dst, func(c *found) (float32, bool) { return c.Estimate, c.ByWords }), nil
}

// Estimates returns what the lists of shards tell of the BM25.
func (w words) Estimates(_ *lexical.Query, slots []uint32, dst []float64) {
	for i, slot := range slots {
		dst[i] = float64(w.found[slot].Estimate)
	}
}

// Match returns the BM25 and the numbers of shared bigrams that shards have told.
func (w words) Match(_ *lexical.Query, slots []uint32, bm25 []float64, shared []uint32) {
	for i, slot := range slots {
		bm25[i] = float64(w.found[slot].BM25)
		if shared != nil {
			shared[i] = w.found[slot].Raw.Shared
		}
	}
}

// Features returns words that were fetched.
func (w words) Features(slot uint32, dst []uint32) []uint32 {
	return append(dst, w.found[slot].features...)
}

// fetch brings a part of some candidates here, from the nodes that found them.
func (u *union) fetch(what rank.Part, slots []uint32) error {
	return u.eachNode(slots, func(ctx context.Context, node Node, slots []uint32, ordinals []uint64) error {
		model := u.model.Fingerprint()
		if what == rank.FeaturesPart {
			features, err := node.ShardFeatures(ctx, model, ordinals)
			if err == nil && len(features) != len(slots) {
				err = fmt.Errorf("%d texts of %d papers", len(features), len(slots))
			}
			if err != nil {
				return err
			}
			for i, slot := range slots {
				u.found[slot].features = features[i]
			}
			return nil
		}
		rows, err := node.ShardVectors(ctx, model, ordinals)
		d := u.model.Dims()
		if err == nil && len(rows) != d*len(slots) {
			err = fmt.Errorf("%d numbers for %d vectors", len(rows), len(slots))
		}
		if err != nil {
			return err
		}
		for i, slot := range slots {
			u.found[slot].vector = rows[i*d : (i+1)*d : (i+1)*d]
		}
		return nil
	})
}

// eachNode calls fn once for every node that has found some of the candidates, with theirs, side by side.
func (u *union) eachNode(slots []uint32, fn func(context.Context, Node, []uint32, []uint64) error) error {
	byShard := map[int][]uint32{}
	for _, slot := range slots {
		shard := u.found[slot].shard
		byShard[shard] = append(byShard[shard], slot)
	}
	group, ctx := errgroup.WithContext(u.ctx)
	for shard, slots := range byShard {
		group.Go(func() error {
			ordinals := make([]uint64, len(slots))
			for i, slot := range slots {
				ordinals[i] = u.found[slot].Ordinal
			}
			return u.front.answered(shard, fn(ctx, u.found[slots[0]].node, slots, ordinals))
		})
	}
	return group.Wait()
}
