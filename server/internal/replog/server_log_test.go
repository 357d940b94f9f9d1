package replog

import (
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

func TestRoutesAreToldOfNowAndThen(t *testing.T) {
	l := &serverLog{peers: map[string]string{"n2": "127.0.0.1:7712", "n3": "127.0.0.1:7713"}}
	start := time.Unix(1000, 0)
	const routing = "Waiting for routing to be established..." // it is said every two seconds
	if !l.passes(routing, routing, start) || l.passes(routing, routing, start.Add(2*time.Second)) {
		t.Error("the wait for routes is told of at once and not again")
	}
	const failed = "Error trying to connect to route (attempt %v): %v"
	for i, c := range []struct {
		text  string
		after time.Duration
		told  bool
	}{
		{"Error trying to connect to route (attempt 1): dial tcp 127.0.0.1:7712: refused", 0, true},
		{"Error trying to connect to route (attempt 2): dial tcp 127.0.0.1:7712: refused", time.Second, false},
		{"Error trying to connect to route (attempt 1): dial tcp 127.0.0.1:7713: refused", time.Second, true},
		{"JetStream failed to store a message", 2 * time.Second, true},
		{"JetStream failed to store a message", 2 * time.Second, true},
		{"Error trying to connect to route (attempt 30): dial tcp 127.0.0.1:7712: refused", 29 * time.Second, false},
		{"Error trying to connect to route (attempt 31): dial tcp 127.0.0.1:7712: refused", 30 * time.Second, true},
	} {
		if told := l.passes(failed, c.text, start.Add(c.after)); told != c.told {
			t.Errorf("%d: %s: %v", i, c.text, told)
		}
	}
}

func TestANodeSaysForWhomItWaits(t *testing.T) {
	c := &Config{Node: "n1", Peers: map[string]string{"n1": "", "n2": "", "n3": "", "n4": "", "n5": ""}}
	for _, w := range []struct {
		heard []string
		says  string
	}{
		{nil, "waiting for a majority of nodes: n2, n3, n4, n5 are not heard"},
		{[]string{"n4", "n4"}, "waiting for a majority of nodes: n2, n3, n5 are not heard"},
		{[]string{"n4", "n2"}, "waiting for the log: a majority of the nodes is there, and chooses who leads"},
	} {
		if says := waitingFor(c, w.heard); says != w.says {
			t.Errorf("%v: %s", w.heard, says)
		}
	}
}

func TestATakenPortEndsANodeAtOnce(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().String()
	_, _, err = startServer(t.Context(), &Config{Cluster: "c", Node: "n1", Dir: t.TempDir(),
		Peers:  map[string]string{"n1": addr, "n2": "127.0.0.1:1", "n3": "127.0.0.1:2"},
		Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), "n1") {
		t.Error(err)
	}
}
