package client_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/akintest"
)

func TestAProfileRemembersAndRecommends(t *testing.T) {
	ctx := testContext(t)
	c := dial(t, akintest.Start(t, samplePapers(12)...))
	u := c.Profile("u1", client.RecordShown())
	if err := u.Like(ctx, "paper-00000", "paper-00001"); err != nil {
		t.Fatal(err)
	}
	if err := u.Read(ctx, "paper-00002"); err != nil {
		t.Fatal(err)
	}
	if err := u.NotInterested(ctx, "paper-00003"); err != nil {
		t.Fatal(err)
	}
	state, err := u.State(ctx)
	if err != nil || len(state.GetLikes()) != 2 || len(state.GetDislikes()) != 1 || state.GetReadCount() != 1 {
		t.Fatalf("%v, %v", state, err)
	}
	first, err := u.Recommend(ctx, client.Limit(3))
	if err != nil || len(first.Hits) != 3 {
		t.Fatalf("%v, %v", first, err)
	}
	second, err := u.Recommend(ctx, client.Limit(3))
	if err != nil {
		t.Fatal(err)
	}
	for _, hit := range second.Hits {
		for _, id := range []string{"paper-00000", "paper-00001", "paper-00002", "paper-00003",
			first.Hits[0].GetPaper().GetId(), first.Hits[1].GetPaper().GetId()} {
			if hit.GetPaper().GetId() == id {
				t.Errorf("%s was seen and is recommended", id)
			}
		}
	}
	if err := u.Undo(ctx, state.GetLikes()[0].GetEventId()); err != nil {
		t.Fatal(err)
	}
	if state, err = u.State(ctx); err != nil || len(state.GetLikes()) != 1 {
		t.Errorf("after an undo: %v, %v", state, err)
	}
	if err := u.Delete(ctx); err != nil {
		t.Fatal(err)
	}
	if err := u.Delete(ctx); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("deleting twice: %v", err)
	}
}

func TestRecommendationsYieldEachPaperOnce(t *testing.T) {
	ctx := testContext(t)
	c := dial(t, akintest.Start(t, samplePapers(12)...))
	u := c.Profile("u1", client.RecordShown())
	if err := u.Like(ctx, "paper-00000"); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for hit, err := range u.Recommendations(ctx, client.Limit(4)) {
		if err != nil {
			t.Fatal(err)
		}
		if seen[hit.GetPaper().GetId()] {
			t.Errorf("%s comes twice", hit.GetPaper().GetId())
		}
		seen[hit.GetPaper().GetId()] = true
	}
	state, err := u.State(ctx)
	if err != nil || len(seen) == 0 || int(state.GetShownCount()) != len(seen) {
		t.Errorf("%d yielded, recorded: %v, %v", len(seen), state, err)
	}
}

func TestEventsAreListedAndRecordedAgain(t *testing.T) {
	ctx := testContext(t)
	c := dial(t, akintest.Start(t))
	for _, id := range []string{"u1", "u2"} {
		if err := c.Profile(id).Like(ctx, "a", "b", "c"); err != nil {
			t.Fatal(err)
		}
	}
	var events []*client.Event
	var ids []string
	for p, err := range c.Profiles(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, p.GetProfileId())
		for e, err := range c.Profile(p.GetProfileId()).Events(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			events = append(events, e)
		}
	}
	if !slices.Equal(ids, []string{"u1", "u2"}) || len(events) != 6 {
		t.Fatalf("profiles %v, %d events", ids, len(events))
	}
	if n, err := c.RecordEvents(ctx, events); n != 0 || err != nil {
		t.Errorf("recording them again: %d are new, %v", n, err)
	}
	other := dial(t, akintest.Start(t))
	if n, err := other.RecordEvents(ctx, events); n != 6 || err != nil {
		t.Errorf("recording them elsewhere: %d are new, %v", n, err)
	}
}

func TestManyEventsGoInParts(t *testing.T) {
	ctx := testContext(t)
	server := akintest.Start(t)
	c := dial(t, server)
	papers := make([]string, 2500)
	for i := range papers {
		papers[i] = string(rune('a'+i%26)) + "x"
	}
	if err := c.Profile("u").Read(ctx, papers...); err != nil {
		t.Fatal(err)
	}
	state, err := c.Profile("u").State(ctx)
	if err != nil || state.GetEventCount() != 2500 {
		t.Errorf("%d events, %v", state.GetEventCount(), err)
	}
}
