package embed

import (
	"math"
	"slices"
	"testing"

	"github.com/akin-search/akin/embed/vector"
)

// TestThePartsSumToTheCosine for trained and untrained models, and one of no papers, whatever the config and the texts.
func TestThePartsSumToTheCosine(t *testing.T) {
	words, grams := DefaultConfig(), DefaultConfig()
	words.Dims, grams.Dims = 64, 64
	grams.Words, grams.Chars = Range{1, 2}, Range{3, 3}
	texts := append(slices.Clone(smallCorpus), "", "of the", "zeppelins over deep networks", "deep deep deep deep protein",
		"zeppelins")
	for name, m := range map[string]*Model{
		"untrained": smallModel(t, words),
		"n-grams":   smallModel(t, grams),
		"no papers": mustModel(t, words),
		"trained":   train(t, topicCorpus(60), words, TrainConfig{Epochs: 2}),
	} {
		for _, query := range texts {
			for _, document := range texts {
				q, d := analyze(m.Config(), query).Features, analyze(m.Config(), document).Features
				a, b := make([]float32, m.Dims()), make([]float32, m.Dims())
				m.Embed(a, &q)
				m.Embed(b, &d)
				cosine := float64(vector.Dot(a, b))
				x := m.Explain(&q, &d, 3)
				sum := 0.
				for i, p := range x.Parts {
					sum += p.Cosine
					if p.ID != q.IDs[i] || len(p.Near) > 3 {
						t.Errorf("%s, %q: part %d is %+v", name, query, i, p)
					}
				}
				if math.Abs(sum-cosine) > 1e-5 || math.Abs(x.Cosine-cosine) > 1e-5 || len(x.Parts) != len(q.IDs) {
					t.Errorf("%s, %q to %q: parts sum to %g, cosine %g, explained %g", name, query, document, sum, cosine, x.Cosine)
				}
			}
		}
	}
}

func TestAWordIsNearestToItself(t *testing.T) {
	m := smallModel(t, DefaultConfig())
	q, d := analyze(m.Config(), "protein").Features, analyze(m.Config(), "Protein folding with deep networks").Features
	near := m.Explain(&q, &d, 2).Parts[0].Near
	if len(near) == 0 || near[0] != q.IDs[0] {
		t.Errorf("near %v, want %d first", near, q.IDs[0])
	}
}

func mustModel(t *testing.T, cfg Config) *Model {
	t.Helper()
	m, err := NewModel(cfg, NewFrequencies(cfg))
	if err != nil {
		t.Fatal(err)
	}
	return m
}
