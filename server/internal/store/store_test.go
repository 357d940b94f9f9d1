package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
)

func TestAPaperSurvivesReopening(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	e := write(t, s, put(sample("a", 1)))[0]
	if !e.Created || e.Unchanged || e.Old != 0 || e.New != 1 || e.Revision != 1 {
		t.Errorf("entry %+v", e)
	}
	at := s.Position()
	shut(t, s)
	s = open(t, dir, Options{})
	if got := get(t, s, "a"); !reflect.DeepEqual(got, e.Paper) {
		t.Errorf("got %+v, want %+v", got, e.Paper)
	}
	if s.Position() != at || at.Revision != 1 || s.Count() != 1 || s.OldestLog() != 1 || s.Size() == 0 {
		t.Errorf("%s (was %s), count %d, log from %d, size %d", s.Position(), at, s.Count(), s.OldestLog(), s.Size())
	}
}

func TestTheSameContentIsNotWrittenAgain(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	first := write(t, s, put(sample("a", 1)))[0]
	again := write(t, s, Mutation{ID: "a", Paper: sample("a", 1), Payload: "mine"})[0]
	if !again.Unchanged || again.Created || again.Revision != 1 || again.Old != 1 || again.New != 1 ||
		again.Payload != "mine" {
		t.Errorf("entry %+v", again)
	}
	if !reflect.DeepEqual(again.Paper, first.Paper) {
		t.Errorf("got %+v, want %+v", again.Paper, first.Paper)
	}
	if s.Revision() != 1 {
		t.Errorf("revision %d", s.Revision())
	}
	p := sample("a", 1)
	p.Abstract = p.Abstract[:len(p.Abstract)-1] + "!" // of the same length
	if e := write(t, s, put(p))[0]; e.Unchanged || e.Revision != 2 || e.Old != 1 || e.New != 2 {
		t.Errorf("entry of another abstract: %+v", e)
	}
}

func TestUpdatesKeepTheCreateTimeThoughTheClockJumpsBack(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	s := open(t, t.TempDir(), Options{Clock: func() time.Time { return now }})
	created := write(t, s, put(sample("a", 1)))[0].Paper.CreateTime
	now = now.Add(time.Hour)
	p := write(t, s, put(sample("a", 2)))[0].Paper
	if !p.CreateTime.Equal(created) || !p.UpdateTime.Equal(now) {
		t.Errorf("created %s, updated %s", p.CreateTime, p.UpdateTime)
	}
	now = now.Add(-48 * time.Hour)
	p = write(t, s, put(sample("a", 3)))[0].Paper
	if !p.CreateTime.Equal(created) || p.UpdateTime.Before(p.CreateTime) {
		t.Errorf("after the jump: created %s, updated %s", p.CreateTime, p.UpdateTime)
	}
}

func TestABatchIsStoredWholeOrNotAtAll(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	write(t, s, put(sample("a", 1)))
	_, err := tryWrite(s, put(sample("b", 1)), put(sample("a", 2)), del("unknown"))
	if !errors.Is(err, ErrNotFound) {
		t.Fatalf("got %v", err)
	}
	if get(t, s, "b") != nil || get(t, s, "a").Revision != 1 || s.Revision() != 1 {
		t.Error("a failed batch left something behind")
	}
}

func TestAFailingBatchDoesNotSpoilItsGroup(t *testing.T) {
	hold := make(chan struct{})
	held := make(chan struct{}, 1)
	s := open(t, t.TempDir(), Options{Sink: func(b []Entry) {
		if b[0].ID == "first" {
			held <- struct{}{}
			<-hold
		}
	}})
	ctx := context.Background()
	var pending []*Pending
	submit := func(muts ...Mutation) {
		t.Helper()
		p, err := s.Submit(ctx, muts)
		if err != nil {
			t.Fatal(err)
		}
		pending = append(pending, p)
	}
	submit(put(sample("first", 1)))
	<-held // the committer waits: what follows becomes one group
	submit(put(sample("a", 1)))
	submit(put(sample("b", 1)), del("unknown"))
	submit(del("a"), put(sample("c", 1)))
	submit(del("a"))
	close(hold)
	var errs []error
	for _, p := range pending {
		_, err := p.Wait(ctx)
		errs = append(errs, err)
	}
	if errs[0] != nil || errs[1] != nil || !errors.Is(errs[2], ErrNotFound) || errs[3] != nil ||
		!errors.Is(errs[4], ErrNotFound) {
		t.Errorf("got %v", errs)
	}
	if get(t, s, "a") != nil || get(t, s, "b") != nil || get(t, s, "c") == nil || s.Revision() != 4 {
		t.Errorf("revision %d", s.Revision())
	}
}

