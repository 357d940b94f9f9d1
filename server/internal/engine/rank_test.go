package engine

import (
	"context"
	"slices"
	"testing"

	"github.com/akin-search/akin/server/internal/rank"
)

// TestASpareCoreChangesNoAnswer asks the same with and without one.
func TestASpareCoreChangesNoAnswer(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 300)...)
	if _, err := e.Train(context.Background(), TrainOptions{Epochs: 1}, nil); err != nil {
		t.Fatal(err)
	}
	mustUpsert(t, e, testPapers(300, 310)...)
	for _, text := range []string{"graph neural network", "number305", "speech number17 audio. It is so.", "zeppelins", "number308"} {
		var answers [2][]rank.Scored
		for i, spare := range []bool{false, true} {
			r := e.rankers.New().(*ranker)
			v := e.look()
			ask, err := r.textQuestion(v.gen, text)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.rank(context.Background(), v, &ask, find(v, &Options{}, minDepth, spare)); err != nil {
				t.Fatal(err)
			}
			answers[i] = r.Ranked
		}
		if !slices.Equal(answers[0], answers[1]) {
			t.Errorf("%q: %v and with a spare core %v", text, answers[0], answers[1])
		}
	}
}
