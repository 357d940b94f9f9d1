package main

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/replog"
)

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
