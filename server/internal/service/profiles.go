package service

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/profile"
)

// RecordEvents stores events of the caller's profiles.
func (s *Server) RecordEvents(
	ctx context.Context, req *akinv1.RecordEventsRequest,
) (*akinv1.RecordEventsResponse, error) {
	events, err := decodeEvents(req)
	if err != nil {
		return nil, err
	}
	recorded, err := s.engine().RecordEvents(ctx, admit.PrincipalOf(ctx).Name, events)
	if err != nil {
		return nil, err
	}
	return &akinv1.RecordEventsResponse{Recorded: int32(recorded), Unchanged: int32(len(events) - recorded)}, nil
}

// GetProfile returns one of the caller's profiles.
func (s *Server) GetProfile(ctx context.Context, req *akinv1.GetProfileRequest) (*akinv1.GetProfileResponse, error) {
	if err := decodeID("profile_id", req.GetProfileId()); err != nil {
		return nil, err
	}
	p, err := s.engine().Profile(ctx, admit.PrincipalOf(ctx).Name, req.GetProfileId())
	if err != nil {
		return nil, err
	}
	return &akinv1.GetProfileResponse{Profile: encodeProfile(req.GetProfileId(), p)}, nil
}

// ListProfiles lists the caller's profiles.
func (s *Server) ListProfiles(
	ctx context.Context, req *akinv1.ListProfilesRequest,
) (*akinv1.ListProfilesResponse, error) {
	var c validator
	size := c.pageSize(req.GetPageSize(), defaultListed)
	if c.pageToken(req.GetPageToken()); !c.ok() {
		return nil, c.err()
	}
	list, next, err := s.engine().Profiles(admit.PrincipalOf(ctx).Name, req.GetPageToken(), size)
	if err != nil {
		return nil, err
	}
	out := &akinv1.ListProfilesResponse{NextPageToken: next}
	for _, p := range list {
		out.Profiles = append(out.Profiles, &akinv1.ProfileSummary{
			ProfileId: p.ID, EventCount: int32(p.Events), CreateTime: timestamppb.New(p.Created),
			UpdateTime: timestamppb.New(p.Updated),
		})
	}
	return out, nil
}

// ListEvents lists the events of one of the caller's profiles.
func (s *Server) ListEvents(ctx context.Context, req *akinv1.ListEventsRequest) (*akinv1.ListEventsResponse, error) {
	var c validator
	c.id("profile_id", req.GetProfileId())
	size := c.pageSize(req.GetPageSize(), defaultListed)
	if c.pageToken(req.GetPageToken()); !c.ok() {
		return nil, c.err()
	}
	list, next, err := s.engine().Events(admit.PrincipalOf(ctx).Name, req.GetProfileId(), req.GetPageToken(), size)
	if err != nil {
		return nil, err
	}
	out := &akinv1.ListEventsResponse{NextPageToken: next}
	for i := range list {
		out.Events = append(out.Events, encodeEvent(req.GetProfileId(), &list[i]))
	}
	return out, nil
}

// DeleteProfile removes one of the caller's profiles.
func (s *Server) DeleteProfile(
	ctx context.Context, req *akinv1.DeleteProfileRequest,
) (*akinv1.DeleteProfileResponse, error) {
	if err := decodeID("profile_id", req.GetProfileId()); err != nil {
		return nil, err
	}
	if err := s.engine().DeleteProfile(ctx, admit.PrincipalOf(ctx).Name, req.GetProfileId()); err != nil {
		return nil, err
	}
	return &akinv1.DeleteProfileResponse{}, nil
}

func decodeEvents(req *akinv1.RecordEventsRequest) ([]profile.Owned, error) {
	var c validator
	if !c.count("events", len(req.GetEvents()), 1, maxEvents) {
		return nil, c.err()
	}
	out := make([]profile.Owned, len(req.GetEvents()))
	for i, e := range req.GetEvents() {
		out[i] = c.event(at("events", i), e)
	}
	return out, c.err()
}

func (c *validator) event(path string, e *akinv1.Event) profile.Owned {
	out := profile.Owned{Profile: e.GetProfileId(), Event: profile.Event{
		ID: e.GetEventId(), Kind: profile.Kind(e.GetKind()), PaperID: e.GetPaperId(), Undoes: e.GetUndoes(),
		Weight: e.GetWeight(),
	}}
	c.id(path+".profile_id", out.Profile)
	c.eventID(path+".event_id", out.ID)
	switch {
	case e.GetKind() == akinv1.EventKind_EVENT_KIND_UNSPECIFIED || !out.Kind.Valid():
		c.addf(path+".kind", "is %d, which is no EventKind", e.GetKind())
	case out.Kind == profile.Undo:
		c.eventID(path+".undoes", out.Undoes)
		if out.PaperID != "" {
			c.addf(path+".paper_id", "is set: an UNDO names an event, not a paper")
		}
	default:
		c.id(path+".paper_id", out.PaperID)
		if out.Undoes != "" {
			c.addf(path+".undoes", "is set: only an UNDO takes an event back")
		}
	}
	if e.EventTime != nil {
		if err := e.GetEventTime().CheckValid(); err != nil {
			c.addf(path+".event_time", "is no time: %v", err)
		} else {
			out.Time = e.GetEventTime().AsTime()
		}
	}
	if out.Weight != 0 {
		c.number(path+".weight", out.Weight, 0, maxWeight)
	}
	return out
}

func (c *validator) eventID(path, id string) {
	if c.size(path, id, maxEventIDBytes) {
		c.id(path, id)
	}
}

// shownRest reads how long a shown paper rests.
func (c *validator) shownRest(path string, d *durationpb.Duration) time.Duration {
	if d == nil {
		return defaultShownRest
	}
	if err := d.CheckValid(); err != nil || d.AsDuration() < 0 || d.AsDuration() > maxShownRest {
		c.addf(path, "must be from 0 s to %d days", int(maxShownRest.Hours()/24))
		return 0
	}
	return d.AsDuration()
}

// Kinds have the same numbers in the contract and in package profile.
func encodeKind(k profile.Kind) akinv1.EventKind { return akinv1.EventKind(k) }

func encodeEvent(profileID string, e *profile.Event) *akinv1.Event {
	return &akinv1.Event{
		ProfileId: profileID, EventId: e.ID, Kind: encodeKind(e.Kind), PaperId: e.PaperID, Undoes: e.Undoes,
		EventTime: timestamppb.New(e.Time), Weight: e.Weight,
	}
}

func encodeProfile(id string, p *profile.Profile) *akinv1.Profile {
	out := &akinv1.Profile{
		ProfileId:  id,
		Likes:      encodePreferences(p.Likes),
		Dislikes:   encodePreferences(p.Dislikes),
		EventCount: int32(p.Events),
		UpdateTime: encodeTime(p.Updated),
	}
	for i := range p.Seen {
		if p.Seen[i].Read {
			out.ReadCount++
		} else {
			out.ShownCount++
		}
	}
	return out
}

func encodePreferences(list []profile.Preference) []*akinv1.ProfilePreference {
	out := make([]*akinv1.ProfilePreference, len(list))
	for i := range list {
		p := &list[i]
		out[i] = &akinv1.ProfilePreference{
			PaperId: p.PaperID, EventId: p.EventID, Kind: encodeKind(p.Kind), EventTime: timestamppb.New(p.Time),
			Weight: p.Weight,
		}
	}
	return out
}