func TestABatchSeesItsOwnEarlierMutations(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	e := write(t, s, put(sample("a", 1)), put(sample("a", 1)), put(sample("a", 2)), del("a"), put(sample("a", 1)))
	want := []Entry{
		{Revision: 1, ID: "a", New: 1, Created: true},
		{Revision: 1, ID: "a", Old: 1, New: 1, Unchanged: true},
		{Revision: 2, ID: "a", Old: 1, New: 2},
		{Revision: 3, ID: "a", Old: 2},
		{Revision: 4, ID: "a", New: 3, Created: true},
	}
	for i := range e {
		e[i].Paper = nil
	}
	if !reflect.DeepEqual(e, want) {
		t.Errorf("got %+v\nwant %+v", e, want)
	}
}

func TestAMutationBoundToAnOrdinalIsSkippedWhenItIsGone(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	write(t, s, put(sample("a", 1)), put(sample("b", 1)))
	write(t, s, put(sample("a", 2)))
	e := write(t, s, Mutation{ID: "a", IfOrdinal: 1}, Mutation{ID: "b", IfOrdinal: 2}, Mutation{ID: "gone", IfOrdinal: 7})
	if !e[0].Unchanged || e[0].Paper != nil || e[0].Revision != 0 || e[1].Unchanged || e[1].Old != 2 || !e[2].Unchanged {
		t.Errorf("got %+v", e)
	}
	if get(t, s, "a") == nil || get(t, s, "b") != nil {
		t.Error("the wrong paper is gone")
	}
}

