package rank

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/lexical"
)

// topics is a corpus of abstracts on ten subjects, each with thirty words of its own, of which an abstract has some.
type topics []string

func (c topics) Len() int                        { return len(c) }
func (c topics) Document(i int) (string, string) { return "", c[i] }

// trainedTopics is a corpus, a model trained on it, and eight words of the subject of every tenth paper.
func trainedTopics(tb testing.TB) (*lexical.Index, *embed.Model, *embed.Terms) {
	tb.Helper()
	rng := rand.New(rand.NewPCG(3, 5))
	var corpus topics
	for i := range 200 {
		var text strings.Builder
		for range 20 {
			fmt.Fprintf(&text, "t%dx%d filler%d ", i%10, rng.IntN(30), rng.IntN(40))
		}
		corpus = append(corpus, text.String())
	}
	cfg := embed.DefaultConfig()
	m, err := embed.Train(tb.Context(), corpus, cfg, embed.TrainConfig{Seed: 1})
	if err != nil {
		tb.Fatal(err)
	}
	x, a := lexical.New(), embed.NewAnalyzer(cfg)
	var analysis embed.Analysis
	for _, text := range corpus {
		a.Analyze(&analysis, text)
		x.Append(&analysis.Words)
	}
	a.Analyze(&analysis, "t0x0 t0x1 t0x2 t0x3 t0x4 t0x5 t0x6 t0x7")
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
	l.fuse(q, 0)
	return l
}

// TestAlikeFollowsItsFormula compares with the formula, spelt out.
func TestAlikeFollowsItsFormula(t *testing.T) {
	x, m, title := trainedTopics(t)
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
		got, part := l.scores[i]-before[i], l.parts[i].Words-parts[i].Words
		if math.Abs(got-want) > 1e-5 || math.Abs(part-got) > 1e-9 {
			t.Errorf("candidate %d: %g more, in its parts %g, want %g", i, got, part, want)
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
		if best >= embed.LeastAlike {
			sum += q.Weight(lacking) * best
		}
	}
	return sum
}

// TestNoWordIsLikeAnotherWithoutATrainedModel: untrained rows are random.
func TestNoWordIsLikeAnotherWithoutATrainedModel(t *testing.T) {
	x, _, title := trainedTopics(t)
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
	x, m, title := trainedTopics(b)
	var q lexical.Query
	x.Prepare(&q, title)
	l := candidatesFor(x, &q, 150)
	before := slices.Clone(l.scores)
	for b.Loop() {
		copy(l.scores, before)
		l.alike(m, x, &q, .75)
	}
}
