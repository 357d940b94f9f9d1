package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/server/internal/shard"
)

// shardedTrio prepares three nodes that hold shards as --shard says of each.
func shardedTrio(t *testing.T, of ...string) *trio {
	t.Helper()
	c := askedTrio(t)
	for i, node := range trioNodes {
		c.args[node] = append(c.args[node], "--shard", of[i])
	}
	return c
}

// shardPaper is one of many papers about few subjects.
func shardPaper(i int) *client.Paper {
	return &client.Paper{
		Id: fmt.Sprintf("p%04d", i), Title: fmt.Sprintf("On subject%d of kind%d", i%17, i%29),
		Abstract: fmt.Sprintf("We look at subject%d, matter%d and thing%d.", i%17, i%7, i), Categories: []string{
			fmt.Sprint("third", i%3)},
	}
}

// ids are those of hits.
func ids(r *client.Result) []string {
	out := make([]string, len(r.Hits))
	for i, h := range r.Hits {
		out[i] = h.GetPaper().GetId()
	}
	return out
}

// TestShardsOfAClusterAnswerAsOne holds papers in three shards on three nodes, and asks any of them for all.
func TestShardsOfAClusterAnswerAsOne(t *testing.T) {
	c := shardedTrio(t, "1/3", "2/3", "3/3")
	c.start(t, trioNodes...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	clients := c.dialAll(t)
	const papers = 1200 // enough for a model to be learnt
	var batch []*client.Paper
	for i := range papers {
		if batch = append(batch, shardPaper(i)); len(batch) < 100 {
			continue
		}
		var results []*client.WriteResult
		patiently(t, ctx, func() (err error) {
			results, err = clients[trioNodes[i/100%3]].UpsertBatch(ctx, batch)
			return err
		})
		for j, r := range results {
			if r.GetPaper().GetId() != batch[j].GetId() || r.GetPaper().GetRevision() == 0 {
				t.Fatalf("%s is answered as %v", batch[j].GetId(), r)
			}
		}
		batch = batch[:0]
	}
	same := []*client.Paper{shardPaper(0), shardPaper(1), shardPaper(2), shardPaper(3)}
	again, err := clients["n2"].UpsertBatch(ctx, same)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range again {
		if r.GetCreated() || !r.GetUnchanged() {
			t.Errorf("written again: %v", r)
		}
	}
	c.level(t, ctx, clients["n2"].Token())
	c.learns(t, ctx, clients)
	c.answersAlikeInShards(t, ctx, clients)

	if x, err := clients["n3"].Explain(ctx, "subject5 and matter3", "p0005", 5); err != nil || len(x.GetTerms()) == 0 {
		t.Errorf("an explanation: %v %v", x, err)
	}

	// A write on any node is read on any other that is told of it.
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range envCount(t, "AKIN_CLUSTER_READS", 200) {
		from, to := trioNodes[rng.IntN(3)], trioNodes[rng.IntN(3)]
		p := crashPaper(fmt.Sprint("w", rng.IntN(20)), fmt.Sprint("content", i))
		if _, err := clients[from].Upsert(ctx, p); err != nil {
			t.Fatal(err)
		}
		if err := clients[to].Follow(clients[from].Token()); err != nil {
			t.Fatal(err)
		}
		if got, err := clients[to].Get(ctx, p.GetId()); err != nil || got.GetAbstract() != p.GetAbstract() {
			t.Fatalf("written on %s, read on %s: %v %v", from, to, got, err)
		}
	}
	if _, err := clients["n1"].Delete(ctx, "none"); !isNotFound(err) {
		t.Errorf("a deletion of nothing: %v", err)
	}
	n, _, err := clients["n2"].Purge(ctx, `id = "w0" OR id = "w1" OR id = "w2" OR id = "p0007"`, true)
	if err != nil || n != 4 {
		t.Errorf("a purge: %d %v", n, err)
	}
	if _, err := clients["n3"].Delete(ctx, "p0008"); err != nil {
		t.Errorf("a deletion: %v", err)
	}
	if err := clients["n1"].Follow(clients["n3"].Token()); err != nil {
		t.Fatal(err)
	}
	stats, err := clients["n1"].Stats(ctx)
	if want := int64(papers - 2 + 20 - 3); err != nil || stats.GetPapers() != want {
		t.Errorf("%d papers of %d: %v", stats.GetPapers(), want, err)
	}
	for what, call := range map[string]func() error{
		"duplicates": func() error {
			for _, err := range clients["n1"].Duplicates(ctx) {
				return err
			}
			return nil
		},
		"a backup": func() error { _, err := clients["n2"].Backup(ctx, os.Stderr, nil); return err },
		"a map":    func() error { _, err := clients["n3"].Map(ctx, client.MapConfig{}); return err },
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), "shards") {
			t.Errorf("%s: %v", what, err)
		}
	}
	c.eachHoldsItsShard(t, "1/3", "2/3", "3/3")
}

