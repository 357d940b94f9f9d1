package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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
//	AKIN_CLUSTER_KILLS=200 go test -run Cluster -timeout 3h ./server

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
	if testing.Short() {
		t.Skip("elections take seconds")
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

func TestAClusterHoldsWhatAnyNodeHasWritten(t *testing.T) {
	c := newTrio(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	rounds := envCount(t, "AKIN_CLUSTER_READS", 200)
	clients := map[string]*client.Client{}
	for _, node := range trioNodes {
		clients[node] = c.dial(t, node)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var token string
	for i := range rounds {
		from, to := trioNodes[rng.IntN(3)], trioNodes[rng.IntN(3)]
		content := fmt.Sprintf("content%d", i)
		id := fmt.Sprintf("p%d", rng.IntN(50))
		if _, err := clients[from].Upsert(ctx, crashPaper(id, content)); err != nil {
			t.Fatal(err)
		}
		token = clients[from].Token()
		if err := clients[to].Follow(token); err != nil {
			t.Fatal(err)
		}
		if got, err := clients[to].Get(ctx, id); err != nil || got.GetAbstract() != "It holds "+content+"." {
			t.Fatalf("written on %s, read on %s: %v %v", from, to, got, err)
		}
	}
	// Deletions, purges and events go the same way, and what does not is refused.
	if _, err := clients["n1"].Delete(ctx, "none"); !isNotFound(err) {
		t.Errorf("a deletion of nothing: %v", err)
	}
	if n, _, err := clients["n2"].Purge(ctx, `id = "p1" OR id = "p2"`, true); err != nil {
		t.Errorf("a purge: %d %v", n, err)
	}
	if _, err := clients["n3"].Subscription(ctx, "none"); err == nil || !strings.Contains(err.Error(), "cluster") {
		t.Errorf("a subscription: %v", err)
	}
	if err := errors.Join(clients["n1"].Follow(clients["n2"].Token()), ctx.Err()); err != nil {
		t.Fatal(err)
	}
	c.level(t, ctx, clients["n2"].Token())
	c.answersAlike(t, ctx, clients)
	if papers := c.alike(t); len(papers) == 0 {
		t.Error("there is nothing")
	}
}

// answersAlike waits for the model that the nodes learn together, and compares their answers.
func (c *trio) answersAlike(t *testing.T, ctx context.Context, clients map[string]*client.Client) {
	t.Helper()
	for {
		stats, models := (*client.Stats)(nil), map[string]bool{}
		for _, node := range trioNodes {
			var err error
			if stats, err = clients[node].Stats(ctx); err != nil {
				t.Fatal(err)
			}
			models[stats.GetModel().GetFingerprint()] = true
		}
		if len(models) == 1 && stats.GetModel().GetPapers() > 0 {
			break
		}
		time.Sleep(100 * time.Millisecond) // between two questions; there is no event to wait for
	}
	var first string
	for _, node := range trioNodes {
		found, err := clients[node].Search(ctx, "paper that holds content7", client.Mode(client.ModeExact))
		if err != nil {
			t.Fatal(err)
		}
		answer := found.Info.GetModel()
		for _, hit := range found.Hits {
			answer += fmt.Sprint(" ", hit.GetPaper().GetId(), hit.GetScore(), hit.GetParts())
		}
		if first == "" {
			first = answer
		}
		if answer != first {
			t.Errorf("%s answers\n%s, and n1\n%s", node, answer, first)
		}
	}
}

// envCount is a number from the environment, for long runs.
func envCount(t *testing.T, name string, usual int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return usual
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAClusterLosesNothingInKills kills a random node over and over, while eight writers write on any node, each
// reading back on another what was acknowledged, and readers read on nodes that are up.
func TestAClusterLosesNothingInKills(t *testing.T) {
	kills := envCount(t, "AKIN_CLUSTER_KILLS", 3)
	c := newTrio(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience+time.Duration(kills)*time.Minute)
	defer cancel()
	load := newClusterLoad(t, c)
	work, stop := context.WithCancel(ctx)
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() { load.write(work, w) })
	}
	for w := range 2 {
		workers.Go(func() { load.read(work, w) })
	}
	rng := rand.New(rand.NewPCG(uint64(kills), 17))
	var longest time.Duration
	for range kills {
		if !load.acks(ctx, 50) {
			t.Fatal("no writes are acknowledged")
		}
		node := trioNodes[rng.IntN(3)]
		load.away(node, func() { c.kill(node) })
		begin := time.Now()
		if !load.acks(ctx, 1+8) { // more than were under way, so that one was begun after the kill
			t.Fatal("no writes are acknowledged after a kill")
		}
		longest = max(longest, time.Since(begin))
		c.start(t, node)
		load.back(node)
	}
	load.acks(ctx, 20)
	stop()
	workers.Wait()
	// What was under way and not answered may still come; it is applied on all nodes or on none.
	last := c.dial(t, "n1")
	for {
		_, err := last.Upsert(ctx, crashPaper("last", "the end"))
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	c.level(t, ctx, last.Token())
	load.judge(t, c.alike(t))
	t.Logf("%d kills, %d writes acknowledged, %d reads of the least revision (%d stale), "+
		"%d reads at live nodes (%d failed), writes came back within %v",
		kills, load.acked.Load(), load.checked.Load(), load.stale.Load(), load.reads.Load(),
		load.failed.Load(), longest.Round(time.Millisecond))
}

// clusterLoad writes and reads while nodes come and go.
type clusterLoad struct {
	t       *testing.T
	truth   *ledger
	gates   map[string]*gate
	clients map[string]*client.Client

	mu     sync.Mutex
	change chan struct{} // closed at the next acknowledged write

	acked, checked, stale, reads, failed atomic.Int64
}

// gate is whether a node is up. Readers hold it open.
type gate struct {
	sync.RWMutex
	down bool
}

func newClusterLoad(t *testing.T, c *trio) *clusterLoad {
	l := &clusterLoad{
		t: t, truth: &ledger{acked: map[string]string{}, pending: map[string][]string{}}, gates: map[string]*gate{},
		clients: map[string]*client.Client{}, change: make(chan struct{}),
	}
	for _, node := range trioNodes {
		l.gates[node], l.clients[node] = &gate{}, c.dial(t, node)
	}
	l.truth.onAck = func() {
		l.acked.Add(1)
		l.mu.Lock()
		close(l.change)
		l.change = make(chan struct{})
		l.mu.Unlock()
	}
	return l
}

// acks waits until n more writes are acknowledged.
func (l *clusterLoad) acks(ctx context.Context, n int64) bool {
	for goal := l.acked.Load() + n; ; {
		l.mu.Lock()
		change := l.change
		l.mu.Unlock()
		if l.acked.Load() >= goal {
			return true
		}
		select {
		case <-change:
		case <-ctx.Done():
			return false
		}
	}
}

// away takes a node from the readers, and then ends it.
func (l *clusterLoad) away(node string, end func()) {
	g := l.gates[node]
	g.Lock()
	g.down = true
	g.Unlock()
	end()
}

func (l *clusterLoad) back(node string) {
	g := l.gates[node]
	g.Lock()
	g.down = false
	g.Unlock()
}

// at calls fn with a client of a random node that is up, which is not taken down meanwhile.
func (l *clusterLoad) at(rng *rand.Rand, fn func(c *client.Client)) {
	for {
		node := trioNodes[rng.IntN(3)]
		g := l.gates[node]
		g.RLock()
		if !g.down {
			fn(l.clients[node])
			g.RUnlock()
			return
		}
		g.RUnlock()
	}
}

// up is a client of a random node that is up now.
func (l *clusterLoad) up(rng *rand.Rand) (c *client.Client) {
	l.at(rng, func(up *client.Client) { c = up })
	return c
}

// write writes until ctx ends, on nodes that are up when a write begins and may be killed before it ends. Each writer
// has ids of its own, so that the last word on an id is known.
func (l *clusterLoad) write(ctx context.Context, w int) {
	rng := rand.New(rand.NewPCG(uint64(w), 3))
	for n := 0; ctx.Err() == nil; n++ {
		c := l.up(rng)
		content := fmt.Sprintf("content%d of writer%d", n, w)
		ids := []string{fmt.Sprintf("w%d-%03d", w, rng.IntN(60))}
		for range rng.IntN(2) * rng.IntN(20) {
			if id := fmt.Sprintf("w%d-%03d", w, rng.IntN(60)); !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		papers := make([]*client.Paper, len(ids))
		for i, id := range ids {
			papers[i] = crashPaper(id, content)
		}
		// As long as it takes: an election, or a node that is away, as a caller of the SDK would.
		err := l.truth.send(content, ids, true, func() error {
			_, err := c.UpsertBatch(ctx, papers)
			return err
		})
		if err != nil {
			continue
		}
		token := c.Token()
		l.at(rng, func(other *client.Client) {
			if other.Follow(token) != nil {
				return
			}
			got, err := other.Get(ctx, ids[0])
			if err != nil {
				return // counted by the readers where it was not the end
			}
			l.checked.Add(1)
			if got.GetAbstract() != "It holds "+content+"." {
				l.stale.Add(1)
				l.t.Errorf("%s: read %q after %q was acknowledged", ids[0], got.GetAbstract(), content)
			}
		})
	}
}

// read reads at nodes that are up until ctx ends; no read may fail.
func (l *clusterLoad) read(ctx context.Context, w int) {
	rng := rand.New(rand.NewPCG(uint64(w), 4))
	for ctx.Err() == nil {
		l.at(rng, func(c *client.Client) {
			_, err := c.Search(ctx, "content of a writer")
			if ctx.Err() != nil {
				return
			}
			l.reads.Add(1)
			if err != nil {
				l.failed.Add(1)
				l.t.Errorf("a read at a node that is up: %v", err)
			}
		})
	}
}

// judge compares what is held with what was acknowledged.
func (l *clusterLoad) judge(t *testing.T, held map[string]string) {
	t.Helper()
	content := func(id string) string {
		text, _, _ := strings.Cut(strings.TrimPrefix(held[id], "It holds "), ".")
		return text
	}
	for id, want := range l.truth.acked {
		if got := content(id); got != want && !slices.Contains(l.truth.pending[id], got) {
			t.Errorf("%s holds %q, acknowledged was %q, in flight %q", id, got, want, l.truth.pending[id])
		}
	}
	for _, batch := range l.truth.batches {
		there := 0
		for _, id := range batch[1:] {
			if content(id) == batch[0] {
				there++
			}
		}
		// A part may be overwritten by a later write of the same writer, and then that one was acknowledged or sent.
		for _, id := range batch[1:] {
			if there > 0 && content(id) != batch[0] && content(id) != l.truth.acked[id] &&
				!slices.Contains(l.truth.pending[id], content(id)) {
				t.Errorf("a batch is torn: %s holds %q", id, content(id))
			}
		}
	}
}

// TestALostNodeTakesItsPapersFromAnother loses a node's folder, and has the log go on for longer than it is kept.
func TestALostNodeTakesItsPapersFromAnother(t *testing.T) {
	c := newTrio(t, "--log-size", "8MiB")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cl := c.dial(t, "n1")
	patiently := func(call func() error) { // the log may be full until it is trimmed
		for err := call(); err != nil; err = call() {
			if ctx.Err() != nil || !errors.Is(err, client.ErrOverloaded) && !isUnavailable(err) {
				t.Fatal(err)
			}
		}
	}
	batch := func(n int) {
		papers := make([]*client.Paper, 50)
		for i := range papers {
			papers[i] = crashPaper(fmt.Sprintf("p%d-%d", n, i), strings.Repeat(fmt.Sprintf("word%d ", i), 500))
		}
		patiently(func() error { _, err := cl.UpsertBatch(ctx, papers); return err })
	}
	batch(0)
	c.level(t, ctx, cl.Token())
	c.kill("n3")
	if err := os.RemoveAll(c.folder("n3")); err != nil {
		t.Fatal(err)
	}
	for n := range 100 { // 17 MiB
		batch(1 + n%50)
		if n >= 50 {
			patiently(func() error {
				_, err := cl.Delete(ctx, fmt.Sprintf("p%d-0", n-49))
				return err
			})
		}
	}
	c.start(t, "n3")
	if !strings.Contains(c.live["n3"].before, "begins with a backup of another") {
		t.Errorf("n3 has not taken a backup: %s", c.live["n3"].before)
	}
	batch(100)
	c.level(t, ctx, cl.Token())
	if papers := c.alike(t); len(papers) != 52*50-50 {
		t.Errorf("%d papers", len(papers))
	}
}

// TestAWriteToAllIsVisibleEverywhere has nodes acknowledge a write once all show it, and reads elsewhere at once,
// naming no position; then a node is lost, and the others go on when its lease is over.
func TestAWriteToAllIsVisibleEverywhere(t *testing.T) {
	c := newTrio(t, "--ack", "all")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	writers, readers := map[string]*client.Client{}, map[string]*client.Client{}
	for _, node := range trioNodes {
		writers[node], readers[node] = c.dial(t, node), c.dial(t, node)
	}
	check := func(i int, from, to string) {
		t.Helper()
		content := fmt.Sprintf("content%d", i)
		if _, err := writers[from].Upsert(ctx, crashPaper("p", content)); err != nil {
			t.Fatal(err)
		}
		if got, err := readers[to].Get(ctx, "p"); err != nil || got.GetAbstract() != "It holds "+content+"." {
			t.Fatalf("written on %s, read on %s: %v %v", from, to, got, err)
		}
	}
	rng := rand.New(rand.NewPCG(8, 9))
	for i := range 200 {
		check(i, trioNodes[rng.IntN(3)], trioNodes[rng.IntN(3)])
	}
	c.kill("n2")
	for i := range 20 {
		check(1000+i, "n1", "n3")
	}
	if papers := c.alikeOf(t, "n1", "n3"); len(papers) != 1 {
		t.Errorf("%d papers", len(papers))
	}
}
