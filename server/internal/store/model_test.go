package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/paper/papertest"
)

// model is the store as a plain map, with the version of content last written under each id.
type model struct {
	papers   map[string]*paper.Paper
	revision uint64
	ordinal  uint64 // last one given
}

// apply says what a batch must come to, or nil when it must fail.
func (m *model) apply(muts []Mutation) []Entry {
	papers, revision, ordinal := maps.Clone(m.papers), m.revision, m.ordinal
	ordinals := make(map[string]uint64)
	var out []Entry
	for _, mut := range muts {
		old := papers[mut.ID]
		e := Entry{ID: mut.ID, Created: old == nil && mut.Paper != nil}
		switch {
		case mut.Paper == nil && old == nil:
			return nil
		case mut.Paper == nil:
			revision++
			delete(papers, mut.ID)
			e.Revision = revision
		case old != nil && papertest.SameContent(old, mut.Paper):
			e.Revision, e.Unchanged, e.Paper = old.Revision, true, old
		default:
			revision++
			ordinal++
			p := *mut.Paper
			p.Revision = revision
			papers[mut.ID], ordinals[mut.ID] = &p, ordinal
			e.Revision, e.New, e.Paper = revision, ordinal, &p
		}
		out = append(out, e)
	}
	m.papers, m.revision, m.ordinal = papers, revision, ordinal
	return out
}

// rounds is how often a randomised test runs: AKIN_SOAK times as often where that is set.
func rounds(n int) int {
	if f, err := strconv.Atoi(os.Getenv("AKIN_SOAK")); err == nil && f > 0 {
		return n * f
	}
	if testing.Short() {
		return max(n/5, 1)
	}
	return n
}

func TestRandomOperationsAgreeWithAMap(t *testing.T) {
	for seed := range uint64(rounds(2)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomOperations(t, seed) })
	}
}

func randomOperations(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 6))
	dir := t.TempDir()
	opt := Options{GroupBytes: []int64{1, 4 << 10, 8 << 20}[rnd.IntN(3)], VerifyBytes: []int64{0, -1}[rnd.IntN(2)]}
	if rnd.IntN(3) == 0 {
		opt.MapBytes = 1 << 20 // the file outgrows it at once
	}
	s := open(t, dir, opt)
	m := &model{papers: make(map[string]*paper.Paper)}
	ctx := context.Background()
	for range 100 {
		switch op := rnd.IntN(100); {
		case op < 70:
			var pending []*Pending
			var want [][]Entry
			for range 1 + rnd.IntN(5) {
				muts := randomBatch(rnd)
				p, err := s.Submit(ctx, muts)
				if err != nil {
					t.Fatal(err)
				}
				pending, want = append(pending, p), append(want, m.apply(muts))
			}
			for i, p := range pending {
				got, err := p.Wait(ctx)
				compareEntries(t, got, err, want[i])
			}
		case op < 80:
			if err := s.Collect(ctx, rnd.Uint64N(m.revision+2)); err != nil {
				t.Fatal(err)
			}
		case op < 85:
			if err := s.TrimLog(rnd.Uint64N(m.revision + 2)); err != nil {
				t.Fatal(err)
			}
		case op < 90:
			if err := s.Compact(ctx); err != nil {
				t.Fatal(err)
			}
		case op < 95:
			compareStore(t, s, m)
		default:
			shut(t, s)
			s = open(t, dir, opt)
		}
	}
	compareStore(t, s, m)
	shut(t, s)
	compareStore(t, open(t, dir, opt), m)
}

func randomBatch(rnd *rand.Rand) []Mutation {
	var muts []Mutation
	for range rnd.IntN(40) {
		id := fmt.Sprintf("id-%d", rnd.IntN(200))
		if rnd.IntN(12) == 0 {
			muts = append(muts, del(id))
			continue
		}
		p := sample(id, rnd.IntN(4))
		switch rnd.IntN(20) {
		case 0:
			p.Abstract = ""
		case 1:
			p.Abstract = string(make([]byte, 20_000)) // overflows its page
		}
		muts = append(muts, put(p))
	}
	return muts
}

func compareEntries(t *testing.T, got []Entry, err error, want []Entry) {
	t.Helper()
	if want == nil && err == nil && len(got) == 0 {
		return // an empty batch
	}
	if want == nil {
		if !errors.Is(err, ErrNotFound) {
			t.Fatalf("got %v, want ErrNotFound", err)
		}
		return
	}
	if err != nil || len(got) != len(want) {
		t.Fatalf("got %d entries, %v, want %d", len(got), err, len(want))
	}
	for i, g := range got {
		w := want[i]
		if g.ID != w.ID || g.Revision != w.Revision || g.Created != w.Created || g.Unchanged != w.Unchanged ||
			(!g.Unchanged && g.New != w.New) || (g.Paper == nil) != (w.Paper == nil) ||
			(g.Paper != nil && (!papertest.SameContent(g.Paper, w.Paper) || g.Paper.Revision != w.Revision)) {
			t.Fatalf("entry %d: got %+v, want %+v", i, g, w)
		}
	}
}

// compareStore holds every read against the model.
func compareStore(t *testing.T, s *Store, m *model) {
	t.Helper()
	if s.Revision() != m.revision || s.Count() != len(m.papers) || s.durable().nextOrdinal != m.ordinal+1 {
		t.Fatalf("revision %d, count %d, next ordinal %d; want %d, %d, %d", s.Revision(), s.Count(), s.durable().nextOrdinal,
			m.revision, len(m.papers), m.ordinal+1)
	}
	rows, err := s.IDs("", maxRead)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	if want := slices.Sorted(maps.Keys(m.papers)); !slices.Equal(ids, want) {
		t.Fatalf("ids %v, want %v", ids, want)
	}
	for _, r := range rows {
		got := get(t, s, r.ID)
		if want := m.papers[r.ID]; !papertest.SameContent(got, want) || got.Revision != want.Revision {
			t.Fatalf("%s: got %+v, want %+v", r.ID, got, want)
		}
	}
	scanned := make(map[string]*paper.Paper)
	for after := uint64(0); ; {
		last, err := s.Scan(after, 50, func(_ uint64, p *paper.Paper) error { scanned[p.ID] = p; return nil })
		if err != nil {
			t.Fatal(err)
		}
		if last == after {
			break
		}
		after = last
	}
	for id, p := range scanned {
		if !reflect.DeepEqual(p, get(t, s, id)) {
			t.Fatalf("%s: scanned %+v", id, p)
		}
	}
	if len(scanned) != len(m.papers) {
		t.Fatalf("scanned %d of %d papers", len(scanned), len(m.papers))
	}
	if err := s.Check(context.Background()); err != nil {
		t.Fatal(err)
	}
}