// learns waits until all nodes answer by one model that was learnt of all papers.
func (c *trio) learns(t *testing.T, ctx context.Context, clients map[string]*client.Client) {
	t.Helper()
	soon(t, "one model on all nodes", func() bool {
		models := map[string]bool{}
		trained := true
		for _, node := range trioNodes {
			stats, err := clients[node].Stats(ctx)
			if err != nil {
				t.Fatal(err)
			}
			models[stats.GetModel().GetFingerprint()] = true
			trained = trained && stats.GetModel().GetTrained() && stats.GetModel().GetPapers() >= 1000
		}
		return len(models) == 1 && trained
	})
}

// answersAlikeInShards asks all nodes the same.
func (c *trio) answersAlikeInShards(t *testing.T, ctx context.Context, clients map[string]*client.Client) {
	t.Helper()
	if err := clients["n1"].Profile("someone").Like(ctx, "p0003", "p0020", "p0047", "p0500"); err != nil {
		t.Fatal(err)
	}
	if _, err := clients["n1"].Upsert(ctx, crashPaper("w0", "a position behind the likes")); err != nil {
		t.Fatal(err)
	}
	for what, call := range map[string]func(cl *client.Client) (*client.Result, error){
		"a text": func(cl *client.Client) (*client.Result, error) { return cl.Search(ctx, "subject5 and matter3") },
		"a filter": func(cl *client.Client) (*client.Result, error) {
			return cl.Search(ctx, "kind4", client.Filter(`categories:"third1"`))
		},
		"related": func(cl *client.Client) (*client.Result, error) { return cl.SimilarTo(ctx, "p0040") },
		"a like": func(cl *client.Client) (*client.Result, error) {
			return cl.Recommend(ctx, client.Taste{Likes: []*client.Preference{client.FromPaper("p0040")}})
		},
		"a profile": func(cl *client.Client) (*client.Result, error) { return cl.Profile("someone").Recommend(ctx) },
		"nothing":   func(cl *client.Client) (*client.Result, error) { return cl.Recommend(ctx, client.Taste{}) },
		"reasons": func(cl *client.Client) (*client.Result, error) {
			found, err := cl.Profile("someone", client.WithReasons()).Recommend(ctx)
			if err == nil && found.Hits[0].GetBecauseOf().GetLikes() == nil {
				err = errors.New("no reasons")
			}
			return found, err
		},
	} {
		var first []string
		for _, node := range trioNodes {
			if err := clients[node].Follow(clients["n1"].Token()); err != nil {
				t.Fatal(err)
			}
			found, err := call(clients[node])
			if err != nil {
				t.Fatalf("%s, asked of %s: %v", what, node, err)
			}
			shards := map[int]bool{}
			for _, id := range ids(found) {
				shards[shard.NewMap(3).Of(id)] = true
			}
			if len(found.Hits) < 10 || len(shards) < 2 {
				t.Errorf("%s: %s finds %v", what, node, ids(found))
			}
			if first == nil {
				first = ids(found)
			}
			if !slices.Equal(ids(found), first) {
				t.Errorf("%s: %s finds %v, and n1 %v", what, node, ids(found), first)
			}
		}
	}
}

// eachHoldsItsShard stops all nodes and looks at their folders.
func (c *trio) eachHoldsItsShard(t *testing.T, of ...string) {
	t.Helper()
	c.stop(t, slices.Sorted(maps.Keys(c.live))...)
	for i, node := range trioNodes {
		own, shards, err := parseShard(of[i])
		if err != nil {
			t.Fatal(err)
		}
		papers, _ := c.holds(t, node)
		if len(papers) == 0 {
			t.Errorf("%s holds nothing", node)
		}
		for id := range papers {
			if shard.NewMap(shards).Of(id) != own-1 {
				t.Errorf("%s holds %s", node, id)
			}
		}
	}
}

