package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/server/internal/loopback"
	"github.com/akin-search/akin/server/internal/replog"
)

// Clusters of three real processes. They elect a leader for some seconds at their start and after each kill, so one
// short test runs with all others, and the rest is asked for; docs/cluster.md has the commands:
//
//	AKIN_CLUSTER=1 go test -run Cluster -timeout 1h ./server

// patience ends a test that hangs; nothing that goes well comes near it on a slow machine.
const patience = 10 * time.Minute

// soon waits for what other processes bring about, where no event tells of it.
func soon(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come about within %v", what, patience)
		}
	}
}

// trio is a cluster of three processes.
type trio struct {
	dir   string
	addrs map[string]string   // by node, where clients reach it: the same after a restart
	args  map[string][]string // by node
	under map[string][]string // by node, a command that runs the server, such as ip netns exec; none: it runs itself
	live  map[string]*process
	logs  map[string]*journal // of a node's present or last life
}

var trioNodes = []string{"n1", "n2", "n3"}

// newTrio starts a cluster for a test that is asked for.
func newTrio(t *testing.T, more ...string) *trio {
	t.Helper()
	c := askedTrio(t, more...)
	c.start(t, trioNodes...)
	return c
}

// askedTrio is newTrio whose nodes are not started yet.
func askedTrio(t *testing.T, more ...string) *trio {
	t.Helper()
	if os.Getenv("AKIN_CLUSTER") == "" {
		t.Skip("three servers and their elections take a minute: AKIN_CLUSTER=1 runs them")
	}
	addrs, _, err := loopback.Addrs(2 * len(trioNodes))
	if err != nil {
		t.Fatal(err)
	}
	return trioAt(t, addrs, more...)
}

// trioAt prepares three nodes, whose logs talk at the first three addresses and which serve at the others.
func trioAt(t *testing.T, addrs []string, more ...string) *trio {
	t.Helper()
	c := &trio{
		dir: t.TempDir(), addrs: map[string]string{}, args: map[string][]string{}, under: map[string][]string{},
		live: map[string]*process{}, logs: map[string]*journal{},
	}
	peers := map[string]string{}
	var list []string
	for i, node := range trioNodes {
		peers[node], c.addrs[node] = addrs[i], addrs[len(trioNodes)+i]
		list = append(list, node+"="+addrs[i])
	}
	keys := filepath.Join(c.dir, "keys")
	if err := replog.MakeKeys(keys, "trio", peers); err != nil {
		t.Fatal(err)
	}
	for _, node := range trioNodes {
		c.args[node] = append([]string{"--addr", c.addrs[node], "--data", c.folder(node), "--cluster", "trio",
			"--node", node, "--peers", strings.Join(list, ","), "--cluster-keys", keys}, more...)
	}
	return c
}

func (c *trio) folder(node string) string { return filepath.Join(c.dir, node) }

// command is a node's next life, which the end of the test ends.
func (c *trio) command(t *testing.T, node string) *process {
	line := append(append([]string{}, c.under[node]...), os.Args[0])
	line = append(line, c.args[node]...)
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
	cmd.Env = append(os.Environ(), asServer+"=1")
	return &process{Cmd: cmd}
}

// start starts nodes side by side and waits until they serve.
func (c *trio) start(t *testing.T, nodes ...string) {
	t.Helper()
	started := make([]*process, len(nodes))
	faults := make([]error, len(nodes))
	var wait sync.WaitGroup
	for i, node := range nodes {
		started[i] = c.command(t, node)
		wait.Go(func() { faults[i] = started[i].serves(t) })
	}
	wait.Wait()
	for i, node := range nodes {
		if faults[i] != nil {
			t.Fatalf("%s: %v", node, faults[i])
		}
		c.live[node], c.logs[node] = started[i], newJournal(started[i])
	}
}

// kill ends a node at once.
func (c *trio) kill(node string) {
	p := c.live[node]
	delete(c.live, node)
	_ = p.Process.Kill()
	c.logs[node].whole()
	_ = p.Wait() // it was killed
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
			text := c.logs[node].whole()
			if err := p.Wait(); err != nil {
				t.Errorf("%s: %v\n%s", node, err, text)
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

// patiently repeats a call while it cannot be answered: there is no leader yet, a node has not come so far, or the log
// is full until it is trimmed.
func patiently(t *testing.T, ctx context.Context, call func() error) {
	t.Helper()
	soon(t, "an answer", func() bool {
		err := call()
		if err != nil && !isUnavailable(err) && !errors.Is(err, client.ErrOverloaded) || ctx.Err() != nil {
			t.Fatal(err)
		}
		return err == nil
	})
}

// journal keeps what a process logs.
type journal struct {
	mu    sync.Mutex
	text  strings.Builder
	ended chan struct{}
}

func newJournal(p *process) *journal {
	j := &journal{ended: make(chan struct{})}
	j.text.WriteString(p.before)
	go func() {
		defer close(j.ended)
		for line := range p.rest {
			j.mu.Lock()
			j.text.WriteString("\n" + line)
			j.mu.Unlock()
		}
	}()
	return j
}

// has reports whether something was logged so far.
func (j *journal) has(text string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Contains(j.text.String(), text)
}

// whole is everything that was logged, once the process has ended.
func (j *journal) whole() string {
	<-j.ended
	return j.text.String()
}
