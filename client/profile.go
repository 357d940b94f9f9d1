package client

import (
	"context"
	"crypto/rand"
	"iter"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

type (
	// Event is one thing that one person said or did about one paper.
	Event = akinv1.Event
	// EventKind is what an event says about its paper.
	EventKind = akinv1.EventKind
	// ProfileState is what the events of one person add up to.
	ProfileState = akinv1.Profile
	// ProfilePreference is what a profile says of one paper.
	ProfilePreference = akinv1.ProfilePreference
	// ProfileSummary is a profile without its preferences.
	ProfileSummary = akinv1.ProfileSummary
)

// The kinds of events.
const (
	Like          = akinv1.EventKind_EVENT_KIND_LIKE
	Dislike       = akinv1.EventKind_EVENT_KIND_DISLIKE
	NotInterested = akinv1.EventKind_EVENT_KIND_NOT_INTERESTED
	Read          = akinv1.EventKind_EVENT_KIND_READ
	Shown         = akinv1.EventKind_EVENT_KIND_SHOWN
	Undo          = akinv1.EventKind_EVENT_KIND_UNDO
)

// maxEvents is the most of one call.
const maxEvents = 1000

// Profile is what one person likes, dislikes and has seen, kept by the server. It is a handle: making one calls
// nothing, and a profile without events is empty. It is safe for concurrent use.
type Profile struct {
	c     *Client
	taste Taste
	shown bool
}

// ProfileOption changes how a profile recommends.
type ProfileOption func(*Profile)

// Fading lets a preference lose half its weight in every half-life, from one hour. Default: none fades.
func Fading(halfLife time.Duration) ProfileOption {
	return func(p *Profile) { p.taste.HalfLife = halfLife }
}

// ShownRest is how long a paper that was shown is not recommended. Default 30 days; 0: it may come again at once.
func ShownRest(rest time.Duration) ProfileOption {
	return func(p *Profile) {
		if p.taste.ShownRest = rest; rest == 0 {
			p.taste.ShownRest = -1
		}
	}
}

// RecordShown records every page of recommendations as shown, so that they do not come again for [ShownRest]. Default:
// recommending records nothing.
func RecordShown() ProfileOption { return func(p *Profile) { p.shown = true } }

// WithReasons asks for the likes because of which each hit was found, Hit.BecauseOf.
func WithReasons() ProfileOption { return func(p *Profile) { p.taste.Explain = true } }

// Profile is the profile of an id of the caller's choice: 1 to 256 bytes, no control characters.
func (c *Client) Profile(id string, opts ...ProfileOption) *Profile {
	p := &Profile{c: c, taste: Taste{Profile: id}}
	for _, opt := range opts {
		opt(p)
	}
	return p
}

// ID is the profile's id.
func (p *Profile) ID() string { return p.taste.Profile }

// Like records that papers are liked, now. Papers are named by id, stored or not.
func (p *Profile) Like(ctx context.Context, paperIDs ...string) error {
	return p.recordAll(ctx, Like, paperIDs)
}

// Dislike records that papers are disliked.
func (p *Profile) Dislike(ctx context.Context, paperIDs ...string) error {
	return p.recordAll(ctx, Dislike, paperIDs)
}

// NotInterested records that papers are of no interest: a dislike at half the weight.
func (p *Profile) NotInterested(ctx context.Context, paperIDs ...string) error {
	return p.recordAll(ctx, NotInterested, paperIDs)
}

// Read records that papers were read: they are not recommended again.
func (p *Profile) Read(ctx context.Context, paperIDs ...string) error {
	return p.recordAll(ctx, Read, paperIDs)
}

// Shown records that papers were shown: they are not recommended again for [ShownRest].
func (p *Profile) Shown(ctx context.Context, paperIDs ...string) error {
	return p.recordAll(ctx, Shown, paperIDs)
}

// Undo takes events back, by their ids, as [Profile.State] names them.
func (p *Profile) Undo(ctx context.Context, eventIDs ...string) error {
	events := make([]*Event, len(eventIDs))
	for i, id := range eventIDs {
		events[i] = &Event{Kind: Undo, Undoes: id}
	}
	_, err := p.Record(ctx, events...)
	return err
}

func (p *Profile) recordAll(ctx context.Context, kind EventKind, paperIDs []string) error {
	events := make([]*Event, len(paperIDs))
	for i, id := range paperIDs {
		events[i] = &Event{Kind: kind, PaperId: id}
	}
	_, err := p.Record(ctx, events...)
	return err
}

// Record records events of the profile and returns how many are new. An event without an id gets a random one, and one
// without a time that of this call; the events given are not changed. Up to 1,000 are recorded all or none; more in
// such parts, one after the other.
func (p *Profile) Record(ctx context.Context, events ...*Event) (recorded int, err error) {
	now := timestamppb.Now()
	full := make([]*Event, len(events))
	for i, e := range events {
		full[i] = &Event{
			ProfileId: p.ID(), EventId: e.GetEventId(), Kind: e.GetKind(), PaperId: e.GetPaperId(), Undoes: e.GetUndoes(),
			EventTime: e.GetEventTime(), Weight: e.GetWeight(),
		}
		if full[i].EventId == "" {
			full[i].EventId = rand.Text() // made once, so that a call that is repeated records it once
		}
		if full[i].EventTime == nil {
			full[i].EventTime = now
		}
	}
	return p.c.RecordEvents(ctx, full)
}

// RecordEvents records events of any profiles, complete with profile and event ids, and returns how many are new:
// those whose id their profile has change nothing. Up to 1,000 are recorded all or none; more in such parts, one after
// the other.
func (c *Client) RecordEvents(ctx context.Context, events []*Event) (recorded int, err error) {
	for len(events) > 0 {
		n := min(len(events), maxEvents)
		part, err := c.recordPart(ctx, events[:n])
		recorded += part
		if err != nil {
			return recorded, err
		}
		events = events[n:]
	}
	return recorded, nil
}

func (c *Client) recordPart(ctx context.Context, events []*Event) (int, error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	res, err := c.profiles.RecordEvents(ctx, &akinv1.RecordEventsRequest{Events: events})
	return int(res.GetRecorded()), callError("record events", err)
}

// State returns what the events of the profile add up to.
func (p *Profile) State(ctx context.Context) (*ProfileState, error) {
	ctx, cancel := p.c.deadline(ctx)
	defer cancel()
	res, err := p.c.profiles.GetProfile(ctx, &akinv1.GetProfileRequest{ProfileId: p.ID()})
	return res.GetProfile(), callError("get profile", err)
}

// Delete removes the profile with all its events. ErrNotFound when it has none. It is sent once.
func (p *Profile) Delete(ctx context.Context) error {
	ctx, cancel := p.c.deadline(ctx)
	defer cancel()
	_, err := p.c.profiles.DeleteProfile(ctx, &akinv1.DeleteProfileRequest{ProfileId: p.ID()})
	return callError("delete profile", err)
}

// Recommend returns papers for the profile, best first: 10 unless [Limit] says otherwise.
func (p *Profile) Recommend(ctx context.Context, opts ...SearchOption) (*Result, error) {
	result, err := p.c.Recommend(ctx, p.taste, opts...)
	if err != nil || !p.shown || len(result.Hits) == 0 {
		return result, err
	}
	ids := make([]string, len(result.Hits))
	for i, hit := range result.Hits {
		ids[i] = hit.GetPaper().GetId()
	}
	return result, p.Shown(ctx, ids...)
}

// Recommendations yields the papers for the profile, best first, page by page while the loop runs: up to 100 of them,
// or as many as [Limit] says a page. With [RecordShown] what was yielded is recorded when the loop ends. An error is
// yielded last.
func (p *Profile) Recommendations(ctx context.Context, opts ...SearchOption) iter.Seq2[*Hit, error] {
	return func(yield func(*Hit, error) bool) {
		var shown []string
		record := func() bool {
			if !p.shown || len(shown) == 0 {
				return true
			}
			if err := p.Shown(ctx, shown...); err != nil {
				yield(nil, err)
				return false
			}
			return true
		}
		for token := ""; ; {
			result, err := p.c.Recommend(ctx, p.taste, append(opts[:len(opts):len(opts)], PageToken(token))...)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, hit := range result.Hits {
				shown = append(shown, hit.GetPaper().GetId())
				if !yield(hit, nil) {
					_ = record() // the loop is over: there is nobody to tell
					return
				}
			}
			// Recording changes the profile, and with it what the next page would be: so it waits for the last one.
			if token = result.NextPageToken; token == "" {
				record()
				return
			}
		}
	}
}

// Profiles yields the caller's profiles in ascending byte order of ids. An error is yielded last.
func (c *Client) Profiles(ctx context.Context) iter.Seq2[*ProfileSummary, error] {
	return pages(func(token string) ([]*ProfileSummary, string, error) {
		ctx, cancel := c.deadline(ctx)
		defer cancel()
		res, err := c.profiles.ListProfiles(ctx, &akinv1.ListProfilesRequest{PageSize: listPageSize, PageToken: token})
		return res.GetProfiles(), res.GetNextPageToken(), callError("list profiles", err)
	})
}

// Events yields the events of the profile in ascending byte order of ids, as they were recorded: [Client.RecordEvents]
// takes them back. An error is yielded last.
func (p *Profile) Events(ctx context.Context) iter.Seq2[*Event, error] {
	return pages(func(token string) ([]*Event, string, error) {
		ctx, cancel := p.c.deadline(ctx)
		defer cancel()
		res, err := p.c.profiles.ListEvents(ctx, &akinv1.ListEventsRequest{
			ProfileId: p.ID(), PageSize: listPageSize, PageToken: token,
		})
		return res.GetEvents(), res.GetNextPageToken(), callError("list events", err)
	})
}

// pages yields what the pages of a list hold.
func pages[T any](fetch func(token string) ([]T, string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for token := ""; ; {
			list, next, err := fetch(token)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, one := range list {
				if !yield(one, nil) {
					return
				}
			}
			if token = next; token == "" {
				return
			}
		}
	}
}
