package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/server/internal/paper"
)

func TestTheBestPlacesAreThoseOfAFullSort(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		s := make([]ranked, rng.IntN(150))
		for i := range s {
			s[i] = ranked{slot: uint32(i), score: float64(rng.IntN(20))}
		}
		rng.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
		sorted := slices.SortedFunc(slices.Values(s), byScore)
		limit := rng.IntN(100)
		sortBest(s, limit)
		n := min(limit, len(s))
		if !slices.Equal(s[:n], sorted[:n]) {
			t.Fatalf("the best %d of %d: %v, want %v", limit, len(s), s[:n], sorted[:n])
		}
		slices.SortFunc(s, byScore)
		if !slices.Equal(s, sorted) {
			t.Fatal("something was lost")
		}
	}
}

// TestASpareCoreChangesNoAnswer asks the same with and without one.
func TestASpareCoreChangesNoAnswer(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 300)...)
	if _, err := e.Train(context.Background(), TrainOptions{Epochs: 1}, nil); err != nil {
		t.Fatal(err)
	}
	mustUpsert(t, e, testPapers(300, 310)...)
	for _, text := range []string{"graph neural network", "number305", "speech number17 audio. It is so.", "zeppelins", "number308"} {
		var answers [2][]ranked
		for i, spare := range []bool{false, true} {
			r := e.rankers.New().(*ranker)
			v := e.look()
			ask, err := r.textQuestion(v.gen, text)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.candidates(context.Background(), v, ask, &paper.Options{}, minDepth, spare); err != nil {
				t.Fatal(err)
			}
			if err := r.score(v, ask, &paper.Options{}, minDepth, e.now()); err != nil {
				t.Fatal(err)
			}
			answers[i] = r.ranked
		}
		if !slices.Equal(answers[0], answers[1]) {
			t.Errorf("%q: %v and with a spare core %v", text, answers[0], answers[1])
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