func TestSupersededRecordsStayUntilCollected(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	write(t, s, put(sample("a", 1)))
	write(t, s, put(sample("a", 2)))
	write(t, s, del("a"))
	present := func() (out []bool) {
		papers, err := s.Papers([]uint64{1, 2, 3}, true, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range papers {
			out = append(out, p != nil)
		}
		return out
	}
	for _, c := range []struct {
		through uint64
		want    []bool
	}{{1, []bool{true, true, false}}, {2, []bool{false, true, false}}, {3, []bool{false, false, false}}} {
		if err := s.Collect(context.Background(), c.through); err != nil {
			t.Fatal(err)
		}
		if got := present(); !slices.Equal(got, c.want) {
			t.Errorf("through %d: got %v, want %v", c.through, got, c.want)
		}
	}
}

func TestLeftoversOfAnEarlierProcessAreCollectedAtOpen(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	for v := range 5 {
		write(t, s, put(sample("a", v)))
	}
	shut(t, s)
	s = open(t, dir, Options{})
	papers, err := s.Papers([]uint64{1, 2, 3, 4, 5}, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if papers[3] != nil || papers[4] == nil || s.durable().superseded != 0 {
		t.Errorf("papers %v", papers)
	}
	if e := write(t, s, put(sample("b", 1)))[0]; e.New != 6 {
		t.Errorf("ordinal %d was used before", e.New)
	}
}

func TestTheLogHasEveryRevisionUntilTrimmed(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	write(t, s, put(sample("a", 1)), put(sample("b", 1)))
	write(t, s, del("a"), put(sample("b", 2)))
	got, err := s.Log(0, 10)
	want := []Entry{
		{Revision: 1, ID: "a", New: 1, Created: true}, {Revision: 2, ID: "b", New: 2, Created: true},
		{Revision: 3, ID: "a", Old: 1}, {Revision: 4, ID: "b", Old: 2, New: 3},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := s.TrimLog(3); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Log(2, 10); !errors.Is(err, ErrTrimmed) {
		t.Errorf("got %v", err)
	}
	if got, err = s.Log(3, 10); err != nil || len(got) != 1 || got[0].Revision != 4 || s.OldestLog() != 4 {
		t.Errorf("got %+v, %v, log from %d", got, err, s.OldestLog())
	}
	if err := s.TrimLog(1 << 60); err != nil || s.OldestLog() != 5 {
		t.Errorf("%v, log from %d", err, s.OldestLog())
	}
	if got, err = s.Log(4, 10); err != nil || len(got) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestScanAndIDsGoThroughAllLivePapers(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	const n = 2500
	var muts []Mutation
	for i := range n {
		muts = append(muts, put(sample(fmt.Sprintf("id-%04d", (i*7919)%n), 1)))
	}
	write(t, s, muts...)
	write(t, s, del("id-0000"), put(sample("id-0001", 2)))
	var ordinals []uint64
	seen := make(map[string]bool)
	for after := uint64(0); ; {
		last, err := s.Scan(after, 700, func(ordinal uint64, p *paper.Paper) error {
			ordinals, seen[p.ID] = append(ordinals, ordinal), true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if last == after {
			break
		}
		after = last
	}
	if len(ordinals) != n-1 || len(seen) != n-1 || !slices.IsSorted(ordinals) || seen["id-0000"] {
		t.Errorf("scanned %d records, %d ids", len(ordinals), len(seen))
	}
	var ids []string
	for after := ""; ; after = ids[len(ids)-1] {
		rows, err := s.IDs(after, 999)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 0 {
			break
		}
		for _, r := range rows {
			ids = append(ids, r.ID)
		}
	}
	if len(ids) != n-1 || !slices.IsSorted(ids) {
		t.Errorf("listed %d ids", len(ids))
	}
	got := make([]uint64, 3)
	if err := s.Ordinals([]string{"id-0001", "nobody", ""}, got); err != nil || got[0] != n+1 || got[1] != 0 ||
		got[2] != 0 {
		t.Errorf("ordinals %v, %v", got, err)
	}
}

func TestUnstorableMutationsAreRefused(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	bad := sample("x", 1)
	bad.Authors = []string{"\xff"}
	for _, m := range []Mutation{del(""), del(string(make([]byte, 257))), {ID: "y", Paper: sample("x", 1)}, put(bad)} {
		if _, err := s.Submit(context.Background(), []Mutation{m}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: got %v", m, err)
		}
	}
	if e := write(t, s); len(e) != 0 {
		t.Errorf("an empty batch gave %+v", e)
	}
}

func TestAClosedStoreSaysSo(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	write(t, s, put(sample("a", 1)))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, err := tryWrite(s, del("a")); !errors.Is(err, ErrClosed) {
		t.Errorf("write: %v", err)
	}
	if _, _, err := ordinalOf(s, "a"); !errors.Is(err, ErrClosed) {
		t.Errorf("read: %v", err)
	}
}

// Briefs of a run of ordinals are those of each, with gaps where papers are no more.
func TestBriefsOfARunAreThoseOfEach(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for i := range 20 {
		write(t, s, put(sample(fmt.Sprintf("id-%02d", i), 1)))
	}
	write(t, s, del("id-03"), put(sample("id-05", 2)))
	if err := s.Collect(context.Background(), s.Revision()); err != nil {
		t.Fatal(err)
	}
	ordinals := make([]uint64, 23)
	for i := range ordinals {
		ordinals[i] = uint64(i)
	}
	want, err := s.Briefs(ordinals, nil)
	if err != nil || want[1].ID != "id-00" || want[4].ID != "" || want[6].ID != "" || want[21].ID != "id-05" {
		t.Fatalf("%v, %v", want, err)
	}
	for first := range want {
		for n := 1; first+n <= len(want); n++ {
			got, later, err := s.BriefsFrom(uint64(first), n, []Brief{{ID: "before"}})
			if err != nil || !slices.Equal(got[1:], want[first:first+n]) || later != (first+n <= 21) {
				t.Fatalf("%d from %d: %v, %v, %v", n, first, got, later, err)
			}
		}
	}
}
