package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	dir   string              // holds a folder for each node
	addrs map[string]string   // by node, where clients reach it: the same after a restart
	args  map[string][]string // by node
	under map[string][]string // by node, a command that runs the server, such as ip netns exec; none: it runs itself
	env   map[string]string   // by node, a variable of its process besides those of this one; empty: none
	live  map[string]*life    // of the nodes that are up
	keep  string              // folder for what nodes log, for whoever looks for a fault; empty: none
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
		env: map[string]string{}, live: map[string]*life{},
		keep: os.Getenv("AKIN_CLUSTER_LOGS"),
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
func (c *trio) command(t *testing.T, node string) *exec.Cmd {
	line := append(slices.Clone(c.under[node]), os.Args[0])
	line = append(line, c.args[node]...)
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
	cmd.Env = append(os.Environ(), asServer+"=1")
	if c.env[node] != "" {
		cmd.Env = append(cmd.Env, c.env[node])
	}
	return cmd
}

// begin starts a node.
func (c *trio) begin(t *testing.T, node string) *life {
	t.Helper()
	l := &life{Cmd: c.command(t, node), served: make(chan struct{}), ended: make(chan struct{})}
	stderr, err := l.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	if c.keep == "" {
		go l.listen(stderr)
	} else {
		file, err := os.OpenFile(filepath.Join(c.keep, node+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		go l.listen(io.TeeReader(stderr, file))
	}
	t.Cleanup(func() {
		_ = l.Process.Kill() // no matter if it has ended
		<-l.ended
		_ = l.Wait()
	})
	c.live[node] = l
	return l
}

// start starts nodes side by side and waits until they serve.
func (c *trio) start(t *testing.T, nodes ...string) {
	t.Helper()
	for _, node := range nodes {
		c.begin(t, node)
	}
	for _, node := range nodes {
		if err := c.live[node].serves(); err != nil {
			t.Fatalf("%s: %v", node, err)
		}
	}
}

// kill ends a node at once.
func (c *trio) kill(node string) {
	l := c.live[node]
	delete(c.live, node)
	_ = l.Process.Kill()
	<-l.ended
	_ = l.Wait() // it was killed
}

// stop ends nodes in good order.
func (c *trio) stop(t *testing.T, nodes ...string) {
	t.Helper()
	for _, node := range nodes {
		if err := c.live[node].Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
	}
	for _, node := range nodes {
		l := c.live[node]
		delete(c.live, node)
		<-l.ended
		if err := l.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", node, err, &l.text)
		}
	}
}

// dial reaches one node.
func (c *trio) dial(t *testing.T, node string) *client.Client {
	t.Helper()
	cl, err := client.Dial(c.addrs[node], client.WithPlaintext())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cl.Close() })
	return cl
}

// dialAll reaches every node.
func (c *trio) dialAll(t *testing.T) map[string]*client.Client {
	t.Helper()
	clients := map[string]*client.Client{}
	for _, node := range trioNodes {
		clients[node] = c.dial(t, node)
	}
	return clients
}

// others are the nodes but one.
func others(node string) []string {
	return slices.DeleteFunc(slices.Clone(trioNodes), func(n string) bool { return n == node })
}

// reasonOf is why a server has refused.
func reasonOf(err error) string {
	var refusal *client.Error
	if !errors.As(err, &refusal) {
		return ""
	}
	return refusal.Reason
}

// patiently repeats a call while it cannot be answered: there is no leader yet, a node has not come so far, or the log
// is full until it is trimmed.
func patiently(t *testing.T, ctx context.Context, call func() error) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := call()
		if err == nil {
			return
		}
		if !isUnavailable(err) && !errors.Is(err, client.ErrOverloaded) || ctx.Err() != nil || time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// life is one process of a node, and what it logs.
type life struct {
	*exec.Cmd
	served chan struct{} // closed when it serves
	ended  chan struct{} // closed when it logs nothing any more

	mu   sync.Mutex
	text strings.Builder
}

// listen keeps what a node logs until it ends.
func (l *life) listen(stderr io.Reader) {
	defer close(l.ended)
	serves := false
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		l.mu.Lock()
		l.text.WriteString(lines.Text() + "\n")
		l.mu.Unlock()
		if !serves && addressOf.MatchString(lines.Text()) {
			serves = true
			close(l.served)
		}
	}
}

// serves waits until a node serves.
func (l *life) serves() error {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-l.served:
		return nil
	case <-l.ended:
		return fmt.Errorf("it has ended:\n%s", &l.text)
	case <-limit.C:
		return fmt.Errorf("it does not serve after %v", patience)
	}
}

// has reports whether something was logged so far.
func (l *life) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}
