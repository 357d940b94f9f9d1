package rank

import (
	"context"
	"errors"
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
			if _, err := r.Candidates(context.Background(), c, &q, Find{Depth: Depth, Spare: spare}); err != nil {
				t.Fatal(err)
			}
			if err := r.Fuse(c, &q); err != nil {
				t.Fatal(err)
			}
			lacks := slices.ContainsFunc(r.Ranked, func(s Scored) bool { return s.Slot%2 != 0 || s.BM25 <= 0 })
			if len(r.Ranked) != Depth || lacks {
				t.Errorf("kind %d, spare %v: %d candidates, want %d that have the word", kind, spare, len(r.Ranked), Depth)
			}
		}
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
