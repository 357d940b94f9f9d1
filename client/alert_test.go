package client_test

import (
	"context"
	"errors"
	"testing"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/akintest"
)

// TestWatchingGoesOnOverARestart kills the server between two matches: the loop sees both, once each.
func TestWatchingGoesOnOverARestart(t *testing.T) {
	ctx := testContext(t)
	s := akintest.Start(t)
	c := dial(t, s)
	if _, err := c.Subscribe(ctx, &client.Subscription{SubscriptionId: "all", Filter: `categories:"a"`}); err != nil {
		t.Fatal(err)
	}
	write := func(id string) {
		t.Helper()
		if _, err := c.Upsert(ctx, &client.Paper{Id: id, Title: "Title", Categories: []string{"a"}}); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	var seen []string
	for m, err := range c.Matches(ctx, "all", "") {
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, m.GetPaper().GetId())
		if len(seen) == 2 {
			break
		}
		s.Kill()
		s.Listen()
		write("two")
	}
	if len(seen) != 2 || seen[0] != "one" || seen[1] != "two" {
		t.Errorf("seen %v", seen)
	}
}

func TestWatchingEndsWithItsContext(t *testing.T) {
	c := dial(t, akintest.Start(t))
	if _, err := c.Subscribe(testContext(t), &client.Subscription{SubscriptionId: "all",
		Filter: `categories:"a"`}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(testContext(t))
	cancel()
	for _, err := range c.Matches(ctx, "all", "") {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("it ends with %v", err)
		}
	}
}
