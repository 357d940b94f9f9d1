package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
)

// open opens a store whose test ends in an invariant check.
func open(t testing.TB, dir string, opt Options) *Store {
	t.Helper()
	s, err := Open(dir, opt)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		shut(t, s)
	})
	return s
}

// shut checks and closes, and does nothing for a closed store.
func shut(t testing.TB, s *Store) {
	t.Helper()
	s.gate.RLock()
	closed := s.closed
	s.gate.RUnlock()
	if closed {
		return
	}
	if err := s.Check(context.Background()); err != nil {
		t.Errorf("Check: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// write submits and waits.
func write(t testing.TB, s *Store, muts ...Mutation) []Entry {
	t.Helper()
	entries, err := tryWrite(s, muts...)
	if err != nil {
		t.Fatalf("write: %v", err)
	}
	return entries
}

func tryWrite(s *Store, muts ...Mutation) ([]Entry, error) {
	p, err := s.Submit(context.Background(), muts)
	if err != nil {
		return nil, err
	}
	return p.Wait(context.Background())
}

// sample is a paper of about the size that real ones have.
func sample(id string, version int) *paper.Paper {
	return &paper.Paper{
		ID:          id,
		Title:       fmt.Sprintf("On the similarity of %s, version %d", id, version),
		Abstract:    fmt.Sprintf("Version %d of %s. %0*d", version, id, 200+(version*37)%900, version),
		Authors:     []string{"A. Author", "B. Author"},
		Categories:  []string{"cs.LG"},
		PublishTime: time.Date(2020, 1, 1+version%28, 0, 0, 0, 0, time.UTC),
		URL:         "https://example.org/" + id,
		Attributes:  map[string]paper.Value{"version": {Kind: paper.NumberValue, Number: float64(version)}},
	}
}

func put(p *paper.Paper) Mutation { return Mutation{ID: p.ID, Paper: p} }
func del(id string) Mutation      { return Mutation{ID: id} }

// ordinalOf is the ordinal of a stored id.
func ordinalOf(s *Store, id string) (ordinal uint64, ok bool, err error) {
	var dst [1]uint64
	err = s.Ordinals([]string{id}, dst[:])
	return dst[0], dst[0] != 0 && err == nil, err
}

// get reads one paper by id, nil where there is none.
func get(t testing.TB, s *Store, id string) *paper.Paper {
	t.Helper()
	ordinal, ok, err := ordinalOf(s, id)
	if err != nil {
		t.Fatalf("Ordinal: %v", err)
	}
	if !ok {
		return nil
	}
	papers, err := s.Papers([]uint64{ordinal}, true, nil)
	if err != nil {
		t.Fatalf("Papers: %v", err)
	}
	if papers[0] == nil {
		t.Fatalf("the live ordinal %d of %s has no paper", ordinal, id)
	}
	return papers[0]
}