// TestAShardOutlivesOneOfItsNodes has two nodes hold one of two shards, and loses one of them, and then the only node
// of the other shard.
func TestAShardOutlivesOneOfItsNodes(t *testing.T) {
	c := shardedTrio(t, "1/2", "2/2", "2/2")
	c.start(t, trioNodes...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var batch []*client.Paper
	for i := range 100 {
		batch = append(batch, shardPaper(i))
	}
	cl := c.dial(t, "n1")
	patiently(t, ctx, func() error { _, err := cl.UpsertBatch(ctx, batch); return err })
	before := c.level(t, ctx, cl.Token())
	c.kill("n2")
	patiently(t, ctx, func() error { _, err := cl.Upsert(ctx, shardPaper(100)); return err })
	if after := c.level(t, ctx, cl.Token()); !strings.HasPrefix(after, "101 papers") {
		t.Errorf("%s after %s", after, before)
	}
	c.start(t, "n2")
	c.kill("n1")
	other := c.dial(t, "n3")
	soon(t, "the loss of a shard", func() bool {
		short, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		_, err := other.Search(short, "subject1")
		return err != nil && strings.Contains(err.Error(), "shard 1 of 2")
	})
	c.answersInPart(t, ctx, other)
	stats, err := other.Stats(ctx)
	if err != nil || !slices.Equal(stats.GetMissingShards(), []int32{1}) || stats.GetPapers() == 0 ||
		stats.GetPapers() >= 101 || len(stats.GetCluster().GetNodes()) != len(trioNodes) {
		t.Errorf("statistics without a shard: %v, %v", stats, err)
	}
	var told *client.Error
	if _, err := other.Train(ctx, client.TrainConfig{}); !errors.As(err, &told) || told.Reason != "SHARD_UNAVAILABLE" ||
		!strings.Contains(told.Message, "shard 1 of 2") {
		t.Errorf("a training without a shard: %v", err)
	}
	// Papers of the shard that is up are written and read as before; no others are written.
	tried := map[bool]bool{}
	for i := 0; len(tried) < 2; i++ {
		p := crashPaper(fmt.Sprint("w", i), "content")
		up := shard.NewMap(2).Of(p.GetId()) == 1
		if tried[up] {
			continue
		}
		tried[up] = true
		var err error
		if up {
			patiently(t, ctx, func() error { _, err := other.Upsert(ctx, p); return err })
			_, err = other.Get(ctx, p.GetId())
		} else {
			short, cancel := context.WithTimeout(ctx, 3*time.Second) // it would be tried again for as long as it may
			_, err = other.Upsert(short, p)
			cancel()
		}
		if up != (err == nil) {
			t.Errorf("%s, whose shard is up: %t: %v", p.GetId(), up, err)
		}
	}
	c.start(t, "n1")
	last := c.dial(t, "n2")
	patiently(t, ctx, func() error { _, err := last.Upsert(ctx, shardPaper(101)); return err })
	c.level(t, ctx, last.Token())
	c.stop(t, slices.Sorted(maps.Keys(c.live))...)
	second, _ := c.holds(t, "n2")
	third, _ := c.holds(t, "n3")
	if !maps.Equal(second, third) {
		t.Errorf("n2 holds %d papers and n3 %d", len(second), len(third))
	}
}

// answersInPart asks a node for what is left of 100 papers while the first of two shards is lost.
func (c *trio) answersInPart(t *testing.T, ctx context.Context, cl *client.Client) {
	t.Helper()
	var of [2][]string
	for i := range 100 {
		id := shardPaper(i).GetId()
		of[shard.NewMap(2).Of(id)] = append(of[shard.NewMap(2).Of(id)], id)
	}
	likes := []*client.Preference{client.FromPaper(of[0][0]), client.FromPaper(of[1][0])}
	for what, ask := range map[string]func() (*client.Result, error){
		"a text":   func() (*client.Result, error) { return cl.Search(ctx, "subject1", client.AllowPartial()) },
		"a paper":  func() (*client.Result, error) { return cl.SimilarTo(ctx, of[1][0], client.AllowPartial()) },
		"no likes": func() (*client.Result, error) { return cl.Recommend(ctx, client.Taste{}, client.AllowPartial()) },
		"two likes": func() (*client.Result, error) {
			return cl.Recommend(ctx, client.Taste{Likes: likes}, client.AllowPartial())
		},
	} {
		found, err := ask()
		if err != nil || len(found.Hits) == 0 || !slices.Equal(found.MissingShards, []int32{1}) ||
			found.Info.GetExact() {
			t.Errorf("%s: %+v, %v", what, found, err)
			continue
		}
		for _, id := range ids(found) {
			if shard.NewMap(2).Of(id) != 1 {
				t.Errorf("%s: %s of the shard that is lost", what, id)
			}
		}
		if what == "two likes" && !slices.Equal(found.MissingIDs, of[0][:1]) {
			t.Errorf("likes that are missing: %v, not %v", found.MissingIDs, of[0][:1])
		}
	}
}
