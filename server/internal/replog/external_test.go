package replog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/akin-search/akin/server/internal/loopback"
)

// keeper is a server of NATS as others would run it.
func keeper(t *testing.T, change func(o *server.Options)) *server.Server {
	t.Helper()
	o := &server.Options{
		ServerName: "s1", Host: "127.0.0.1", Port: server.RANDOM_PORT, HTTPHost: "127.0.0.1", HTTPPort: server.RANDOM_PORT,
		Username: "akin", Password: "secret", NoSigs: true, NoLog: true, MaxPayload: MaxMessage,
		JetStream: true, StoreDir: t.TempDir(), SyncAlways: true,
	}
	change(o)
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopServer(s) })
	go s.Start()
	if !s.ReadyForConnections(patience) {
		t.Fatal("a server does not start")
	}
	return s
}

func as(user string, servers ...*server.Server) (urls []string) {
	for _, s := range servers {
		urls = append(urls, "nats://"+user+"@"+s.Addr().String())
	}
	return urls
}

func monitors(servers ...*server.Server) (urls []string) {
	for _, s := range servers {
		urls = append(urls, "http://"+s.MonitorAddr().String())
	}
	return urls
}

func openExternal(ctx context.Context, t *testing.T, node string, e *External) (*Log, error) {
	t.Helper()
	return Open(ctx, Config{
		Cluster: "test", Node: node, Peers: map[string]string{"n1": "h:1", "n2": "h:2", "n3": "h:3"}, Dir: t.TempDir(),
		External: e, MaxBytes: 64 << 20, Logger: slog.New(slog.DiscardHandler),
	}, true)
}

// TestServersThatAreNotSetUpForALogAreRefused starts servers with one fault each.
func TestServersThatAreNotSetUpForALogAreRefused(t *testing.T) {
	for _, c := range []struct {
		what, told string
		change     func(o *server.Options)
		settings   func(e *External)
	}{
		{"nobody knows that it syncs", "every two minutes", nil, func(e *External) { e.Monitors = nil }},
		{"another user", "do not let this node in", nil, func(e *External) {
			e.URLs = []string{strings.Replace(e.URLs[0], "secret", "guess", 1)}
		}},
		{"small messages", "max_payload: 8388608", func(o *server.Options) { o.MaxPayload = 1 << 20 }, nil},
		{"no streams", "keeps no streams", func(o *server.Options) { o.JetStream = false }, nil},
		{"one server", "three servers", nil, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := keeper(t, func(o *server.Options) {
				if c.change != nil {
					c.change(o)
				}
			})
			e := &External{URLs: as("akin:secret", s), Monitors: monitors(s)}
			if c.settings != nil {
				c.settings(e)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			l, err := openExternal(ctx, t, "n1", e)
			if err == nil {
				l.Close()
			}
			if !errors.Is(err, ErrSetup) || !strings.Contains(err.Error(), c.told) {
				t.Errorf("%v", err)
			}
		})
	}
	if err := checkServer("s1", "2.10.29", MaxMessage); !errors.Is(err, ErrSetup) {
		t.Errorf("an old server: %v", err)
	}
	for _, version := range []string{"2.11.0", "3.0.0-dev"} {
		if err := checkServer("s1", version, MaxMessage); err != nil {
			t.Error(err)
		}
	}
}

func TestAMonitorShowsWhetherAServerSyncs(t *testing.T) {
	good := keeper(t, func(*server.Options) {})
	if name, err := syncs(t.Context(), monitors(good)[0]); name != "s1" || err != nil {
		t.Errorf("%s %v", name, err)
	}
	bad := keeper(t, func(o *server.Options) { o.SyncAlways = false })
	if _, err := syncs(t.Context(), monitors(bad)[0]); !errors.Is(err, ErrSetup) ||
		!strings.Contains(err.Error(), "sync_interval: always") {
		t.Errorf("a server that does not sync every message: %v", err)
	}
}

// TestNodesFollowALogThatOthersKeep has three nodes write and read on three servers of others, of which one is lost.
func TestNodesFollowALogThatOthersKeep(t *testing.T) {
	if os.Getenv("AKIN_CLUSTER") == "" {
		t.Skip("three servers of NATS and their elections take half a minute: AKIN_CLUSTER=1 runs them")
	}
	addrs, _, err := loopback.Addrs(3)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var servers []*server.Server
	for i, addr := range addrs {
		host, port, err := splitAddress(addr)
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, keeper(t, func(o *server.Options) {
			o.ServerName, o.StoreDir = fmt.Sprint("s", i+1), filepath.Join(dir, fmt.Sprint(i))
			o.Cluster = server.ClusterOpts{Name: "keepers", Host: host, Port: port}
			for j, other := range addrs {
				if j != i {
					o.Routes = append(o.Routes, &url.URL{Scheme: "nats-route", Host: other})
				}
			}
		}))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	urls, watched := as("akin:secret", servers...), monitors(servers...)
	settings := func() *External { return &External{URLs: urls, Monitors: watched} }
	logs := map[string]*Log{}
	var mu sync.Mutex
	var opening sync.WaitGroup
	for _, node := range nodes {
		opening.Go(func() {
			l, err := openExternal(ctx, t, node, settings())
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			logs[node] = l
			mu.Unlock()
		})
	}
	opening.Wait()
	if t.Failed() {
		t.FailNow()
	}
	defer func() {
		for _, l := range logs {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	}()
	for i := range 30 {
		if _, err := logs[nodes[i%3]].Append(ctx, fmt.Sprint(i), fmt.Append(nil, "body ", i)); err != nil {
			t.Fatal(err)
		}
	}
	stopServer(servers[0])
	for i := range 30 {
		if _, err := logs[nodes[i%3]].Append(ctx, fmt.Sprint("b", i), fmt.Append(nil, "body ", i)); err != nil {
			t.Fatal(err)
		}
	}
	var first Mark
	for _, node := range nodes {
		got := follow(t, logs[node], logs[node].Start(), 60)
		if first == (Mark{}) {
			first = got[59].Mark
		}
		if got[59].Mark != first {
			t.Errorf("%s comes to %v, not %v", node, got[59].Mark, first)
		}
	}
	for !logs["n1"].Leads() || logs["n2"].Leads() || logs["n3"].Leads() { // once they have heard one another
		if pause(ctx, announceEvery); ctx.Err() != nil {
			t.Fatal("not the first by name leads")
		}
	}
	one := settings()
	one.Monitors = watched[1:2]
	l, err := openExternal(ctx, t, "n1", one)
	if !errors.Is(err, ErrSetup) || !strings.Contains(err.Error(), "not among") {
		if err == nil {
			l.Close()
		}
		t.Errorf("a server whose monitoring address is not given: %v", err)
	}
	if err := logs["n1"].Close(); err != nil {
		t.Error(err)
	}
	delete(logs, "n1")
	again, err := openExternal(ctx, t, "n1", settings()) // while one server is down
	if err != nil {
		t.Fatal(err)
	}
	logs["n1"] = again
	follow(t, logs["n1"], logs["n1"].Start(), 60)
}
