package main

import (
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/akin-search/akin/client"
)

// TestNoAlertOfAClusterIsLostWithTheNodeThatSends kills the node that matches and sends, over and over, while papers
// come in on the others: each match is delivered, under one id whichever node sends it, and a watcher on any node sees
// all of them.
func TestNoAlertOfAClusterIsLostWithTheNodeThatSends(t *testing.T) {
	kills := envCount(t, "AKIN_CLUSTER_KILLS", 3)
	const subscriptions, each = 12, 40 // papers between two kills
	ledger := &hookLedger{ids: map[string]map[string]bool{}}
	hook := httptest.NewServer(ledger)
	defer hook.Close()
	c := newTrio(t, "--webhook-allow", "127.0.0.0/8,::1")
	ctx, cancel := context.WithTimeout(t.Context(), patience+time.Duration(kills)*time.Minute)
	defer cancel()
	clients := c.dialAll(t)
	for i := range subscriptions {
		id := fmt.Sprint("s", i)
		_, err := clients[trioNodes[i%3]].Subscribe(ctx, &client.Subscription{
			SubscriptionId: id, Filter: fmt.Sprintf(`categories:"c%d"`, i),
			Sinks: []*client.Sink{client.WebhookTo(hook.URL, "")},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// What one node has made is changed and deleted on another.
	short := &client.Subscription{SubscriptionId: "short", Filter: `id = "none"`}
	if _, err := clients["n1"].Subscribe(ctx, short); err != nil {
		t.Fatal(err)
	}
	soon(t, "the subscription is on all nodes", func() bool {
		for _, cl := range clients {
			if _, err := cl.Subscription(ctx, "short"); err != nil {
				return false
			}
		}
		return true
	})
	if err := clients["n2"].Unsubscribe(ctx, "short"); err != nil {
		t.Fatal(err)
	}

	// Each subscription is watched on one node, across its death.
	total := kills * 2 * each
	shown := make([]map[string]string, subscriptions) // paper to id
	var watchers sync.WaitGroup
	for i := range subscriptions {
		shown[i] = map[string]string{}
		watchers.Go(func() {
			expected := (total - i + subscriptions - 1) / subscriptions
			for m, err := range clients[trioNodes[(i+1)%3]].Matches(ctx, fmt.Sprint("s", i), "") {
				if err != nil {
					t.Errorf("watching s%d: %v, after %d of %d", i, err, len(shown[i]), expected)
					return
				}
				paper := m.GetPaper().GetId()
				if before, again := shown[i][paper]; again && before != m.GetMatchId() {
					t.Errorf("s%d %s is shown under %s, and then %s", i, paper, before, m.GetMatchId())
				}
				if shown[i][paper] = m.GetMatchId(); len(shown[i]) == expected {
					return
				}
			}
		})
	}

	var want []string // subscription and paper
	write := func(cl *client.Client) {
		n := len(want)
		paper := crashPaper(fmt.Sprint("p", n), fmt.Sprint("content", n))
		paper.Categories = []string{fmt.Sprint("c", n%subscriptions)}
		for {
			_, err := cl.Upsert(ctx, paper)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				t.Fatal(err)
			}
		}
		want = append(want, fmt.Sprintf("s%d p%d", n%subscriptions, n))
	}
	for range kills {
		leader, other := c.leader(t, ctx, clients)
		for range each {
			write(clients[other])
		}
		c.kill(leader)
		for range each { // an election comes first
			write(clients[other])
		}
		c.start(t, leader)
	}
	soon(t, "every match is delivered", func() bool { return ledger.count() >= len(want) })
	ledger.mu.Lock()
	ids := map[string]string{}
	for match, under := range ledger.ids {
		if len(under) != 1 {
			t.Errorf("%s came under the ids %v", match, under)
		}
		for id := range under {
			ids[match] = id
		}
	}
	t.Logf("%d kills, %d matches in %d posts, %d of them again", kills, len(ledger.ids), ledger.posts, ledger.repeat)
	ledger.mu.Unlock()
	if got := slices.Sorted(maps.Keys(ids)); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("%d matches came, of %d", len(got), len(want))
	}

	watchers.Wait()
	seen := map[string]string{}
	for i := range shown {
		for paper, id := range shown[i] {
			seen[fmt.Sprintf("s%d %s", i, paper)] = id
		}
	}
	if !maps.Equal(seen, ids) {
		t.Errorf("%d matches are shown, %d came", len(seen), len(ids))
	}
	for node, cl := range clients {
		if _, err := cl.Subscription(ctx, "short"); !isNotFound(err) {
			t.Errorf("%s: a subscription that was deleted: %v", node, err)
		}
	}
}
