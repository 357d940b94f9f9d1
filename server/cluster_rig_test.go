package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/replog"
	"github.com/akin-search/akin/server/internal/store"
)

// Clusters of three real processes. They elect a leader for some seconds at their start and after each kill, so the
// suite is left out of short runs, and long runs are asked for:
//
//	AKIN_CLUSTER=1 AKIN_CLUSTER_KILLS=200 go test -run Cluster -timeout 3h ./server

// patience ends a test that hangs; nothing that goes well comes near it on a slow machine.
const patience = 10 * time.Minute

// trio is a cluster of three processes.
type trio struct {
	dir   string
	args  map[string][]string // by node
	live  map[string]*process
	addrs map[string]string // by node, where clients reach it: the same after a restart
}

var trioNodes = []string{"n1", "n2", "n3"}

// freePorts finds ports that nobody uses now.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	addrs := make([]string, n)
	for i := range addrs {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		addrs[i] = l.Addr().String()
	}
	return addrs
}

func newTrio(t *testing.T, more ...string) *trio {
	t.Helper()
	if os.Getenv("AKIN_CLUSTER") == "" {
		t.Skip("three servers and their elections take a minute, and ports of the machine: AKIN_CLUSTER=1 runs them")
	}
	c := &trio{dir: t.TempDir(), args: map[string][]string{}, live: map[string]*process{}, addrs: map[string]string{}}
	ports := freePorts(t, 2*len(trioNodes))
	peers := map[string]string{}
	var list []string
	for i, node := range trioNodes {
		peers[node], c.addrs[node] = ports[i], ports[len(trioNodes)+i]
		list = append(list, node+"="+ports[i])
	}
	keys := filepath.Join(c.dir, "keys")
	if err := replog.MakeKeys(keys, "trio", peers); err != nil {
		t.Fatal(err)
	}
	for _, node := range trioNodes {
		c.args[node] = append([]string{"--addr", c.addrs[node], "--data", c.folder(node), "--cluster", "trio",
			"--node", node, "--peers", strings.Join(list, ","), "--cluster-keys", keys}, more...)
	}
	c.start(t, trioNodes...)
	return c
}

func (c *trio) folder(node string) string { return filepath.Join(c.dir, node) }

// start starts nodes side by side and waits until they serve.
func (c *trio) start(t *testing.T, nodes ...string) {
	t.Helper()
	started := make([]*process, len(nodes))
	faults := make([]error, len(nodes))
	var wait sync.WaitGroup
	for i, node := range nodes {
		started[i] = command(t, c.args[node]...)
		wait.Go(func() { faults[i] = started[i].serves(t) })
	}
	wait.Wait()
	for i, node := range nodes {
		if faults[i] != nil {
			t.Fatalf("%s: %v", node, faults[i])
		}
		c.live[node] = started[i]
		go drainLog(started[i])
	}
}

// kill ends a node at once.
func (c *trio) kill(node string) {
	_ = c.live[node].Process.Kill()
	_ = c.live[node].Wait() // it was killed
	delete(c.live, node)
}

// stop ends nodes in good order.
func (c *trio) stop(t *testing.T, nodes ...string) {
	t.Helper()
	var wait sync.WaitGroup
	for _, node := range nodes {
		p := c.live[node]
		delete(c.live, node)
		if err := p.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		wait.Go(func() {
			if err := p.Wait(); err != nil {
				t.Errorf("%s: %v", node, err)
			}
		})
	}
	wait.Wait()
}

// dial reaches one node.
func (c *trio) dial(t *testing.T, node string) *client.Client {
	t.Helper()
	cl, err := client.Dial(c.addrs[node])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cl.Close() })
	return cl
}

// holds is what a stopped node has on disk: each paper's content with its times and its revision, and how far the log
// is applied.
func (c *trio) holds(t *testing.T, node string) (papers map[string]string, mark string) {
	t.Helper()
	s, err := store.Open(c.folder(node), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("%s: %v", node, err)
	}
	papers = map[string]string{}
	for after := uint64(0); ; {
		last, err := s.Scan(after, 0, func(_ uint64, p *paper.Paper) error {
			papers[p.ID] = fmt.Sprint(p.Abstract, p.Revision, p.CreateTime, p.UpdateTime)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if last == after {
			break
		}
		after = last
	}
	record, err := s.Record(store.LogTable, []byte("applied"))
	if err != nil {
		t.Fatal(err)
	}
	return papers, fmt.Sprintf("%x", record)
}

// alike stops all nodes and compares what they hold, which it returns as the contents of papers.
func (c *trio) alike(t *testing.T) map[string]string {
	t.Helper()
	return c.alikeOf(t, trioNodes...)
}

func (c *trio) alikeOf(t *testing.T, nodes ...string) map[string]string {
	t.Helper()
	c.stop(t, slices.Sorted(maps.Keys(c.live))...)
	first, mark := c.holds(t, nodes[0])
	for _, node := range nodes[1:] {
		papers, at := c.holds(t, node)
		if !maps.Equal(papers, first) || at != mark {
			t.Errorf("%s holds %d papers at %s, %s %d at %s", node, len(papers), at, nodes[0], len(first), mark)
		}
	}
	return first
}

// level makes all nodes see what one has written.
func (c *trio) level(t *testing.T, ctx context.Context, token string) {
	t.Helper()
	for node := range c.live {
		cl := c.dial(t, node)
		if err := cl.Follow(token); err != nil {
			t.Fatal(err)
		}
		for {
			_, err := cl.Search(ctx, "anything")
			if err == nil {
				break
			}
			if !isUnavailable(err) || ctx.Err() != nil {
				t.Fatalf("%s: %v", node, err)
			}
		}
	}
}
