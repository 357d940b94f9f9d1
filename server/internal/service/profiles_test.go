package service

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

func event(profile, id string, kind akinv1.EventKind, paper string) *akinv1.Event {
	return &akinv1.Event{ProfileId: profile, EventId: id, Kind: kind, PaperId: paper}
}

const (
	likeKind  = akinv1.EventKind_EVENT_KIND_LIKE
	readKind  = akinv1.EventKind_EVENT_KIND_READ
	shownKind = akinv1.EventKind_EVENT_KIND_SHOWN
	undoKind  = akinv1.EventKind_EVENT_KIND_UNDO
)

func TestFaultyEventsNameTheField(t *testing.T) {
	edit := func(change func(e *akinv1.Event)) *akinv1.Event {
		e := event("u", "1", likeKind, "a")
		change(e)
		return e
	}
	cases := []struct {
		event       *akinv1.Event
		field, text string
	}{
		{edit(func(e *akinv1.Event) { e.ProfileId = "" }), "profile_id", "required"},
		{edit(func(e *akinv1.Event) { e.EventId = "a\x00b" }), "event_id", "control"},
		{edit(func(e *akinv1.Event) { e.EventId = string(make([]byte, 129)) }), "event_id", "128"},
		{edit(func(e *akinv1.Event) { e.Kind = 0 }), "kind", "no EventKind"},
		{edit(func(e *akinv1.Event) { e.Kind = 99 }), "kind", "no EventKind"},
		{edit(func(e *akinv1.Event) { e.PaperId = "" }), "paper_id", "required"},
		{edit(func(e *akinv1.Event) { e.Undoes = "2" }), "undoes", "only an UNDO"},
		{edit(func(e *akinv1.Event) { e.Kind = undoKind; e.Undoes = "2" }), "paper_id", "not a paper"},
		{edit(func(e *akinv1.Event) { e.Kind = undoKind; e.PaperId = "" }), "undoes", "required"},
		{edit(func(e *akinv1.Event) { e.Weight = math.NaN() }), "weight", "NaN"},
		{edit(func(e *akinv1.Event) { e.Weight = -1 }), "weight", "1000"},
		{edit(func(e *akinv1.Event) { e.EventTime = &timestamppb.Timestamp{Seconds: 1 << 60} }), "event_time", "no time"},
	}
	for _, c := range cases {
		t.Run(c.field+" "+c.text, func(t *testing.T) {
			_, err := decodeEvents(&akinv1.RecordEventsRequest{Events: []*akinv1.Event{event("u", "0", likeKind, "a"), c.event}})
			wantViolation(t, err, "INVALID_FIELD", "events[1]."+c.field, c.text)
		})
	}
	_, err := decodeEvents(&akinv1.RecordEventsRequest{})
	wantViolation(t, err, "INVALID_FIELD", "events", "empty")
}

