package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// encodedModel is a model that was learnt of some papers, as a node would hand it to others.
func encodedModel(t *testing.T, seed uint64, papers int) (model []byte, fingerprint string) {
	t.Helper()
	learner := open(t, t.TempDir())
	mustUpsert(t, learner, testPapers(0, papers)...)
	if _, err := learner.Train(t.Context(), TrainOptions{Epochs: 1, Seed: seed}, nil); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	fingerprint, _, err := learner.WriteModel(&b)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), fingerprint
}

func prepareModel(t *testing.T, e *Engine, model []byte) ModelInfo {
	t.Helper()
	info, err := e.PrepareModel(t.Context(), bytes.NewReader(model), int64(len(model)), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func givenModels(c *Config) { c.GivenModel = true }

func TestAPreparedModelServesFromItsActivationOn(t *testing.T) {
	model, fingerprint := encodedModel(t, 1, 60)
	dir := t.TempDir()
	e := open(t, dir, givenModels)
	mustUpsert(t, e, testPapers(0, 100)...)
	before := e.Model()
	if info := prepareModel(t, e, model); info.Fingerprint != fingerprint || e.Model() != before {
		t.Fatalf("prepared %s, wanted %s; %s serves, and before %s", info.Fingerprint, fingerprint, e.Model(), before)
	}
	if err := e.ActivateModel(t.Context(), "another"); !errors.Is(err, ErrNotPrepared) {
		t.Errorf("another model is activated: %v", err)
	}
	mustUpsert(t, e, testPapers(90, 130)...) // written meanwhile
	if err := e.ActivateModel(t.Context(), fingerprint); err != nil {
		t.Fatal(err)
	}
	if e.Model() != fingerprint || e.Papers() != 130 {
		t.Errorf("%s serves %d papers", e.Model(), e.Papers())
	}
	if err := e.ActivateModel(t.Context(), fingerprint); err != nil {
		t.Errorf("activated again: %v", err)
	}
	hits := search(t, e, Query{Text: "number129", Options: Options{Mode: ModeExact}}).Hits
	if hits[0].Paper.ID != "p0129" {
		t.Errorf("found %v", ids(hits))
	}
	if err := e.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if again := open(t, dir, givenModels); again.Model() != fingerprint {
		t.Errorf("after a restart %s serves", again.Model())
	}
}

// TestTheOldModelAnswersWhoeverNamesIt: while an activation goes round, fronts ask by the old fingerprint or the new.
func TestTheOldModelAnswersWhoeverNamesIt(t *testing.T) {
	first, one := encodedModel(t, 1, 60)
	second, two := encodedModel(t, 2, 60)
	e := open(t, t.TempDir(), givenModels)
	mustUpsert(t, e, testPapers(0, 100)...)
	prepareModel(t, e, first)
	if err := e.ActivateModel(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	counts, err := e.WordCounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	find := func(ask *Asked) []string {
		t.Helper()
		found, err := e.Find(t.Context(), &ShardQuery{
			Query: ask.Query, Model: ask.Embedder.Fingerprint(), Reach: Reach{Depth: 20},
		})
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, c := range found.Candidates {
			list = append(list, fmt.Sprint(c.Ordinal, c.Cosine, c.BM25, c.Shared))
		}
		return list
	}
	old, err := e.Ask(&Query{Text: "graph neural network number7"}, counts)
	if err != nil {
		t.Fatal(err)
	}
	before := find(old)
	prepareModel(t, e, second)
	if err := e.ActivateModel(t.Context(), two); err != nil {
		t.Fatal(err)
	}
	if after := find(old); !slices.Equal(before, after) {
		t.Errorf("by the old model\n%v, before\n%v", after, before)
	}
	ask, err := e.Ask(&Query{Text: "graph neural network number7"}, counts)
	if err != nil {
		t.Fatal(err)
	}
	if ask.Embedder.Fingerprint() != two || slices.Equal(find(ask), before) {
		t.Error("a new question is not asked by the new model")
	}
	e.expirePrevious(time.Now().Add(pinFor))
	_, err = e.Find(t.Context(), &ShardQuery{Query: old.Query, Model: one, Reach: Reach{Depth: 20}})
	if !errors.Is(err, ErrShardMoved) {
		t.Errorf("by the old model, a minute later: %v", err)
	}
}

func TestAPreparedModelIsDroppedByAnotherAndByTheEnd(t *testing.T) {
	first, one := encodedModel(t, 1, 60)
	second, two := encodedModel(t, 2, 60)
	e := open(t, t.TempDir(), givenModels)
	mustUpsert(t, e, testPapers(0, 60)...)
	prepareModel(t, e, first)
	prepareModel(t, e, second)
	if err := e.ActivateModel(t.Context(), one); !errors.Is(err, ErrNotPrepared) {
		t.Errorf("the dropped model: %v", err)
	}
	if err := e.ActivateModel(t.Context(), two); err != nil {
		t.Error(err)
	}
	prepareModel(t, e, first)
	e.DropPrepared()
	if err := e.ActivateModel(t.Context(), one); !errors.Is(err, ErrNotPrepared) {
		t.Errorf("the dropped model: %v", err)
	}
	prepareModel(t, e, first) // and Close does not wait for it
}

func TestADamagedModelIsNotPrepared(t *testing.T) {
	model, _ := encodedModel(t, 1, 60)
	e := open(t, t.TempDir(), givenModels)
	mustUpsert(t, e, testPapers(0, 60)...)
	for _, at := range []int{3, len(model) / 2, len(model) - 1} {
		bad := slices.Clone(model)
		bad[at] ^= 1
		if _, err := e.PrepareModel(t.Context(), bytes.NewReader(bad), int64(len(bad)), time.Now()); err == nil {
			t.Errorf("a model with a wrong byte %d is prepared", at)
		}
	}
	prepareModel(t, e, model) // the place to build in was given back
}

// TestAGivenModelIsTheOnlyOne: such an engine makes none by itself, however many papers come, and every one of them
// begins with the same.
func TestAGivenModelIsTheOnlyOne(t *testing.T) {
	lower(t, &refitFrom, refits)
	s := state{papers: 100_000, learnt: 10, given: true, trainAt: -1, idle: time.Hour, calm: time.Second}
	if w := plan(s); w[train].wanted || w[refit].wanted {
		t.Error("a model is to be made")
	}
	if s.given = false; !plan(s)[refit].wanted {
		t.Error("nor is one where none is given")
	}
	var models []string
	for i := range 2 {
		dir := t.TempDir()
		e := open(t, dir, givenModels, func(c *Config) { c.NoCheckpoints = true })
		mustUpsert(t, e, testPapers(0, 20+i)...)
		models = append(models, e.Model())
	}
	if models[0] != models[1] {
		t.Errorf("models %v", models)
	}
}
