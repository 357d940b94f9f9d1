package akintest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// RecordEvents implements akinv1.ProfileServiceServer.
func (s *Server) RecordEvents(
	_ context.Context, req *akinv1.RecordEventsRequest,
) (*akinv1.RecordEventsResponse, error) {
	for i, e := range req.GetEvents() {
		field := "events[" + strconv.Itoa(i) + "]."
		undo := e.GetKind() == akinv1.EventKind_EVENT_KIND_UNDO
		switch {
		case e.GetProfileId() == "":
			return nil, Invalid(field+"profile_id", "is required")
		case e.GetEventId() == "":
			return nil, Invalid(field+"event_id", "is required")
		case e.GetKind() == akinv1.EventKind_EVENT_KIND_UNSPECIFIED:
			return nil, Invalid(field+"kind", "is required")
		case undo && e.GetUndoes() == "":
			return nil, Invalid(field+"undoes", "is required")
		case !undo && e.GetPaperId() == "":
			return nil, Invalid(field+"paper_id", "is required")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &akinv1.RecordEventsResponse{}
	for _, e := range req.GetEvents() {
		if s.profiles[e.GetProfileId()] == nil {
			s.profiles[e.GetProfileId()] = map[string]*akinv1.Event{}
		}
		if s.profiles[e.GetProfileId()][e.GetEventId()] != nil {
			out.Unchanged++
			continue
		}
		e = proto.CloneOf(e)
		if e.GetEventTime() == nil {
			e.EventTime = timestamppb.Now()
		}
		s.profiles[e.GetProfileId()][e.GetEventId()] = e
		out.Recorded++
	}
	return out, nil
}

// events are those of a profile that count: not undone, and the latest preference of each paper alone.
func (s *Server) events(profile string) []*akinv1.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.SortedFunc(maps.Values(s.profiles[profile]), func(a, b *akinv1.Event) int {
		return b.GetEventTime().AsTime().Compare(a.GetEventTime().AsTime())
	})
	gone, thought := map[string]bool{}, map[string]bool{}
	for _, e := range all {
		gone[e.GetUndoes()] = true
	}
	return slices.DeleteFunc(all, func(e *akinv1.Event) bool {
		if gone[e.GetEventId()] || e.GetKind() == akinv1.EventKind_EVENT_KIND_UNDO {
			return true
		}
		if e.GetKind() > akinv1.EventKind_EVENT_KIND_NOT_INTERESTED {
			return false
		}
		before := thought[e.GetPaperId()]
		thought[e.GetPaperId()] = true
		return before
	})
}

// withProfile adds a profile to a recommendation.
func (s *Server) withProfile(req *akinv1.RecommendPapersRequest) (*akinv1.RecommendPapersRequest, error) {
	if req.GetProfileId() == "" {
		return req, nil
	}
	events := s.events(req.GetProfileId())
	if len(events) == 0 && req.GetStrict() {
		return nil, noProfile(req.GetProfileId())
	}
	req = proto.CloneOf(req)
	for _, e := range events {
		paper := &akinv1.Preference{Subject: &akinv1.Preference_PaperId{PaperId: e.GetPaperId()}, Weight: e.GetWeight()}
		switch e.GetKind() {
		case akinv1.EventKind_EVENT_KIND_LIKE:
			req.Likes = append(req.Likes, paper)
		case akinv1.EventKind_EVENT_KIND_NOT_INTERESTED:
			paper.Weight = cmp.Or(paper.GetWeight(), 1) / 2
			fallthrough
		case akinv1.EventKind_EVENT_KIND_DISLIKE:
			req.Dislikes = append(req.Dislikes, paper)
		case akinv1.EventKind_EVENT_KIND_SHOWN:
			if rest := req.GetShownRest(); rest == nil || rest.AsDuration() > 0 {
				req.ExcludePaperIds = append(req.ExcludePaperIds, e.GetPaperId())
			}
		default:
			req.ExcludePaperIds = append(req.ExcludePaperIds, e.GetPaperId())
		}
	}
	return req, nil
}

func noProfile(id string) error {
	return Fail(codes.NotFound, "no profile has the id "+strconv.Quote(id), "PROFILE_NOT_FOUND")
}

// GetProfile implements akinv1.ProfileServiceServer.
func (s *Server) GetProfile(_ context.Context, req *akinv1.GetProfileRequest) (*akinv1.GetProfileResponse, error) {
	p := &akinv1.Profile{ProfileId: req.GetProfileId()}
	read, shown := map[string]bool{}, map[string]bool{}
	for _, e := range s.events(req.GetProfileId()) {
		one := &akinv1.ProfilePreference{
			PaperId: e.GetPaperId(), EventId: e.GetEventId(), Kind: e.GetKind(), EventTime: e.GetEventTime(),
			Weight: cmp.Or(e.GetWeight(), 1),
		}
		switch e.GetKind() {
		case akinv1.EventKind_EVENT_KIND_LIKE:
			p.Likes = append(p.Likes, one)
		case akinv1.EventKind_EVENT_KIND_READ:
			read[e.GetPaperId()] = true
		case akinv1.EventKind_EVENT_KIND_SHOWN:
			shown[e.GetPaperId()] = true
		default:
			p.Dislikes = append(p.Dislikes, one)
		}
	}
	maps.DeleteFunc(shown, func(id string, _ bool) bool { return read[id] })
	p.ReadCount, p.ShownCount = int32(len(read)), int32(len(shown))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.profiles[req.GetProfileId()] {
		p.EventCount++
		if e.GetEventTime().AsTime().After(p.GetUpdateTime().AsTime()) {
			p.UpdateTime = e.GetEventTime()
		}
	}
	return &akinv1.GetProfileResponse{Profile: p}, nil
}

// ListProfiles implements akinv1.ProfileServiceServer: one a page.
func (s *Server) ListProfiles(
	_ context.Context, req *akinv1.ListProfilesRequest,
) (*akinv1.ListProfilesResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &akinv1.ListProfilesResponse{}
	for _, id := range slices.Sorted(maps.Keys(s.profiles)) {
		switch {
		case id <= req.GetPageToken():
		case len(out.GetProfiles()) == 1:
			out.NextPageToken = out.GetProfiles()[0].GetProfileId()
		default:
			out.Profiles = append(out.Profiles, &akinv1.ProfileSummary{ProfileId: id, EventCount: int32(len(s.profiles[id]))})
		}
	}
	return out, nil
}

// ListEvents implements akinv1.ProfileServiceServer: two a page.
func (s *Server) ListEvents(_ context.Context, req *akinv1.ListEventsRequest) (*akinv1.ListEventsResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := s.profiles[req.GetProfileId()]
	out := &akinv1.ListEventsResponse{}
	for _, id := range slices.Sorted(maps.Keys(events)) {
		switch {
		case id <= req.GetPageToken():
		case len(out.GetEvents()) == 2:
			out.NextPageToken = out.GetEvents()[1].GetEventId()
		default:
			out.Events = append(out.Events, proto.CloneOf(events[id]))
		}
	}
	return out, nil
}

// DeleteProfile implements akinv1.ProfileServiceServer.
func (s *Server) DeleteProfile(
	_ context.Context, req *akinv1.DeleteProfileRequest,
) (*akinv1.DeleteProfileResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.profiles[req.GetProfileId()] == nil {
		return nil, noProfile(req.GetProfileId())
	}
	delete(s.profiles, req.GetProfileId())
	return &akinv1.DeleteProfileResponse{}, nil
}