func TestProfiles(t *testing.T) {
	r := newRig(t, Config{})
	ctx := context.Background()
	profiles := akinv1.NewProfileServiceClient(r.conn)
	var papers []*akinv1.Paper
	for i := range 30 {
		topic := []string{"graph neural networks pass messages", "proteins fold into structures"}[i%2]
		papers = append(papers, &akinv1.Paper{Id: fmt.Sprintf("p%02d", i), Title: fmt.Sprint(topic, " number", i)})
	}
	if _, err := r.papers.BatchUpsertPapers(ctx, &akinv1.BatchUpsertPapersRequest{Papers: papers}); err != nil {
		t.Fatal(err)
	}
	record := func(events ...*akinv1.Event) *akinv1.RecordEventsResponse {
		t.Helper()
		out, err := profiles.RecordEvents(ctx, &akinv1.RecordEventsRequest{Events: events})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	recommend := func(req *akinv1.RecommendPapersRequest) *akinv1.RecommendPapersResponse {
		t.Helper()
		req.ProfileId, req.PageSize = "u1", 30
		out, err := r.similarity.RecommendPapers(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	found := func(out *akinv1.RecommendPapersResponse) (ids []string) {
		for _, h := range out.GetHits() {
			ids = append(ids, h.GetPaper().GetId())
		}
		return ids
	}

	t.Run("a profile without events is empty, unless strict", func(t *testing.T) {
		got, err := profiles.GetProfile(ctx, &akinv1.GetProfileRequest{ProfileId: "u1"})
		if err != nil || got.GetProfile().GetEventCount() != 0 || got.GetProfile().GetUpdateTime() != nil {
			t.Errorf("%v, %v", got, err)
		}
		if out := recommend(&akinv1.RecommendPapersRequest{}); !out.GetInfo().GetWithoutLikes() {
			t.Errorf("info %v", out.GetInfo())
		}
		_, err = r.similarity.RecommendPapers(ctx, &akinv1.RecommendPapersRequest{ProfileId: "u1", Strict: true})
		wantStatus(t, err, codes.NotFound, "PROFILE_NOT_FOUND")
		_, err = profiles.DeleteProfile(ctx, &akinv1.DeleteProfileRequest{ProfileId: "u1"})
		wantStatus(t, err, codes.NotFound, "PROFILE_NOT_FOUND")
	})
	t.Run("likes lead, and what was seen does not come again", func(t *testing.T) {
		out := record(event("u1", "1", likeKind, "p00"), event("u1", "2", readKind, "p02"),
			event("u1", "3", shownKind, "p04"), event("u2", "1", likeKind, "p01"), event("u1", "4", likeKind, "gone"))
		if out.GetRecorded() != 5 || out.GetUnchanged() != 0 {
			t.Errorf("recorded %v", out)
		}
		hits := recommend(&akinv1.RecommendPapersRequest{Explain: true})
		ids := found(hits)
		if len(ids) != 27 || slices.Contains(ids, "p00") || slices.Contains(ids, "p02") || slices.Contains(ids, "p04") {
			t.Errorf("recommended: %v", ids)
		}
		if ids[0][2]%2 != 0 {
			t.Errorf("the first is %s, of the other topic", ids[0])
		}
		if because := hits.GetHits()[0].GetBecauseOf().GetLikes(); len(because) != 1 || because[0].GetPaperId() != "p00" {
			t.Errorf("because of %v", because)
		}
		if len(hits.GetMissingPaperIds()) > 0 {
			t.Errorf("a profile's deleted paper is told as missing: %v", hits.GetMissingPaperIds())
		}
		again := found(recommend(&akinv1.RecommendPapersRequest{ShownRest: durationpb.New(0)}))
		if !slices.Contains(again, "p04") || slices.Contains(again, "p02") {
			t.Errorf("with no rest for papers shown: %v", again)
		}
	})
	t.Run("own events are seen at once", func(t *testing.T) {
		record(event("u1", "5", likeKind, "p01"), &akinv1.Event{ProfileId: "u1", EventId: "6", Kind: undoKind, Undoes: "1"})
		if ids := found(recommend(&akinv1.RecommendPapersRequest{})); ids[0][2]%2 == 0 {
			t.Errorf("after the like of the other topic %s comes first", ids[0])
		}
		got, err := profiles.GetProfile(ctx, &akinv1.GetProfileRequest{ProfileId: "u1"})
		p := got.GetProfile()
		if err != nil || len(p.GetLikes()) != 2 || p.GetReadCount() != 1 || p.GetShownCount() != 1 || p.GetEventCount() != 6 {
			t.Errorf("%v, %v", p, err)
		}
	})
	t.Run("a page of before a change is not gone on with", func(t *testing.T) {
		req := &akinv1.RecommendPapersRequest{ProfileId: "u1", PageSize: 2}
		first, err := r.similarity.RecommendPapers(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		record(event("u1", "7", readKind, "p07"))
		req.PageToken = first.GetNextPageToken()
		_, err = r.similarity.RecommendPapers(ctx, req)
		wantStatus(t, err, codes.Aborted, "PAGE_EXPIRED")
	})
	t.Run("lists page through profiles and events, which can be recorded again", func(t *testing.T) {
		var ids []string
		list := &akinv1.ListProfilesRequest{PageSize: 1}
		for {
			page, err := profiles.ListProfiles(ctx, list)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range page.GetProfiles() {
				ids = append(ids, p.GetProfileId())
			}
			if list.PageToken = page.GetNextPageToken(); list.PageToken == "" {
				break
			}
		}
		if !slices.Equal(ids, []string{"u1", "u2"}) {
			t.Errorf("profiles %v", ids)
		}
		var events []*akinv1.Event
		req := &akinv1.ListEventsRequest{ProfileId: "u1", PageSize: 2}
		for {
			page, err := profiles.ListEvents(ctx, req)
			if err != nil {
				t.Fatal(err)
			}
			events = append(events, page.GetEvents()...)
			if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
				break
			}
		}
		if len(events) != 7 || events[0].GetEventTime() == nil {
			t.Fatalf("events %v", events)
		}
		if out := record(events...); out.GetUnchanged() != 7 {
			t.Errorf("recorded again: %v", out)
		}
	})
	t.Run("a deleted profile is gone, whole", func(t *testing.T) {
		if _, err := profiles.DeleteProfile(ctx, &akinv1.DeleteProfileRequest{ProfileId: "u1"}); err != nil {
			t.Fatal(err)
		}
		page, err := profiles.ListEvents(ctx, &akinv1.ListEventsRequest{ProfileId: "u1"})
		if err != nil || len(page.GetEvents()) > 0 {
			t.Errorf("%v, %v", page, err)
		}
		other, err := profiles.GetProfile(ctx, &akinv1.GetProfileRequest{ProfileId: "u2"})
		if err != nil || len(other.GetProfile().GetLikes()) != 1 {
			t.Errorf("the other profile is %v, %v", other, err)
		}
	})
	t.Run("an event of the future does not fade before it has come", func(t *testing.T) {
		future := event("u3", "1", likeKind, "p00")
		future.EventTime = timestamppb.New(time.Now().AddDate(50, 0, 0))
		old := event("u3", "2", likeKind, "p01")
		old.EventTime = timestamppb.New(time.Now().AddDate(-50, 0, 0))
		record(future, old)
		out, err := r.similarity.RecommendPapers(ctx, &akinv1.RecommendPapersRequest{
			ProfileId: "u3", HalfLife: durationpb.New(time.Hour), PageSize: 5,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range found(out) {
			if id[2]%2 != 0 {
				t.Errorf("%s is recommended for a like that faded half a century ago", id)
			}
		}
	})
}
