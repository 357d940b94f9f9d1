package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/server/internal/alert"
)

// hookLedger is a webhook that notes under which ids each match came.
type hookLedger struct {
	mu     sync.Mutex
	ids    map[string]map[string]bool // by subscription and paper
	posts  int
	repeat int // matches that came again
}

// ServeHTTP implements http.Handler.
func (l *hookLedger) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var body struct {
		Data struct {
			SubscriptionID string `json:"subscription_id"`
			Matches        []struct {
				ID    string `json:"match_id"`
				Paper struct {
					ID string `json:"id"`
				} `json:"paper"`
			} `json:"matches"`
		} `json:"data"`
	}
	text, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(text, &body) != nil {
		return // a server that was killed in the middle of it
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.posts++
	for _, m := range body.Data.Matches {
		key := body.Data.SubscriptionID + " " + m.Paper.ID
		if l.ids[key] == nil {
			l.ids[key] = map[string]bool{}
		} else {
			l.repeat++
		}
		l.ids[key][m.ID] = true
	}
}

func (l *hookLedger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ids)
}

// TestNoAlertIsLostInACrash kills a server at every step between match and send, on one folder, while papers come in:
// in the end every match has been delivered, and what came twice came under one id.
func TestNoAlertIsLostInACrash(t *testing.T) {
	subscriptions, papers := 1000, 1000
	if testing.Short() {
		subscriptions, papers = 40, 100
	}
	ledger := &hookLedger{ids: map[string]map[string]bool{}}
	hook := httptest.NewServer(ledger)
	defer hook.Close()
	folder := t.TempDir()
	args := []string{"--addr", "127.0.0.1:0", "--data", folder, "--webhook-allow", "127.0.0.0/8,::1"}
	ctx, cancel := context.WithTimeout(t.Context(), pointLimit)
	defer cancel()

	t.Setenv(failPoint, "none:1")
	points := []string{alert.PointMatched, alert.PointKept, alert.PointMarked, alert.PointSent}
	written := 0
	for round := 0; round <= len(points); round++ {
		if round > 0 {
			settleAlerts(ctx, t, args) // what is left would bring the next server to its point before it serves
			t.Setenv(failPoint, points[round-1]+":1")
		}
		p := start(t, args...)
		go drainLog(p)
		c := dial(t, p)
		if round == 0 {
			for i := range subscriptions {
				_, err := c.Subscribe(ctx, &client.Subscription{
					SubscriptionId: fmt.Sprint("s", i), Filter: fmt.Sprintf(`categories:"c%d"`, i),
					Sinks: []*client.Sink{client.WebhookTo(hook.URL, "")},
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			_ = p.Process.Kill()
			_ = p.Wait()
			continue
		}
		died := make(chan struct{})
		calls, stop := context.WithCancel(ctx) // a client waits for a server that is away, and this one does not come back
		go func() { _ = p.Wait(); stop(); close(died) }()
		// Each paper matches three subscriptions, and they are written until the server is dead.
		for end := papers * round / len(points); written < end; written++ {
			n := written % subscriptions
			paper := crashPaper(fmt.Sprint("p", written), fmt.Sprint("content", written))
			for k := range 3 {
				paper.Categories = append(paper.Categories, fmt.Sprintf("c%d", (n+k*7)%subscriptions))
			}
			if _, err := c.Upsert(calls, paper); err != nil {
				break // it is written again in the next round
			}
		}
		select {
		case <-died:
		case <-ctx.Done():
			_ = p.Process.Kill()
			t.Fatalf("no server was killed at %s", points[round-1])
		}
	}
	t.Setenv(failPoint, "none:1")
	p := start(t, args...)
	go drainLog(p)
	c := dial(t, p)
	for ; written < papers; written++ {
		n := written % subscriptions
		paper := crashPaper(fmt.Sprint("p", written), fmt.Sprint("content", written))
		for k := range 3 {
			paper.Categories = append(paper.Categories, fmt.Sprintf("c%d", (n+k*7)%subscriptions))
		}
		if _, err := c.Upsert(ctx, paper); err != nil {
			t.Fatal(err)
		}
	}
	for want := 3 * papers; ledger.count() < want; {
		select {
		case <-ctx.Done():
			t.Fatalf("%d of %d matches were delivered", ledger.count(), want)
		case <-time.After(10 * time.Millisecond):
		}
	}
	ledger.mu.Lock()
	defer ledger.mu.Unlock()
	for match, ids := range ledger.ids {
		if len(ids) != 1 {
			t.Errorf("%s came under the ids %v", match, ids)
		}
	}
	if len(ledger.ids) != 3*papers {
		t.Errorf("%d matches came, of %d", len(ledger.ids), 3*papers)
	}
	t.Logf("%d matches in %d posts, %d of them again", len(ledger.ids), ledger.posts, ledger.repeat)
}

// settleAlerts runs a server until everything written is matched and delivered, and kills it.
func settleAlerts(ctx context.Context, t *testing.T, args []string) {
	t.Helper()
	t.Setenv(failPoint, "none:1")
	p := start(t, args...)
	go drainLog(p)
	c := dial(t, p)
	for {
		stats, err := c.Stats(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if a := stats.GetAlerts(); a != nil && a.GetUnmatchedPapers() == 0 && a.GetPending() == 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	_ = p.Process.Kill()
	_ = p.Wait()
}
