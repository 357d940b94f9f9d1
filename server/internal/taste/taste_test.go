package taste

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/lexical"
)

const dims = 8

// corpus is papers with random vectors and words.
type corpus struct {
	rng     *rand.Rand
	words   *lexical.Index
	terms   []embed.Terms
	vectors []float32
	slots   []uint32
}

func newCorpus(seed uint64, n int) *corpus {
	c := &corpus{rng: rand.New(rand.NewPCG(seed, 1)), words: lexical.New()}
	for range n {
		terms := c.randomTerms()
		c.terms = append(c.terms, terms)
		c.slots = append(c.slots, c.words.Append(&terms))
		c.vectors = append(c.vectors, c.randomVector()...)
	}
	return c
}

func (c *corpus) randomTerms() embed.Terms {
	var t embed.Terms
	for id := range uint32(40) {
		if c.rng.IntN(4) == 0 {
			count := uint16(1 + c.rng.IntN(5))
			t.IDs, t.Counts, t.Tokens = append(t.IDs, id*101), append(t.Counts, count), t.Tokens+int(count)
		}
	}
	return t
}

func (c *corpus) randomVector() []float32 {
	v, sum := make([]float32, dims), 0.
	for i := range v {
		v[i] = float32(c.rng.NormFloat64())
		sum += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v
}

func (c *corpus) row(slot uint32) []float32 { return c.vectors[slot*dims : (slot+1)*dims] }

func (c *corpus) subject(slot uint32, weight float64) Subject {
	return Subject{Vector: c.row(slot), Words: &c.terms[slot], Weight: weight}
}

func (c *corpus) rate(t *testing.T, taste *Taste) []Rating {
	t.Helper()
	ratings := make([]Rating, len(c.slots))
	if err := taste.Rate(context.Background(), &Rater{}, c.slots, c.vectors, ratings); err != nil {
		t.Fatal(err)
	}
	return ratings
}

// slowRating is the recipe as the package comment writes it.
func (c *corpus) slowRating(r Recipe, likes, dislikes []Subject, slot uint32) (score, penalty float64) {
	likeness := func(s Subject) float64 {
		cosine := 0.
		for i, x := range s.Vector {
			cosine += float64(x) * float64(c.row(slot)[i])
		}
		if s.Words == nil || len(s.Words.IDs) == 0 {
			return cosine
		}
		var q lexical.Query
		c.words.Prepare(&q, s.Words)
		share := []float64{0}
		c.words.Scores(&q, []uint32{slot}, share)
		return r.Dense*cosine + (1-r.Dense)*min(1, share[0]/c.self(&q, s.Words))
	}
	largest := func(subjects []Subject) float64 {
		w := 0.
		for _, s := range subjects {
			w = max(w, s.Weight)
		}
		return w
	}
	type pair struct{ s, w float64 }
	var pairs []pair
	for _, s := range likes {
		pairs = append(pairs, pair{likeness(s), s.Weight / largest(likes)})
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		switch {
		case a.s > b.s:
			return -1
		case a.s < b.s:
			return 1
		}
		return 0
	})
	sum, weights := 0., 0.
	for rank, p := range pairs {
		sum += math.Pow(r.Decay, float64(rank)) * p.w * p.s
		weights += math.Pow(r.Decay, float64(rank)) * p.w
	}
	for _, s := range dislikes {
		penalty = max(penalty, s.Weight/largest(dislikes)*likeness(s)-pairs[0].s)
	}
	penalty *= r.Dislike
	return sum/weights - penalty, penalty
}

// self is the BM25 of a query with itself as a paper.
func (c *corpus) self(q *lexical.Query, t *embed.Terms) float64 {
	tokens := 0
	for _, terms := range c.terms {
		tokens += terms.Tokens
	}
	norm := lexical.DefaultK1 * (.25 + .75*float64(t.Tokens)/(float64(tokens)/float64(len(c.terms))))
	sum := 0.
	for i, id := range t.IDs {
		tf := float64(t.Counts[i])
		sum += q.Weight(id) * (lexical.DefaultK1 + 1) * tf / (tf + norm)
	}
	return sum
}

