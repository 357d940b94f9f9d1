package store

import (
	"context"
	"slices"
	"testing"
)

// TestWhoComesWhileATransactionIsFilledJoinsIt submits batches, and work of the committer's own, in the midst of one.
func TestWhoComesWhileATransactionIsFilledJoinsIt(t *testing.T) {
	var s *Store
	var joined []*Pending
	submit := func(id string) {
		p, err := s.Submit(context.Background(), []Mutation{put(sample(id, 1))})
		if err != nil {
			t.Error(err)
			return
		}
		joined = append(joined, p)
	}
	var told, commits []int // told is the committer's, who copies it
	s = open(t, t.TempDir(), Options{
		GroupBytes: 64 << 10,
		Committed:  func(c Commit) { told = append(told, c.Batches) },
	})
	within := func(midst func()) { // of a transaction; then all that came is done, and commits are known
		t.Helper()
		joined = nil
		err := s.run(context.Background(), func(*writer) error {
			told = nil
			midst()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range joined {
			if _, err := p.Wait(context.Background()); err != nil {
				t.Error(err)
			}
		}
		err = s.runAlone(context.Background(), func() error {
			commits = slices.Clone(told)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	within(func() { submit("one"); submit("two") })
	if len(commits) == 0 || commits[0] != 3 {
		t.Errorf("two batches joined one: groups of %v", commits)
	}
	within(func() {
		for range 100 { // more bytes than a group has
			submit("many")
		}
	})
	if len(commits) < 2 || commits[0] < 10 || commits[0] > 100 {
		t.Errorf("a group of many bytes: groups of %v", commits)
	}
	order := ""
	within(func() {
		submit("before")
		for _, p := range []*Pending{
			{alone: func() error { order += "alone "; return nil }},
			{chore: func(*writer) error { order += "behind"; return nil }},
		} {
			p.weight, p.done = mutationOverhead, make(chan struct{})
			if err := s.enqueue(context.Background(), p); err != nil {
				t.Error(err)
			}
			joined = append(joined, p)
		}
	})
	if !slices.Equal(commits, []int{2, 1, 1}) || order != "alone behind" {
		t.Errorf("work outside of transactions: groups of %v, %q", commits, order)
	}
}
