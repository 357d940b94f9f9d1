package rank

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/server/internal/index/flat"
	"github.com/akin-search/akin/server/internal/lexical"
)

// TestWordsFindWhereNoVectorIsNear: words that no model has seen give a zero vector, and weights of a whole paper ask
// for no candidates by words; still, papers with the words are found.
func TestWordsFindWhereNoVectorIsNear(t *testing.T) {
	c := Corpus{Vectors: flat.New(8), Words: lexical.New()}
	for i := range uint32(300) {
		words := terms(1000+i, 2000+i)
		if i%2 == 0 {
			words = terms(7, 1000+i)
		}
		c.Words.(*lexical.Index).Append(words)
		row := make([]float32, 8)
		row[i%8] = 1
		if _, err := c.Vectors.(*flat.Index).Append(row); err != nil {
			t.Fatal(err)
		}
	}
	for _, spare := range []bool{false, true} {
		for _, kind := range []Kind{TextQuery, TitleQuery, PaperQuery} {
			q := Query{Vector: make([]float32, 8), Terms: terms(7), Weights: DefaultWeights(kind, true)}
			var r Ranker
			f := Find{Depth: Depth, Reach: Depth, Spare: spare}
			if _, err := r.Candidates(context.Background(), c, &q, f); err != nil {
				t.Fatal(err)
			}
			if err := r.Fuse(c, &q); err != nil {
				t.Fatal(err)
			}
			if err := r.Extend(context.Background(), c, &q, f); err != nil {
				t.Fatal(err)
			}
			lacks := slices.ContainsFunc(r.Ranked, func(s Scored) bool { return s.Slot%2 != 0 || s.BM25 <= 0 })
			if len(r.Ranked) != Depth || lacks {
				t.Errorf("kind %d, spare %v: %d candidates, want %d that have the word", kind, spare, len(r.Ranked), Depth)
			}
		}
	}
}

// TestTheOthersStandBehindThoseLookedAtClosely: one ranking, and exact figures, however much of it is asked for.
func TestTheOthersStandBehindThoseLookedAtClosely(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	x, vectors := lexical.New(), flat.New(8)
	c := Corpus{Vectors: vectors, Words: x}
	words := make([]uint32, 6)
	for range 1000 {
		for i := range words {
			words[i] = uint32(rng.IntN(1 + rng.IntN(40)))
		}
		x.Append(terms(slices.Compact(slices.Sorted(slices.Values(words)))...))
		row := make([]float32, 8)
		for i := range row {
			row[i] = rng.Float32() - .3
		}
		if _, err := vectors.Append(row); err != nil {
			t.Fatal(err)
		}
	}
	q := Query{Vector: make([]float32, 8), Terms: terms(3, 4, 7, 9, 20), Weights: DefaultWeights(TextQuery, true)}
	q.Vector[0] = 1
	rank := func(reach int) ([]Scored, int) {
		var r Ranker
		f := Find{Depth: Depth, Reach: reach}
		if _, err := r.Candidates(t.Context(), c, &q, f); err != nil {
			t.Fatal(err)
		}
		found := map[uint32]bool{}
		for _, candidate := range append(r.dense, r.byWords...) {
			found[candidate.Slot] = true
		}
		if err := r.Fuse(c, &q); err != nil {
			t.Fatal(err)
		}
		if err := r.Extend(t.Context(), c, &q, f); err != nil {
			t.Fatal(err)
		}
		r.Best(len(r.Ranked))
		return r.Ranked, len(found)
	}
	first, candidates := rank(0)
	all, _ := rank(Depth)
	further, _ := rank(100)
	if len(first) != Close || len(all) != candidates || candidates <= Close || len(further) <= candidates {
		t.Fatalf("%d, %d and %d hits of %d candidates", len(first), len(all), len(further), candidates)
	}
	if !slices.Equal(first, all[:Close]) || !slices.Equal(first, further[:Close]) {
		t.Error("a longer ranking begins otherwise")
	}
	var prepared lexical.Query
	x.PrepareK1(&prepared, q.Terms, q.Weights.K1)
	seen := map[uint32]bool{}
	for i, hit := range further {
		var bm25 [1]float64
		x.Scores(&prepared, []uint32{hit.Slot}, bm25[:])
		if hit.BM25 != bm25[0] || seen[hit.Slot] || i > 0 && hit.Score >= further[i-1].Score && i >= Close {
			t.Errorf("place %d: %+v, BM25 %g, seen before: %v", i, hit, bm25[0], seen[hit.Slot])
		}
		seen[hit.Slot] = true
	}
}

func TestAFaultAsideIsTheCallers(t *testing.T) {
	defer func() {
		if p := recover(); p != "fault" {
			t.Errorf("recovered %v", p)
		}
	}()
	if err := (<-aside(func() error { return errors.ErrUnsupported })).get(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("error %v", err)
	}
	_ = (<-aside(func() error { panic("fault") })).get()
	t.Error("no panic")
}
