package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/akin-search/akin/client"
	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// TestACallRidesOutTheLeadersDeath has callers write on every node, each call once, while the node that leads the log
// is killed and started again: no call fails, and the log has each write once.
func TestACallRidesOutTheLeadersDeath(t *testing.T) {
	deaths := envCount(t, "AKIN_CLUSTER_DEATHS", 2)
	c := askedTrio(t)
	w := c.watched(t)
	c.start(t, trioNodes...)
	ctx, cancel := context.WithTimeout(t.Context(), patience+time.Duration(deaths)*time.Minute)
	defer cancel()
	clients := map[string]*client.Client{}
	for _, node := range trioNodes {
		clients[node] = c.dial(t, node)
		patiently(t, ctx, func() error { _, err := clients[node].Stats(ctx); return err }) // it has answered before
	}
	load := newClusterLoad(t, c)
	work, stop := context.WithCancel(ctx)
	var callers sync.WaitGroup
	var written [6]int
	for i := range written {
		callers.Go(func() {
			for n := 0; work.Err() == nil; n++ {
				content := fmt.Sprintf("content%d of caller%d", n, i)
				paper := crashPaper(fmt.Sprintf("c%d-%d", i, n%20), content)
				if _, err := clients[trioNodes[i%3]].Upsert(ctx, paper); err != nil {
					t.Errorf("a write by way of %s: %v", trioNodes[i%3], err)
					return
				}
				written[i]++
				load.truth.onAck()
			}
		})
	}
	for range deaths {
		if !load.acks(ctx, 50) {
			t.Fatal("no writes are acknowledged")
		}
		soon(t, "a leader", func() bool { return w.leader() != "" })
		leader := w.leader()
		c.kill(leader)
		c.start(t, leader)
	}
	load.acks(ctx, 50)
	stop()
	callers.Wait()
	c.level(t, ctx, "")
	c.stop(t, trioNodes...)
	sum := 0
	for _, node := range trioNodes {
		papers, _ := c.holds(t, node)
		var log []byte
		for _, path := range c.blocks(t, node) {
			block, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			log = append(log, block...)
		}
		sum = 0
		for i, count := range written {
			for n := range count {
				content := fmt.Appendf(nil, "content%d of caller%d.", n, i)
				if times := bytes.Count(log, content); times != 1 {
					t.Errorf("%s: %q is in the log %d times", node, content, times)
				}
			}
			sum += count
			last := fmt.Sprintf("content%d of caller%d.", count-1, i)
			if id := fmt.Sprintf("c%d-%d", i, (count-1)%20); !strings.Contains(papers[id], last) {
				t.Errorf("%s: %s is %q, the last write was %q", node, id, papers[id], last)
			}
		}
	}
	t.Logf("%d writes of one call each in %d deaths of the leader", sum, deaths)
}

// TestNoBatchIsTornInKills writes batches, each over all papers of its writer, while nodes are killed, and looks at
// them on nodes that are up: a look sees one batch.
func TestNoBatchIsTornInKills(t *testing.T) {
	goal := int64(envCount(t, "AKIN_CLUSTER_BATCHES", 60))
	const writers, size = 4, 25
	c := newTrio(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience+time.Duration(goal)*time.Second)
	defer cancel()
	load := newClusterLoad(t, c)
	ids := func(w int) (ids []string) {
		for i := range size {
			ids = append(ids, fmt.Sprintf("w%d-%d", w, i))
		}
		return ids
	}
	var looks, torn int64
	var mu sync.Mutex
	whole := func(w int, papers []*client.Paper) {
		seen := map[string]bool{}
		for _, p := range papers {
			seen[p.GetAbstract()] = true
		}
		mu.Lock()
		defer mu.Unlock()
		if looks++; len(seen) > 1 {
			torn++
			t.Errorf("writer %d: %d batches at once: %v", w, len(seen), seen)
		}
	}
	work, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	for w := range writers {
		rng := seeded(w, 11)
		running.Go(func() {
			for n := 0; work.Err() == nil; n++ {
				content := fmt.Sprintf("batch%d of writer%d", n, w)
				papers := make([]*client.Paper, size)
				for i, id := range ids(w) {
					papers[i] = crashPaper(id, content)
				}
				_ = load.truth.send(content, ids(w), true, func() error { // what fails may be there, whole
					_, err := load.up(rng).UpsertBatch(work, papers)
					return err
				})
			}
		})
		running.Go(func() {
			for work.Err() == nil {
				load.at(seeded(w, 12), func(c *client.Client) {
					if papers, _, err := c.GetMany(work, ids(w), client.Abstracts()); err == nil {
						whole(w, papers)
					}
				})
			}
		})
	}
	rng, kills := seeded(0, 13), 0
	for load.acked.Load() < goal {
		if !load.acks(ctx, min(20, goal)) {
			t.Fatal("no batches are acknowledged")
		}
		node := trioNodes[rng.IntN(3)]
		load.away(node, func() { c.kill(node) })
		c.start(t, node)
		load.back(node)
		kills++
	}
	stop()
	running.Wait()
	last := c.dial(t, "n2")
	patiently(t, ctx, func() error { _, err := last.Upsert(ctx, crashPaper("last", "the end")); return err })
	c.level(t, ctx, last.Token())
	for w := range writers {
		papers, _, err := last.GetMany(ctx, ids(w), client.Abstracts())
		if err != nil {
			t.Fatal(err)
		}
		whole(w, papers)
	}
	load.judge(t, c.alike(t))
	t.Logf("%d kills, %d batches acknowledged, %d looks at all papers of a batch, %d torn", kills, load.acked.Load(),
		looks, torn)
}

