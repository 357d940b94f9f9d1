package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/loopback"
)

// trioWatch knows which node leads the log, from the nodes' metrics.
type trioWatch struct {
	metrics map[string]string // address by node

	mu    sync.Mutex
	leads []lead // in the order in which they were seen
}

// lead is that a node was first seen to lead.
type lead struct {
	node string
	at   time.Time
}

// watched gives nodes that are not started yet addresses for their metrics, and looks at these until the test ends.
func (c *trio) watched(t *testing.T) *trioWatch {
	t.Helper()
	addrs, _, err := loopback.Addrs(len(trioNodes))
	if err != nil {
		t.Fatal(err)
	}
	metrics := map[string]string{}
	for i, node := range trioNodes {
		metrics[node] = addrs[i]
	}
	return c.watchedAt(t, metrics)
}

// watchedAt is watched with the addresses of the metrics by node.
func (c *trio) watchedAt(t *testing.T, metrics map[string]string) *trioWatch {
	t.Helper()
	w := &trioWatch{metrics: metrics}
	for _, node := range trioNodes {
		c.args[node] = append(c.args[node], "--metrics-addr", metrics[node])
	}
	ctx, stop := context.WithCancel(t.Context())
	var looking sync.WaitGroup
	for _, node := range trioNodes {
		looking.Go(func() {
			for ctx.Err() == nil {
				leads := w.asks(ctx, node, "akin_cluster_leads") == "1"
				w.mu.Lock()
				if leads && (len(w.leads) == 0 || w.leads[len(w.leads)-1].node != node) {
					w.leads = append(w.leads, lead{node, time.Now()})
				}
				w.mu.Unlock()
				select {
				case <-time.After(50 * time.Millisecond):
				case <-ctx.Done():
				}
			}
		})
	}
	t.Cleanup(func() {
		stop()
		looking.Wait()
	})
	return w
}

// asks is a metric of a node as text, empty where it does not answer.
func (w *trioWatch) asks(ctx context.Context, node, metric string) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.metrics[node]+"/metrics", nil)
	if err != nil {
		return ""
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, metric+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// leader is the node that was last seen to lead.
func (w *trioWatch) leader() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.leads) == 0 {
		return ""
	}
	return w.leads[len(w.leads)-1].node
}

// since lists who came to lead after a time.
func (w *trioWatch) since(when time.Time) (leads []lead) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.leads {
		if l.at.After(when) {
			leads = append(leads, l)
		}
	}
	return leads
}
