package rank

import (
	"math"
	"slices"
	"testing"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/sample"
)

type corpusOf []*paper.Paper

func (c corpusOf) Len() int                        { return len(c) }
func (c corpusOf) Document(i int) (string, string) { return c[i].Title, c[i].Abstract }

// bundled is the abstracts of the sample's papers, a model trained on them, and the words of the first title.
func bundled(tb testing.TB) (*lexical.Index, *embed.Model, *embed.Terms) {
	tb.Helper()
	papers, err := sample.Papers()
	if err != nil {
		tb.Fatal(err)
	}
	cfg := embed.DefaultConfig()
	m, err := embed.Train(tb.Context(), corpusOf(papers), cfg, embed.TrainConfig{Seed: 1})
	if err != nil {
		tb.Fatal(err)
	}
	x, a := lexical.New(), embed.NewAnalyzer(cfg)
	var analysis embed.Analysis
	for _, p := range papers {
		a.Analyze(&analysis, p.Abstract)
		x.Append(&analysis.Words)
	}
	a.Analyze(&analysis, papers[0].Title)
	return x, m, &analysis.Words
}

// candidatesFor makes the first n slots candidates, blended by their BM25 alone.
func candidatesFor(x *lexical.Index, q *lexical.Query, n int) *list {
	l := &list{}
	l.resize(n)
	for i := range l.slots {
		l.slots[i], l.cosines[i] = uint32(i), 0
	}
	x.Scores(q, l.slots, l.bm25)
	l.blend(q, 0, 1)
	return l
}

// TestAlikeFollowsItsFormula compares with the formula, spelt out.
func TestAlikeFollowsItsFormula(t *testing.T) {
	x, m, title := bundled(t)
	var q lexical.Query
	x.Prepare(&q, title)
	const weight = .75
	l := candidatesFor(x, &q, 60)
	before, parts := slices.Clone(l.scores), slices.Clone(l.parts)
	l.alike(m, x, &q, weight)
	sorted := slices.Clone(before)
	slices.Sort(sorted)
	least := sorted[len(sorted)-alikeDepth]
	rewarded := 0
	for i, slot := range l.slots {
		want := 0.
		if before[i] >= least {
			want = weight * l.scale.words * standIns(x, m, &q, slot)
		}
		if got := l.scores[i] - before[i]; math.Abs(got-want) > 1e-5 || l.parts[i].Words-parts[i].Words-got > 1e-9 {
			t.Errorf("candidate %d: %g more, in its parts %g, want %g", i, got, l.parts[i].Words-parts[i].Words, want)
		}
		if want > 0 {
			rewarded++
		}
	}
	if rewarded < 1 || rewarded > alikeDepth {
		t.Errorf("%d candidates have words like those they lack", rewarded)
	}
	if n := testing.AllocsPerRun(20, func() { l.alike(m, x, &q, weight) }); n > 0 {
		t.Errorf("%g allocations", n)
	}
}

// standIns is the worth of a paper's words that are like those it lacks.
func standIns(x *lexical.Index, m *embed.Model, q *lexical.Query, slot uint32) (sum float64) {
	row, other := make([]float32, m.Dims()), make([]float32, m.Dims())
	features := x.Features(slot, nil)
	for _, lacking := range q.Features() {
		if slices.Contains(features, lacking) {
			continue
		}
		m.Row(row, lacking)
		best := 0.
		for _, f := range features {
			m.Row(other, f)
			product := float64(vector.Dot(row, row)) * float64(vector.Dot(other, other))
			best = max(best, float64(vector.Dot(row, other))/math.Sqrt(product))
		}
		if best >= leastAlike {
			sum += q.Weight(lacking) * best
		}
	}
	return sum
}

// TestNoWordIsLikeAnotherWithoutATrainedModel: untrained rows are random.
func TestNoWordIsLikeAnotherWithoutATrainedModel(t *testing.T) {
	x, _, title := bundled(t)
	untrained, err := embed.NewModel(embed.DefaultConfig(), embed.NewFrequencies(embed.DefaultConfig()))
	if err != nil {
		t.Fatal(err)
	}
	var q lexical.Query
	x.Prepare(&q, title)
	for _, m := range []*embed.Model{nil, untrained} {
		l := candidatesFor(x, &q, 60)
		before := slices.Clone(l.scores)
		l.alike(m, x, &q, .75)
		if !slices.Equal(before, l.scores) {
			t.Error("scores changed")
		}
	}
}

func BenchmarkAlike(b *testing.B) {
	x, m, title := bundled(b)
	var q lexical.Query
	x.Prepare(&q, title)
	l := candidatesFor(x, &q, 150)
	before := slices.Clone(l.scores)
	for b.Loop() {
		copy(l.scores, before)
		l.alike(m, x, &q, .75)
	}
}
