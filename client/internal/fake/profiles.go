package fake

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// RecordEvents implements akinv1.ProfileServiceServer.
func (s *Server) RecordEvents(_ context.Context, req *akinv1.RecordEventsRequest) (*akinv1.RecordEventsResponse, error) {
	for i, e := range req.GetEvents() {
		if e.GetProfileId() == "" || e.GetEventId() == "" || e.GetKind() == 0 {
			return nil, Invalid("events["+strconv.Itoa(i)+"]", "needs profile_id, event_id and kind")
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
		s.profiles[e.GetProfileId()][e.GetEventId()] = proto.CloneOf(e)
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
func (s *Server) withProfile(req *akinv1.RecommendPapersRequest) *akinv1.RecommendPapersRequest {
	if req.GetProfileId() == "" {
		return req
	}
	req = proto.CloneOf(req)
	for _, e := range s.events(req.GetProfileId()) {
		paper := &akinv1.Preference{Subject: &akinv1.Preference_PaperId{PaperId: e.GetPaperId()}, Weight: e.GetWeight()}
		switch e.GetKind() {
		case akinv1.EventKind_EVENT_KIND_LIKE:
			req.Likes = append(req.Likes, paper)
		case akinv1.EventKind_EVENT_KIND_DISLIKE, akinv1.EventKind_EVENT_KIND_NOT_INTERESTED:
			req.Dislikes = append(req.Dislikes, paper)
		default:
			req.ExcludePaperIds = append(req.ExcludePaperIds, e.GetPaperId())
		}
	}
	return req
}

// GetProfile implements akinv1.ProfileServiceServer.
func (s *Server) GetProfile(_ context.Context, req *akinv1.GetProfileRequest) (*akinv1.GetProfileResponse, error) {
	p := &akinv1.Profile{ProfileId: req.GetProfileId()}
	for _, e := range s.events(req.GetProfileId()) {
		one := &akinv1.ProfilePreference{
			PaperId: e.GetPaperId(), EventId: e.GetEventId(), Kind: e.GetKind(), EventTime: e.GetEventTime(), Weight: max(1, e.GetWeight()),
		}
		switch e.GetKind() {
		case akinv1.EventKind_EVENT_KIND_LIKE:
			p.Likes = append(p.Likes, one)
		case akinv1.EventKind_EVENT_KIND_READ:
			p.ReadCount++
		case akinv1.EventKind_EVENT_KIND_SHOWN:
			p.ShownCount++
		default:
			p.Dislikes = append(p.Dislikes, one)
		}
	}
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
func (s *Server) ListProfiles(_ context.Context, req *akinv1.ListProfilesRequest) (*akinv1.ListProfilesResponse, error) {
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
func (s *Server) DeleteProfile(_ context.Context, req *akinv1.DeleteProfileRequest) (*akinv1.DeleteProfileResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.profiles[req.GetProfileId()] == nil {
		return nil, status.Errorf(codes.NotFound, "profile not found: %q", req.GetProfileId())
	}
	delete(s.profiles, req.GetProfileId())
	return &akinv1.DeleteProfileResponse{}, nil
}
