package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/server/internal/loopback"
)

func TestALogOfOthersNeedsToBeKnownToSync(t *testing.T) {
	file := filepath.Join(t.TempDir(), "none")
	for told, s := range map[string]logSettings{
		"need --log":        {synced: true},
		"--log-monitor, at": {urls: []string{"nats://h:4222"}},
		"--log: give":       {urls: []string{"h:4222"}, synced: true},
		"give http://":      {urls: []string{"nats://h:4222"}, monitors: []string{"h:8222"}},
		"--log-credentials": {urls: []string{"nats://h:4222"}, synced: true, credentials: file},
		"--log-ca":          {urls: []string{"nats://h:4222"}, synced: true, authority: file},
	} {
		if e, err := s.external(); err == nil || !strings.Contains(err.Error(), told) {
			t.Errorf("%+v: %+v %v", s, e, err)
		}
	}
	s := logSettings{urls: []string{"nats://h:4222", "tls://i:4222"}, monitors: []string{"http://h:8222"}}
	if e, err := s.external(); err != nil || len(e.URLs) != 2 || len(e.Monitors) != 1 || e.Synced {
		t.Errorf("%+v %v", e, err)
	}
	if e, err := new(logSettings).external(); e != nil || err != nil {
		t.Errorf("%+v %v", e, err)
	}
}

// TestThreeNodesFollowALogOfOthers has servers of NATS beside three nodes, trains, and loses the node that leads.
func TestThreeNodesFollowALogOfOthers(t *testing.T) {
	if os.Getenv("AKIN_CLUSTER") == "" {
		t.Skip("three servers and three nodes take half a minute: AKIN_CLUSTER=1 runs them")
	}
	addrs, _, err := loopback.Addrs(9)
	if err != nil {
		t.Fatal(err)
	}
	var routes []*url.URL
	for _, addr := range addrs[6:] {
		routes = append(routes, &url.URL{Scheme: "nats-route", Host: addr})
	}
	var urls, monitors []string
	for i, addr := range addrs[6:] {
		host, text, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		port, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		s, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprint("s", i), Host: "127.0.0.1", Port: server.RANDOM_PORT, HTTPHost: "127.0.0.1",
			HTTPPort: server.RANDOM_PORT, NoSigs: true, NoLog: true, MaxPayload: 8 << 20, JetStream: true,
			StoreDir: t.TempDir(), SyncAlways: true, Routes: routes,
			Cluster: server.ClusterOpts{Name: "keepers", Host: host, Port: port},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		go s.Start()
		if !s.ReadyForConnections(patience) {
			t.Fatal("a server of the log does not start")
		}
		urls = append(urls, "nats://"+s.Addr().String())
		monitors = append(monitors, "http://"+s.MonitorAddr().String())
	}
	c := trioAt(t, addrs[:6], "--log", strings.Join(urls, ","), "--log-monitor", strings.Join(monitors, ","))
	c.start(t, trioNodes...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	clients := c.dialAll(t)
	for i := range 60 {
		paper := crashPaper(fmt.Sprint("p", i), fmt.Sprint("content", i))
		if _, err := clients[trioNodes[i%3]].Upsert(ctx, paper); err != nil {
			t.Fatal(err)
		}
	}
	leader, other := c.leader(t, ctx, clients)
	if leader != "n1" {
		t.Errorf("%s leads, not the first by name", leader)
	}
	if _, err := clients[other].Train(ctx, client.TrainConfig{}); err != nil {
		t.Fatal(err)
	}
	c.kill(leader)
	// No election comes first: the log is elsewhere.
	if _, err := clients[other].Upsert(ctx, crashPaper("last", "the end")); err != nil {
		t.Fatal(err)
	}
	if _, err := clients[other].Train(ctx, client.TrainConfig{}); err != nil { // once the next one leads
		t.Fatal(err)
	}
	c.start(t, leader)
	c.level(t, ctx, clients[other].Token())
	c.answersAlike(t, ctx, clients)
	if papers := c.alike(t); len(papers) != 61 {
		t.Errorf("%d papers", len(papers))
	}
}