func TestScoresFollowTheFormula(t *testing.T) {
	for seed := range uint64(20) {
		c := newCorpus(seed, 60)
		recipe := Default()
		var taste Taste
		taste.Reset(recipe, c.words, dims)
		var likes, dislikes []Subject
		chosen := c.rng.Perm(60) // distinct: of two equal likes it is not said which is nearer
		for i := range 1 + c.rng.IntN(20) {
			s := c.subject(uint32(chosen[i]), .1+c.rng.Float64())
			if i%5 == 4 {
				s.Words = nil
			}
			likes = append(likes, s)
			taste.Like(s)
		}
		for i := range c.rng.IntN(5) {
			s := c.subject(uint32(chosen[30+i]), .1+c.rng.Float64())
			dislikes = append(dislikes, s)
			taste.Dislike(s)
		}
		taste.Prepare()
		for slot, got := range c.rate(t, &taste) {
			score, penalty := c.slowRating(recipe, likes, dislikes, uint32(slot))
			if math.Abs(got.Score-score) > 1e-4 || math.Abs(got.Penalty-penalty) > 1e-4 {
				t.Fatalf("seed %d, slot %d: score %.6f, penalty %.6f; by the formula %.6f, %.6f", seed, slot, got.Score,
					got.Penalty, score, penalty)
			}
		}
	}
}

func TestReasonsSumToTheScore(t *testing.T) {
	c := newCorpus(7, 50)
	var taste Taste
	taste.Reset(Default(), c.words, dims)
	for i := range uint32(12) {
		taste.Like(c.subject(i, float64(1+i%3)))
	}
	taste.Dislike(c.subject(20, 1))
	taste.Prepare()
	var rater Rater
	for slot, rating := range c.rate(t, &taste) {
		why := taste.Why(&rater, uint32(slot), c.row(uint32(slot)), 3)
		sum := why.Others - why.Penalty
		for i, like := range why.Likes {
			sum += like.Part
			if i > 0 && like.Part > why.Likes[i-1].Part {
				t.Errorf("slot %d: reason %d is larger than the one before", slot, i)
			}
		}
		if len(why.Likes) != 3 || math.Abs(sum-rating.Score) > 1e-9 {
			t.Errorf("slot %d: %d reasons sum to %.12f, the score is %.12f", slot, len(why.Likes), sum, rating.Score)
		}
	}
}

// Fading is a common factor, and however small the weights are they are compared with each other.
func TestACommonFactorOfWeightsChangesNothing(t *testing.T) {
	c := newCorpus(3, 40)
	ratings := func(factor float64) []Rating {
		var taste Taste
		taste.Reset(Default(), c.words, dims)
		for i := range uint32(6) {
			taste.Like(c.subject(i, factor*float64(i+1)))
		}
		taste.Dislike(c.subject(30, factor))
		taste.Prepare()
		return c.rate(t, &taste)
	}
	want := ratings(1)
	for _, factor := range []float64{1e-300, 1e-3, 1e300} {
		for i, got := range ratings(factor) {
			if math.Abs(got.Score-want[i].Score) > 1e-9 {
				t.Fatalf("weights times %g: slot %d scores %v, before %v", factor, i, got.Score, want[i].Score)
			}
		}
	}
}

func TestADislikeActsOnlyWhereItIsNearerThanEveryLike(t *testing.T) {
	c := newCorpus(5, 80)
	build := func(dislikes ...uint32) []Rating {
		var taste Taste
		taste.Reset(Default(), c.words, dims)
		taste.Like(c.subject(0, 1))
		taste.Like(c.subject(1, 1))
		for _, slot := range dislikes {
			taste.Dislike(c.subject(slot, 1))
		}
		taste.Prepare()
		return c.rate(t, &taste)
	}
	before, after := build(), build(2)
	changed := 0
	for slot := range before {
		switch {
		case after[slot].Penalty == 0 && after[slot].Score != before[slot].Score:
			t.Errorf("slot %d scores %v without a penalty, %v before", slot, after[slot].Score, before[slot].Score)
		case after[slot].Penalty > 0:
			changed++
		}
	}
	if changed == 0 || changed == len(before) {
		t.Errorf("%d of %d papers are penalised: the test shows nothing", changed, len(before))
	}
	if after[0].Penalty != 0 || after[1].Penalty != 0 {
		t.Error("a like itself is penalised")
	}
}

