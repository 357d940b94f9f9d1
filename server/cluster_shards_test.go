package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/replog"
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
	clients := map[string]*client.Client{}
	for _, node := range trioNodes {
		clients[node] = c.dial(t, node)
	}
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

// TestWrongShardsAreNamed starts nodes that do not fit together. The first that has heard of all says so and ends.
func TestWrongShardsAreNamed(t *testing.T) {
	c := shardedTrio(t, "1/3", "1/3", "3/3")
	said := make(chan string, len(trioNodes))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	var nodes sync.WaitGroup
	defer nodes.Wait()
	defer cancel()
	for _, node := range trioNodes {
		p := c.command(t, node)
		var out bytes.Buffer
		p.Stdout, p.Stderr = &out, &out
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		nodes.Go(func() {
			defer context.AfterFunc(ctx, func() { _ = p.Process.Kill() })()
			if err := p.Wait(); err == nil {
				t.Errorf("%s ends well", node)
			}
			said <- out.String()
		})
	}
	if text := <-said; !strings.Contains(text, "no node has shard 2 of 3: n1 has 1, n2 has 1, n3 has 3") {
		t.Errorf("it says %s", text)
	}
}

func TestAFolderIsOfOneShard(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		own, of int
		refused string
	}{
		{0, 0, ""}, {2, 3, ""}, {2, 3, ""}, {1, 3, "shard 2/3, and --shard says 1/3"}, {2, 4, "--shard says 2/4"},
		{0, 0, "start it with --shard 2/3"},
	} {
		err := claimFolder(dir, c.own, c.of)
		if err == nil {
			err = markFolder(dir, c.own, c.of)
		}
		if (err == nil) != (c.refused == "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("shard %d of %d: %v", c.own, c.of, err)
		}
	}
	whole := t.TempDir()
	e, err := engine.Open(t.Context(), engine.Config{Dir: whole, NoMap: true, TrainAt: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := claimFolder(whole, 1, 2); err == nil || !strings.Contains(err.Error(), "not of a shard") {
		t.Errorf("a folder of all papers: %v", err)
	}
}

func TestShardsAreReadFromTheFlag(t *testing.T) {
	for _, c := range []struct {
		text   string
		own    int
		of     int
		refuse bool
	}{
		{"", 0, 0, false}, {"1/1", 0, 0, false}, {"1/3", 1, 3, false}, {"3/3", 3, 3, false}, {"0/3", 0, 0, true},
		{"4/3", 0, 0, true}, {"2", 0, 0, true}, {"a/b", 0, 0, true}, {"1/2/3", 0, 0, true},
	} {
		own, of, err := parseShard(c.text)
		if own != c.own || of != c.of || (err != nil) != c.refuse {
			if !c.refuse || err == nil {
				t.Errorf("%q: %d of %d, %v", c.text, own, of, err)
			}
		}
	}
}

func TestNodesWhoseShardsDoNotFitAreNamed(t *testing.T) {
	member := func(node string, shard, shards int) replog.Member {
		return replog.Member{Node: node, Shard: shard, Shards: shards}
	}
	settled := func(node string, shard, shards int) replog.Member {
		m := member(node, shard, shards)
		m.Settled = true
		return m
	}
	never := func(node string) replog.Member { return replog.Member{Node: node, Never: true} }
	for _, c := range []struct {
		what, node string
		members    []replog.Member
		says       string
	}{
		{"all are there", "n1", []replog.Member{member("n1", 1, 2), member("n2", 2, 2), member("n3", 2, 2)}, ""},
		{"one is to come", "n1", []replog.Member{member("n1", 1, 2), member("n2", 1, 2), never("n3")}, ""},
		{"a shard has none", "n1", []replog.Member{member("n1", 1, 2), member("n2", 1, 2), member("n3", 1, 2)},
			"no node has shard 2 of 2: n1 has 1, n2 has 1, n3 has 1"},
		{"another number", "n1", []replog.Member{member("n1", 1, 2), member("n2", 2, 3), never("n3")},
			"n2 was started with --shard 2/3, and this node with --shard 1/2"},
		{"one without", "n1", []replog.Member{member("n1", 1, 2), member("n2", 0, 0), never("n3")},
			"n2 was started without --shard, and this node with --shard 1/2"},
		{"this one without", "n2", []replog.Member{member("n1", 1, 2), member("n2", 0, 0), never("n3")},
			"n1 was started with --shard 1/2, and this node without --shard"},
		{"all without", "n2", []replog.Member{member("n1", 0, 0), settled("n2", 0, 0), member("n3", 0, 0)}, ""},
		{"it comes without to settled ones", "n3",
			[]replog.Member{settled("n1", 1, 3), settled("n2", 2, 3), member("n3", 0, 0)}, "and this node without --shard"},
		{"it comes with a shard that others have", "n3",
			[]replog.Member{settled("n1", 1, 3), settled("n2", 2, 3), member("n3", 2, 3)}, "no node has shard 3 of 3"},
		{"it comes with a shard to nodes without", "n3",
			[]replog.Member{settled("n1", 0, 0), settled("n2", 0, 0), member("n3", 2, 3)}, "n1 was started without"},
		{"it comes back beside one without", "n1",
			[]replog.Member{member("n1", 1, 3), settled("n2", 2, 3), member("n3", 0, 0)}, ""},
		{"it comes back beside one with a wrong shard", "n1",
			[]replog.Member{member("n1", 1, 3), settled("n2", 2, 3), member("n3", 2, 3)}, ""},
		{"a replica comes back beside one without", "n4", []replog.Member{settled("n1", 1, 3), settled("n2", 2, 3),
			member("n3", 0, 0), member("n4", 2, 3)}, ""},
		{"a shard has lost its node", "n1", []replog.Member{member("n1", 1, 3), settled("n2", 2, 3), never("n3")}, ""},
	} {
		err := startFault(c.node, c.members)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

// TestASettledNodeSaysOnceWhatDoesNotFit has a node without a shard come and go beside settled ones.
func TestASettledNodeSaysOnceWhatDoesNotFit(t *testing.T) {
	members := func(third replog.Member) []replog.Member {
		return []replog.Member{{Node: "n1", Shard: 1, Shards: 3, Settled: true},
			{Node: "n2", Shard: 2, Shards: 3, Settled: true}, third}
	}
	var f fitting
	for i, c := range []struct {
		third replog.Member
		says  string
	}{
		{replog.Member{Node: "n3", Shard: 3, Shards: 3}, ""},
		{replog.Member{Node: "n3"}, "n3 was started without --shard"},
		{replog.Member{Node: "n3"}, ""},
		{replog.Member{Node: "n3", Silent: time.Hour}, ""},
		{replog.Member{Node: "n3", Shard: 2, Shards: 3}, "no node has shard 3 of 3"},
		{replog.Member{Node: "n3", Shard: 3, Shards: 3}, ""},
	} {
		said := f.next("n1", members(c.third))
		if (said == "") != (c.says == "") || !strings.Contains(said, c.says) {
			t.Errorf("%d: %q", i, said)
		}
	}
}

// TestAMisfitEndsAndTheOthersServe starts the third node of three shards anew with an empty folder and wrong flags.
func TestAMisfitEndsAndTheOthersServe(t *testing.T) {
	c := shardedTrio(t, "1/3", "2/3", "3/3")
	c.start(t, trioNodes...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	right := c.args["n3"]
	bare := right[:len(right)-2]
	for _, wrong := range []struct {
		args []string
		says string
	}{
		{bare, "and this node without --shard"},
		{append(slices.Clone(bare), "--shard", "2/3"), "no node has shard 3 of 3"},
	} {
		c.stop(t, "n3")
		if err := os.RemoveAll(c.folder("n3")); err != nil {
			t.Fatal(err)
		}
		c.args["n3"] = wrong.args
		misfit := c.begin(t, "n3")
		select {
		case <-misfit.ended:
		case <-ctx.Done():
			t.Fatal("a node that does not fit goes on")
		}
		if err := misfit.Wait(); err == nil || !misfit.has(wrong.says) || misfit.has("msg=serving") {
			t.Errorf("%v:\n%s", err, &misfit.text)
		}
		// The same folder does with the right flag, and the others have not ended.
		c.args["n3"] = right
		c.start(t, "n3")
	}
	cl := c.dial(t, "n1")
	patiently(t, ctx, func() error {
		_, err := cl.Upsert(ctx, shardPaper(1))
		return err
	})
	c.stop(t, trioNodes...)
}