// TestOneOfThreeTakesNoWrites loses two nodes: the third answers from what it has and says that it is not current, and
// refuses writes; when one of the others is back, all goes on.
func TestOneOfThreeTakesNoWrites(t *testing.T) {
	c := newTrio(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	last := c.dial(t, "n3")
	patiently(t, ctx, func() error { _, err := last.Upsert(ctx, crashPaper("a", "the first")); return err })
	c.kill("n1")
	c.kill("n2")
	c.refusesWrites(t, ctx, "n3")
	if got, err := last.Get(ctx, "a"); err != nil || got.GetAbstract() != "It holds the first." {
		t.Errorf("what it has: %v %v", got, err)
	}
	c.start(t, "n1")
	soon(t, "health", func() bool { return askHealth(ctx, c.addrs["n3"], false) == nil })
	patiently(t, ctx, func() error { _, err := last.Upsert(ctx, crashPaper("b", "the second")); return err })
	c.start(t, "n2")
	patiently(t, ctx, func() error { _, err := last.Upsert(ctx, crashPaper("c", "the third")); return err })
	c.level(t, ctx, last.Token())
	papers := c.alike(t)
	for _, id := range []string{"a", "b", "c"} {
		if papers[id] == "" {
			t.Errorf("%s is not there", id)
		}
	}
}

// refusesWrites waits until a node without a majority says so, to health checks and to writers.
func (c *trio) refusesWrites(t *testing.T, ctx context.Context, node string) {
	t.Helper()
	soon(t, "NOT_SERVING", func() bool {
		err := askHealth(ctx, c.addrs[node], false)
		return err != nil && strings.Contains(err.Error(), "NOT_SERVING")
	})
	cl := c.dial(t, node)
	if _, err := cl.Stats(ctx); err != nil { // so that a write is repeated for as long as a caller gives it
		t.Fatal(err)
	}
	soon(t, "a refusal", func() bool { // not the end of the caller's time, which could mean anything
		limited, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		_, err := cl.Upsert(limited, crashPaper("minority", "nothing"))
		if err == nil {
			t.Fatal("a node without a majority has taken a write")
		}
		return errors.Is(err, client.ErrUnavailable) && reasonOf(err) == "NOT_ACKNOWLEDGED"
	})
}

// lags asks a node for what it does not have yet, once: it says so.
func (c *trio) lags(t *testing.T, ctx context.Context, node, token string) {
	t.Helper()
	conn, err := grpc.NewClient(c.addrs[node], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	number, lineage, _ := strings.Cut(token, ".")
	revision, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	_, err = akinv1.NewPaperServiceClient(conn).ListPapers(ctx, &akinv1.ListPapersRequest{
		AtLeast: &akinv1.Position{Revision: revision, Lineage: lineage},
	})
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetReason() == "LAGGING" {
			return
		}
	}
	t.Errorf("%s, asked for what it lacks: %v", node, err)
}

// TestADamagedLogIsNamedAndNothingIsPassedOver damages the log's files on a node that has not applied what they hold:
// it commits nothing until it has met the damage. For some seconds after a start other replicas answer it, so that it
// meets a flipped bit only then.
func TestADamagedLogIsNamedAndNothingIsPassedOver(t *testing.T) {
	const papers = 200
	mark := []byte("content0.") // of the first message that it lacks: it gets no further
	for _, k := range []struct {
		what   string
		named  bool // JetStream notices a cut file itself at its start, and takes what is missing from others
		damage func(block []byte) []byte
	}{
		{"a flipped bit", true, func(block []byte) []byte {
			block[bytes.Index(block, mark)] ^= 4
			return block
		}},
		{"a cut file", false, func(block []byte) []byte { return block[:bytes.Index(block, mark)] }},
	} {
		t.Run(k.what, func(t *testing.T) {
			c := newTrio(t)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cl := c.dial(t, "n1")
			hold := filepath.Join(c.dir, "hold")
			c.env["n3"] = failPoint + "=" + holdCommits + ":" + hold
			c.stop(t, "n3")
			c.start(t, "n3")
			if err := os.WriteFile(hold, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			for i := range papers {
				patiently(t, ctx, func() error {
					_, err := cl.Upsert(ctx, crashPaper(fmt.Sprintf("p%d", i), fmt.Sprintf("content%d", i)))
					return err
				})
			}
			soon(t, "the log on n3's disk", func() bool {
				for _, path := range c.blocks(t, "n3") {
					if block, err := os.ReadFile(path); err == nil && bytes.Contains(block, fmt.Appendf(nil, "content%d.", papers-1)) {
						return true
					}
				}
				return false
			})
			c.stop(t, "n3") // after a kill JetStream reads all of its files, and meets damage itself
			c.damage(t, "n3", mark, k.damage)
			p := c.begin(t, "n3")
			if k.named {
				soon(t, "a word on the damage", func() bool { return p.has("this node's replica of the log is damaged") })
			}
			if err := os.Remove(hold); err != nil {
				t.Fatal(err)
			}
			if err := p.serves(); err != nil {
				t.Fatal(err)
			}
			c.level(t, ctx, cl.Token())
			if held := c.alike(t); len(held) != papers {
				t.Errorf("%d papers", len(held))
			}
		})
	}
}

// blocks are the files of a node's log.
func (c *trio) blocks(t *testing.T, node string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(c.folder(node), logFolder, "jetstream", "*", "streams", "AKIN_trio", "msgs",
		"*.blk"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("the log of %s: %v %v", node, paths, err)
	}
	return paths
}

// damage changes the file of a node's log that holds a text.
func (c *trio) damage(t *testing.T, node string, text []byte, change func([]byte) []byte) {
	t.Helper()
	for _, path := range c.blocks(t, node) {
		block, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(block, text) {
			continue
		}
		if err := os.WriteFile(path, change(block), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("%q is nowhere in the log", text)
}