func TestProbesCoverTheLikes(t *testing.T) {
	c := newCorpus(9, 1)
	var taste Taste
	taste.Reset(Default(), c.words, dims)
	// 300 likes near one axis and one like on another: the odd one is among the 50 probes.
	for range 300 {
		v := make([]float32, dims)
		v[0], v[1+c.rng.IntN(3)] = .999, .04
		taste.Like(Subject{Vector: v, Weight: 1})
	}
	odd := make([]float32, dims)
	odd[7] = 1
	taste.Like(Subject{Vector: odd, Weight: 1})
	taste.Like(Subject{Vector: make([]float32, dims), Weight: 5}) // no word known: nowhere to look
	taste.Prepare()
	probes := taste.Probes(make([]float32, dims), nil)
	if len(probes) != 51 || probes[0].K != 200 {
		t.Fatalf("%d probes, the first with %d papers; want the mean with 200 and 50 likes", len(probes), probes[0].K)
	}
	if probes[0].Width != 0 || slices.ContainsFunc(probes[1:], func(p Probe) bool { return p.Width < 2*p.K }) {
		t.Error("near the mean a walk has the index's own width, near each like twice what it looks for")
	}
	if !slices.ContainsFunc(probes[1:], func(p Probe) bool { return slices.Equal(p.Vector, odd) }) {
		t.Error("the like that is far from all others is not a probe")
	}
	for _, p := range probes {
		length := 0.
		for _, x := range p.Vector {
			length += float64(x) * float64(x)
		}
		if math.Abs(length-1) > .01 {
			t.Errorf("a probe has length %v", math.Sqrt(length))
		}
	}
}

func TestOppositeLikesHaveNoMeanButProbes(t *testing.T) {
	c := newCorpus(9, 1)
	var taste Taste
	taste.Reset(Default(), c.words, dims)
	a, b := make([]float32, dims), make([]float32, dims)
	a[0], b[0] = 1, -1
	taste.Like(Subject{Vector: a, Weight: 1})
	taste.Like(Subject{Vector: b, Weight: 1})
	taste.Prepare()
	if probes := taste.Probes(make([]float32, dims), nil); len(probes) != 2 {
		t.Errorf("%d probes, want one at each like and none at their mean, which is nothing", len(probes))
	}
}

func TestNoLikesRateNothing(t *testing.T) {
	c := newCorpus(2, 10)
	var taste Taste
	taste.Reset(Default(), c.words, dims)
	taste.Dislike(c.subject(0, 1))
	taste.Prepare()
	for slot, r := range c.rate(t, &taste) {
		if r != (Rating{}) {
			t.Errorf("slot %d: %+v", slot, r)
		}
	}
	if probes := taste.Probes(make([]float32, dims), nil); len(probes) != 0 {
		t.Errorf("%d probes without a like", len(probes))
	}
}

func TestSmoothMixesInTheNearestGoodOnes(t *testing.T) {
	recipe := Default()
	taste := Taste{recipe: recipe, dims: 2}
	// Two papers at one place and one elsewhere; each has fewer than five neighbours, so all others count.
	rows := []float32{1, 0, 1, 0, 0, 1}
	ratings := []Rating{{Score: .9}, {Score: .6}, {Score: .3}}
	taste.Smooth(ratings, rows)
	for i, want := range []float64{(.9 + .3*.45) / 1.3, (.6 + .3*.6) / 1.3, (.3 + .3*.75) / 1.3} {
		if math.Abs(ratings[i].Score-want) > 1e-12 {
			t.Errorf("candidate %d scores %v, want %v", i, ratings[i].Score, want)
		}
	}
}

func TestRatingEndsWithTheContext(t *testing.T) {
	c := newCorpus(1, 200)
	var taste Taste
	taste.Reset(Default(), c.words, dims)
	taste.Like(c.subject(0, 1))
	taste.Prepare()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := taste.Rate(ctx, &Rater{}, c.slots, c.vectors, make([]Rating, len(c.slots))); err == nil {
		t.Error("a rating under a cancelled context ended without an error")
	}
}

func TestRatingAllocatesNothing(t *testing.T) {
	c := newCorpus(1, 200)
	var taste Taste
	taste.Reset(Default(), c.words, dims)
	for i := range uint32(40) {
		taste.Like(c.subject(i, 1))
	}
	taste.Dislike(c.subject(50, 1))
	taste.Prepare()
	var rater Rater
	ratings := make([]Rating, len(c.slots))
	rate := func() { _ = taste.Rate(context.Background(), &rater, c.slots, c.vectors, ratings) }
	rate()
	if n := testing.AllocsPerRun(10, rate); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
