package profile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/store"
)

func openStore(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(dir, store.Options{
		Sink: func([]store.Entry) {}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func openProfiles(t testing.TB, s *store.Store) *Profiles {
	t.Helper()
	p, err := Open(t.Context(), s, func() time.Time { return at(100) })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustRecord(t *testing.T, p *Profiles, owner, id string, events ...Event) int {
	t.Helper()
	owned := make([]Owned, len(events))
	for i, e := range events {
		owned[i] = Owned{id, e}
	}
	n, err := p.Record(t.Context(), owner, owned)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func mustGet(t *testing.T, p *Profiles, owner, id string) *Profile {
	t.Helper()
	found, err := p.Get(t.Context(), owner, id)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestARetryRecordsNothingTwice(t *testing.T) {
	p := openProfiles(t, openStore(t, t.TempDir()))
	events := []Event{{ID: "1", Kind: Like, PaperID: "a"}, {ID: "2", Kind: Read, PaperID: "b", Time: at(1)}}
	if n := mustRecord(t, p, "", "u", events...); n != 2 {
		t.Errorf("%d are new, want 2", n)
	}
	before := mustGet(t, p, "", "u")
	events[0].PaperID = "c" // the first event of an id stays
	if n := mustRecord(t, p, "", "u", append(events, Event{ID: "3", Kind: Like, PaperID: "d"})...); n != 1 {
		t.Errorf("%d are new, want 1", n)
	}
	after := mustGet(t, p, "", "u")
	if len(before.Likes) != 1 || len(after.Likes) != 2 || after.Events != 3 || !after.Likes[0].Time.Equal(at(100)) {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
}

func TestProfilesOfOthersAreTheirOwn(t *testing.T) {
	p := openProfiles(t, openStore(t, t.TempDir()))
	mustRecord(t, p, "alice", "u", Event{ID: "1", Kind: Like, PaperID: "a"})
	mustRecord(t, p, "alic", "eu", Event{ID: "1", Kind: Like, PaperID: "b"})
	mustRecord(t, p, "", "u", Event{ID: "1", Kind: Like, PaperID: "c"})
	for _, c := range []struct{ owner, id, want string }{{"alice", "u", "a"}, {"alic", "eu", "b"}, {"", "u", "c"}} {
		if got := ids(mustGet(t, p, c.owner, c.id).Likes); len(got) != 1 || got[0] != c.want {
			t.Errorf("%q's %q likes %v, want %s", c.owner, c.id, got, c.want)
		}
		if list, err := p.List(c.owner, "", 0); err != nil || len(list) != 1 || list[0].ID != c.id || list[0].Events != 1 {
			t.Errorf("%q has the profiles %+v, %v", c.owner, list, err)
		}
	}
	if err := p.Delete(t.Context(), "bob", "u"); !errors.Is(err, ErrNotFound) {
		t.Errorf("bob deletes a profile that he does not have: %v", err)
	}
}

// Random events and deletions against a map, through reopening.
func TestProfilesAreWhatTheirEventsAddUpTo(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	p := openProfiles(t, s)
	rng := rand.New(rand.NewPCG(8, 8))
	want := map[string]map[string]Event{}
	for round := range 200 {
		id := fmt.Sprint("u", rng.IntN(5))
		switch rng.IntN(12) {
		case 0:
			err := p.Delete(t.Context(), "o", id)
			if _, there := want[id]; there != (err == nil) {
				t.Fatalf("round %d: deleting %s, which is there: %v: %v", round, id, there, err)
			}
			delete(want, id)
		case 1:
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openStore(t, dir)
			p = openProfiles(t, s)
		default:
			e := Event{ID: fmt.Sprint(rng.IntN(30)), Kind: Kind(1 + rng.IntN(6)), PaperID: fmt.Sprint(rng.IntN(9)),
				Time: at(rng.IntN(50)), Weight: 1}
			if e.Kind == Undo {
				e.PaperID, e.Undoes = "", fmt.Sprint(rng.IntN(30))
			}
			mustRecord(t, p, "o", id, e)
			if want[id] == nil {
				want[id] = map[string]Event{}
			}
			if _, again := want[id][e.ID]; !again {
				want[id][e.ID] = e
			}
		}
		var events []Event
		for _, e := range want[id] {
			events = append(events, e)
		}
		if got := mustGet(t, p, "o", id); !reflect.DeepEqual(got, Fold(events)) {
			t.Fatalf("round %d: %s is\n%+v, want\n%+v", round, id, got, Fold(events))
		}
	}
	list, err := p.List("o", "", 0)
	if err != nil || len(list) != len(want) {
		t.Errorf("%d profiles, want %d; %v", len(list), len(want), err)
	}
}

func TestADeletionThatWasBrokenOffIsFinishedAtTheNextStart(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	p := openProfiles(t, s)
	mustRecord(t, p, "", "u", Event{ID: "1", Kind: Like, PaperID: "a"}, Event{ID: "2", Kind: Like, PaperID: "b"})
	key := profileKey("", "u")
	err := s.UpdateRecords(t.Context(), 0, func(tx *store.RecordTx) error { // the first commit of Delete, and then a crash
		tx.Delete(store.ProfileTable, key)
		return tx.Put(store.DeletionTable, key, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	p = openProfiles(t, s)
	mustRecord(t, p, "", "u", Event{ID: "3", Kind: Like, PaperID: "c"})
	if got := ids(mustGet(t, p, "", "u").Likes); len(got) != 1 || got[0] != "c" {
		t.Errorf("the new profile of a deleted id likes %v, want c alone", got)
	}
	if left, err := s.Records(store.DeletionTable, nil, nil, 0); err != nil || len(left) > 0 {
		t.Errorf("%d deletions are left, %v", len(left), err)
	}
}

func TestOneBadEventKeepsAllOut(t *testing.T) {
	p := openProfiles(t, openStore(t, t.TempDir()))
	_, err := p.Record(t.Context(), "", []Owned{
		{"u", Event{ID: "1", Kind: Like, PaperID: "a"}},
		{"u", Event{ID: string(make([]byte, store.MaxRecordKey)), Kind: Like, PaperID: "b"}},
	})
	if !errors.Is(err, store.ErrInvalid) {
		t.Fatal(err)
	}
	if got := mustGet(t, p, "", "u"); got.Events != 0 {
		t.Errorf("%d events were recorded", got.Events)
	}
}

// Everyone who has recorded an event sees it, whatever others read and record meanwhile.
func TestOwnEventsAreSeenAtOnce(t *testing.T) {
	p := openProfiles(t, openStore(t, t.TempDir()))
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for i := range 30 {
				id := fmt.Sprintf("%d-%d", g, i)
				_, err := p.Record(context.Background(), "", []Owned{{"u", Event{ID: id, Kind: Read, PaperID: id}}})
				if err != nil {
					t.Error(err)
					return
				}
				found, err := p.Get(context.Background(), "", "u")
				if err != nil {
					t.Error(err)
					return
				}
				seen := false
				for _, s := range found.Seen {
					seen = seen || s.PaperID == id
				}
				if !seen {
					t.Errorf("event %s is not seen by the one who recorded it", id)
				}
			}
		})
	}
	group.Wait()
}

func TestTheCacheKeepsToItsBytes(t *testing.T) {
	c := newCache(2000)
	for i := range 20 {
		key := fmt.Sprint("k", i)
		c.put(key, c.version(key), &Profile{Likes: []Preference{{PaperID: "some paper"}}})
	}
	if c.bytes > 2000 || len(c.byKey) != c.order.Len() || c.get("k19") == nil || c.get("k0") != nil {
		t.Errorf("%d bytes, %d profiles, %d in order", c.bytes, len(c.byKey), c.order.Len())
	}
	version := c.version("k19")
	c.drop("k19")
	c.put("k19", version, &Profile{})
	if c.get("k19") != nil {
		t.Error("a profile that was read before a write is kept behind it")
	}
}

func FuzzRows(f *testing.F) {
	e := Event{ID: "x", Kind: Undo, Undoes: "y", Time: at(3), Weight: 2}
	f.Add(e.Encode())
	f.Add((&Summary{Events: 3, Created: at(1), Updated: at(2)}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := DecodeEvent("x", b); err == nil {
			again, err := DecodeEvent("x", e.Encode())
			if err != nil || again.Kind != e.Kind || again.PaperID != e.PaperID || again.Undoes != e.Undoes {
				t.Errorf("%+v comes back as %+v, %v", e, again, err)
			}
		}
		if s, err := decodeSummary("x", b); err == nil && len(s.encode()) != len(b) {
			t.Errorf("%+v has another length", s)
		}
	})
}
