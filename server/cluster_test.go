package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/server/internal/loopback"
)

// TestAClusterGoesOnWithoutANodeAndTakesItBack is the one test of three processes that runs with all others.
func TestAClusterGoesOnWithoutANodeAndTakesItBack(t *testing.T) {
	if testing.Short() {
		t.Skip("three servers and two elections take half a minute")
	}
	addrs, own, err := loopback.Addrs(2 * len(trioNodes))
	if err != nil {
		t.Fatal(err)
	}
	if !own {
		t.Skip("this machine has no loopback address for every process, and others may take the ports of a killed node")
	}
	c := trioAt(t, addrs)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c.start(t, trioNodes...)
	writes := func(from, to, id, content string) {
		t.Helper()
		writer, reader := c.dial(t, from), c.dial(t, to)
		patiently(t, ctx, func() error {
			_, err := writer.Upsert(ctx, crashPaper(id, content))
			return err
		})
		if err := reader.Follow(writer.Token()); err != nil {
			t.Fatal(err)
		}
		patiently(t, ctx, func() error {
			got, err := reader.Get(ctx, id)
			if err == nil && got.GetAbstract() != "It holds "+content+"." {
				t.Fatalf("written on %s was %q, %s answers %q", from, content, to, got.GetAbstract())
			}
			return err
		})
	}
	for i := range 30 {
		writes(trioNodes[i%3], trioNodes[(i+1)%3], fmt.Sprintf("p%d", i%20), fmt.Sprintf("content%d", i))
	}
	c.kill("n1") // maybe the one that leads
	for i := range 30 {
		writes(trioNodes[1+i%2], trioNodes[2-i%2], fmt.Sprintf("p%d", i), fmt.Sprintf("later%d", i))
	}
	c.start(t, "n1")
	writes("n1", "n2", "p0", "the end")
	writes("n2", "n1", "p1", "the end")
	last := c.dial(t, "n3")
	patiently(t, ctx, func() error {
		_, err := last.Upsert(ctx, crashPaper("p2", "the end"))
		return err
	})
	c.level(t, ctx, last.Token())
	if papers := c.alike(t); len(papers) != 30 {
		t.Errorf("%d papers", len(papers))
	}
}

func TestAClusterHoldsWhatAnyNodeHasWritten(t *testing.T) {
	c := newTrio(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	rounds := envCount(t, "AKIN_CLUSTER_READS", 200)
	clients := c.dialAll(t)
	rng := rand.New(rand.NewPCG(1, 2))
	var token string
	for i := range rounds {
		from := trioNodes[rng.IntN(3)]
		to := others(from)[rng.IntN(2)]
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
	// Deletions, purges and events go the same way.
	if _, err := clients["n1"].Delete(ctx, "none"); !isNotFound(err) {
		t.Errorf("a deletion of nothing: %v", err)
	}
	if n, _, err := clients["n2"].Purge(ctx, `id = "p1" OR id = "p2"`, true); err != nil {
		t.Errorf("a purge: %d %v", n, err)
	}
	if _, err := clients["n3"].Subscription(ctx, "none"); !isNotFound(err) {
		t.Errorf("a subscription: %v", err)
	}
	if err := errors.Join(clients["n1"].Follow(clients["n2"].Token()), ctx.Err()); err != nil {
		t.Fatal(err)
	}
	c.level(t, ctx, clients["n2"].Token())
	c.answersAlike(t, ctx, clients)
	for node, cl := range clients { // the leader may change between two answers, and is none during an election
		stats, err := cl.Stats(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if own := stats.GetCluster(); own.GetName() != "trio" || own.GetNode() != node || len(own.GetNodes()) != 3 ||
			own.GetAppliedWrites() < int64(rounds) {
			t.Errorf("%s says of its cluster %v", node, own)
		}
	}
	if papers := c.alike(t); len(papers) == 0 {
		t.Error("there is nothing")
	}
}

// answersAlike waits for the model that the nodes learn together, and compares their answers.
func (c *trio) answersAlike(t *testing.T, ctx context.Context, clients map[string]*client.Client) {
	t.Helper()
	soon(t, "one model on all nodes", func() bool {
		stats, models := (*client.Stats)(nil), map[string]bool{}
		for _, node := range trioNodes {
			patiently(t, ctx, func() (err error) {
				stats, err = clients[node].Stats(ctx)
				return err
			})
			models[stats.GetModel().GetFingerprint()] = true
		}
		return len(models) == 1 && stats.GetModel().GetPapers() > 0
	})
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

// TestANodeTakesItsPapersFromAnother has the log go on for longer than it is kept while a node is away, which then
// comes back with its folder or without it.
func TestANodeTakesItsPapersFromAnother(t *testing.T) {
	t.Run("whose folder is lost", func(t *testing.T) { comesBack(t, true) })
	t.Run("who was away", func(t *testing.T) { comesBack(t, false) })
}

func comesBack(t *testing.T, lost bool) {
	t.Helper()
	c := newTrio(t, "--log-size", "64MiB")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cl := c.dial(t, "n1")
	batch := func(n int) {
		papers := make([]*client.Paper, 50)
		for i := range papers {
			papers[i] = crashPaper(fmt.Sprintf("p%d-%d", n, i), strings.Repeat(fmt.Sprintf("word%d ", i), 4000))
		}
		patiently(t, ctx, func() error { _, err := cl.UpsertBatch(ctx, papers); return err })
	}
	batch(0)
	c.level(t, ctx, cl.Token())
	c.kill("n3")
	if lost {
		if err := os.RemoveAll(c.folder("n3")); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 100 { // 140 MiB
		batch(1 + n%50)
		if n >= 50 {
			patiently(t, ctx, func() error {
				_, err := cl.Delete(ctx, fmt.Sprintf("p%d-0", n-49))
				return err
			})
		}
	}
	c.start(t, "n3")
	if !c.live["n3"].has("begins with a backup of another") {
		t.Error("n3 has not taken a backup")
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
