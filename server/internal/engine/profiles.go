package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/akin-search/akin/server/internal/profile"
)

// RecordEvents stores events of an owner's profiles, all or none, and returns how many are new.
func (e *Engine) RecordEvents(ctx context.Context, owner string, events []profile.Owned) (recorded int, err error) {
	if err := e.Writable(); err != nil {
		return 0, err
	}
	if e.cfg.Order != nil {
		return e.recordOrdered(ctx, owner, events)
	}
	recorded, err = e.profiles.Record(ctx, owner, events)
	return recorded, storeError(err)
}

// Profile returns what the events of one profile add up to; one without events is empty.
func (e *Engine) Profile(ctx context.Context, owner, id string) (*profile.Profile, error) {
	p, err := e.profiles.Get(ctx, owner, id)
	return p, storeError(err)
}

// DeleteProfile removes a profile with all its events. profile.ErrNotFound when it has none.
func (e *Engine) DeleteProfile(ctx context.Context, owner, id string) error {
	if err := e.Writable(); err != nil {
		return err
	}
	if e.cfg.Order != nil {
		_, _, err := e.deleteOrdered(ctx, encodeForget(owner, id), true)
		return err
	}
	return storeError(e.profiles.Delete(ctx, owner, id))
}

// Page tokens of lists beside the papers'.
const (
	profileTokens idTokens = "profiles:"
	eventTokens   idTokens = "events:"
)

// Profiles returns up to size profiles of an owner in ascending byte order of ids, and the token of the page behind
// them.
func (e *Engine) Profiles(owner, token string, size int) ([]profile.Summary, string, error) {
	return listed(profileTokens, token, size, func(s profile.Summary) string { return s.ID },
		func(after string, limit int) ([]profile.Summary, error) { return e.profiles.List(owner, after, limit) })
}

// Events returns up to size events of a profile in ascending byte order of ids, and the token of the page behind them.
func (e *Engine) Events(owner, id, token string, size int) ([]profile.Event, string, error) {
	return listed(eventTokens, token, size, func(e profile.Event) string { return e.ID },
		func(after string, limit int) ([]profile.Event, error) {
			return e.profiles.Events(owner, id, after, limit)
		})
}

// listed reads one page of a list in the order of ids.
func listed[T any](
	kind idTokens, token string, size int, id func(T) string, read func(after string, limit int) ([]T, error),
) ([]T, string, error) {
	after, err := kind.decode(token)
	if err != nil {
		return nil, "", err
	}
	list, err := read(after, size)
	if err != nil || len(list) < size {
		return list, "", storeError(err)
	}
	return list, kind.encode(id(list[len(list)-1])), nil
}

// FullTaste is a recommendation with what its profile says behind its own likes and dislikes.
type FullTaste struct {
	*Recommendation
	OwnLikes, OwnDislikes int    // of the request itself, in front: only those are told when they are missing
	State                 uint64 // tells the states of the profile apart; 0 without one

	profile *profile.Profile // nil without one
	Now     time.Time        // that its preferences and rests are of
}

// PageError is the error of a page of a recommendation: where there is a profile, its token is bound to that, too.
func (t *FullTaste) PageError(err error) error {
	if errors.Is(err, ErrInvalidPageToken) && t.ProfileID != "" {
		return fmt.Errorf("%w: the profile has changed since the first page, or the request has; begin again",
			ErrPageExpired)
	}
	return err
}

// WithProfile adds what a profile says to a recommendation.
func (e *Engine) WithProfile(ctx context.Context, rec *Recommendation) (FullTaste, error) {
	full := FullTaste{Recommendation: rec, OwnLikes: len(rec.Likes), OwnDislikes: len(rec.Dislikes), Now: e.now()}
	if rec.ProfileID == "" {
		return full, nil
	}
	p, err := e.profiles.Get(ctx, rec.Owner, rec.ProfileID)
	if err != nil {
		return full, storeError(err)
	}
	if p.Events == 0 && rec.Strict {
		return full, fmt.Errorf("%w: %q", profile.ErrNotFound, rec.ProfileID)
	}
	add := func(own []Preference, list []profile.Preference) []Preference {
		out := slices.Grow(slices.Clone(own), len(list))
		for i := range list {
			out = append(out, Preference{PaperID: list[i].PaperID, Weight: list[i].WeightAt(full.Now, rec.HalfLife)})
		}
		return out
	}
	whole := *rec
	whole.Likes, whole.Dislikes = add(rec.Likes, p.Likes), add(rec.Dislikes, p.Dislikes)
	full.Recommendation, full.profile = &whole, p
	full.State = xxhash.Sum64String(fmt.Sprint(p.Events, p.Updated.UnixNano()))
	return full, nil
}
