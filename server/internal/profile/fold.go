package profile

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"
)

// Profile is what the events of one person add up to. It is shared and must not be changed.
type Profile struct {
	Likes    []Preference // newest first, at most MaxLikes
	Dislikes []Preference // papers of no interest among them; newest first, at most MaxDislikes
	Seen     []Seen       // newest first, at most MaxSeen
	Events   int          // stored, those that were undone included
	Updated  time.Time    // the latest time of an event
}

// Preference is what someone thinks of one paper.
type Preference struct {
	PaperID string
	EventID string
	Kind    Kind // Like, Dislike or NotInterested
	Time    time.Time
	Weight  float64 // as recorded
}

// Seen is a paper that was read or shown.
type Seen struct {
	PaperID string
	Read    bool      // read at some time
	Time    time.Time // the latest time of either
}

// Fold adds events up, in whatever order they come.
func Fold(events []Event) *Profile {
	undone := map[string]bool{}
	for i := range events {
		if events[i].Kind == Undo {
			undone[events[i].Undoes] = true
		}
	}
	thought, seen := map[string]Preference{}, map[string]Seen{}
	p := &Profile{Events: len(events)}
	for i := range events {
		e := &events[i]
		if e.Time.After(p.Updated) {
			p.Updated = e.Time
		}
		if undone[e.ID] {
			continue
		}
		switch e.Kind {
		case Like, Dislike, NotInterested:
			next := Preference{PaperID: e.PaperID, EventID: e.ID, Kind: e.Kind, Time: e.Time, Weight: cmp.Or(e.Weight, 1)}
			if before, ok := thought[e.PaperID]; !ok || newer(&next, &before) < 0 {
				thought[e.PaperID] = next
			}
		case Read, Shown:
			s := seen[e.PaperID]
			s.PaperID, s.Read = e.PaperID, s.Read || e.Kind == Read
			if e.Time.After(s.Time) {
				s.Time = e.Time
			}
			seen[e.PaperID] = s
		}
	}
	for _, t := range thought {
		if t.Kind == Like {
			p.Likes = append(p.Likes, t)
		} else {
			p.Dislikes = append(p.Dislikes, t)
		}
	}
	p.Likes, p.Dislikes = newest(p.Likes, MaxLikes), newest(p.Dislikes, MaxDislikes)
	p.Seen = slices.SortedFunc(maps.Values(seen), func(a, b Seen) int {
		return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.PaperID, b.PaperID))
	})
	p.Seen = p.Seen[:min(len(p.Seen), MaxSeen)]
	return p
}

// newer orders preferences by falling time, then falling event id.
func newer(a, b *Preference) int {
	return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(b.EventID, a.EventID))
}

func newest(preferences []Preference, limit int) []Preference {
	slices.SortFunc(preferences, func(a, b Preference) int { return newer(&a, &b) })
	return preferences[:min(len(preferences), limit)]
}

// WeightAt is what a preference counts at a time: its own weight, half that where it says only that there is no
// interest, halved again for every half-life since. A half-life of 0: nothing fades. An event of the future has not
// faded.
func (p *Preference) WeightAt(now time.Time, halfLife time.Duration) float64 {
	w := p.Weight
	if p.Kind == NotInterested {
		w *= notInterestedWeight
	}
	if age := now.Sub(p.Time); halfLife > 0 && age > 0 {
		w *= math.Exp2(-age.Seconds() / halfLife.Seconds())
	}
	return w
}
