package profile

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

var day0 = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func at(days int) time.Time { return day0.AddDate(0, 0, days) }

func ids(preferences []Preference) []string {
	var out []string
	for _, p := range preferences {
		out = append(out, p.PaperID)
	}
	return out
}

func TestTheLatestThoughtOfAPaperCounts(t *testing.T) {
	p := Fold([]Event{
		{ID: "1", Kind: Like, PaperID: "a", Time: at(1)},
		{ID: "2", Kind: Dislike, PaperID: "a", Time: at(3)},
		{ID: "3", Kind: Like, PaperID: "a", Time: at(2)}, // came late
		{ID: "4", Kind: Like, PaperID: "b", Time: at(5)},
		{ID: "5", Kind: Like, PaperID: "c", Time: at(4), Weight: 2.5},
		{ID: "6", Kind: NotInterested, PaperID: "d", Time: at(4)},
	})
	if got := ids(p.Likes); !slices.Equal(got, []string{"b", "c"}) || p.Likes[1].Weight != 2.5 || p.Likes[0].Weight != 1 {
		t.Errorf("likes %+v, want b (weight 1), c (2.5)", p.Likes)
	}
	if got := ids(p.Dislikes); !slices.Equal(got, []string{"d", "a"}) {
		t.Errorf("dislikes %v, want d, a", got)
	}
	if p.Events != 6 || !p.Updated.Equal(at(5)) {
		t.Errorf("%d events, updated %v", p.Events, p.Updated)
	}
}

func TestWhatIsUndoneDoesNotCountWhicheverComesFirst(t *testing.T) {
	events := []Event{
		{ID: "1", Kind: Like, PaperID: "a", Time: at(1)},
		{ID: "2", Kind: Dislike, PaperID: "a", Time: at(2)},
		{ID: "3", Kind: Undo, Undoes: "2", Time: at(3)},
		{ID: "4", Kind: Read, PaperID: "b", Time: at(1)},
		{ID: "5", Kind: Undo, Undoes: "4", Time: at(1)},
	}
	for range 2 {
		p := Fold(events)
		if got := ids(p.Likes); !slices.Equal(got, []string{"a"}) || len(p.Dislikes) > 0 || len(p.Seen) > 0 {
			t.Errorf("likes %v, dislikes %v, seen %v; want the like alone", got, p.Dislikes, p.Seen)
		}
		slices.Reverse(events)
	}
}

func TestTheOrderOfEventsChangesNothing(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var events []Event
		for i := range 60 {
			e := Event{ID: fmt.Sprint(i), Kind: Kind(1 + rng.IntN(6)), PaperID: fmt.Sprint(rng.IntN(8)), Time: at(rng.IntN(9))}
			if e.Kind == Undo {
				e.PaperID, e.Undoes = "", fmt.Sprint(rng.IntN(60))
			}
			events = append(events, e)
		}
		want := Fold(events)
		rng.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		if got := Fold(events); !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: shuffled\n%+v\nbefore\n%+v", seed, got, want)
		}
	}
}

func TestTheNewestLikesCountWhereThereAreTooMany(t *testing.T) {
	var events []Event
	for i := range MaxLikes + 10 {
		at := day0.Add(time.Duration(i) * time.Second)
		events = append(events, Event{ID: fmt.Sprint(i), Kind: Like, PaperID: fmt.Sprint(i), Time: at})
	}
	p := Fold(events)
	if len(p.Likes) != MaxLikes || p.Likes[0].PaperID != fmt.Sprint(MaxLikes+9) || p.Likes[MaxLikes-1].PaperID != "10" {
		t.Errorf("%d likes from %s to %s", len(p.Likes), p.Likes[0].PaperID, p.Likes[len(p.Likes)-1].PaperID)
	}
}

func TestLikesFadeAndTheFutureDoesNot(t *testing.T) {
	like := Preference{Kind: Like, Time: at(0), Weight: 4}
	for _, c := range []struct {
		now      time.Time
		halfLife time.Duration
		want     float64
	}{
		{at(30), 0, 4},
		{at(30), 30 * 24 * time.Hour, 2},
		{at(60), 30 * 24 * time.Hour, 1},
		{at(-5), 30 * 24 * time.Hour, 4},
	} {
		if got := like.WeightAt(c.now, c.halfLife); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("at %v with a half-life of %v: %v, want %v", c.now, c.halfLife, got, c.want)
		}
	}
	if got := (&Preference{Kind: NotInterested, Weight: 1}).WeightAt(at(0), 0); got != .5 {
		t.Errorf("no interest weighs %v, want .5", got)
	}
}

func TestWhatWasSeenIsKeptWithItsLatestTime(t *testing.T) {
	p := Fold([]Event{
		{ID: "1", Kind: Read, PaperID: "a", Time: at(1)},
		{ID: "2", Kind: Shown, PaperID: "a", Time: at(3)},
		{ID: "3", Kind: Shown, PaperID: "b", Time: at(2)},
		{ID: "4", Kind: Shown, PaperID: "b", Time: at(1)},
	})
	if want := []Seen{{"a", true, at(3)}, {"b", false, at(2)}}; !slices.Equal(p.Seen, want) {
		t.Errorf("seen %+v, want %+v", p.Seen, want)
	}
}
