package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/akin-search/akin/client"
)

// TestAnyNodeTakesATraining trains by way of a node that does not lead, cancels a training, and loses the node that
// learns.
func TestAnyNodeTakesATraining(t *testing.T) {
	c := newTrio(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	clients := c.dialAll(t)
	var papers []*client.Paper
	for i := range 1000 {
		content := fmt.Sprintf("word%d of topic%d and of kind%d", i, i%9, i%31)
		papers = append(papers, crashPaper(fmt.Sprintf("p%03d", i), content))
	}
	if _, err := clients["n1"].UpsertBatch(ctx, papers); err != nil {
		t.Fatal(err)
	}
	c.level(t, ctx, clients["n1"].Token())
	leader, other := c.leader(t, ctx, clients)

	model, err := clients[other].Train(ctx, client.TrainConfig{Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	stats, err := clients[other].Stats(ctx)
	if err != nil || !model.GetTrained() || stats.GetModel().GetFingerprint() != model.GetFingerprint() {
		t.Fatalf("trained %v, serving %v, %v", model, stats.GetModel(), err)
	}
	c.answersAlike(t, ctx, clients)

	training, stop := context.WithCancel(ctx)
	_, err = clients[other].Train(training, client.TrainConfig{
		Seed: 6, Epochs: 100, Progress: func(*client.TrainProgress) { stop() },
	})
	if status.Code(err) != codes.Canceled {
		t.Errorf("a training that was cancelled: %v", err)
	}
	if stats, err = clients[other].Stats(ctx); err != nil ||
		stats.GetModel().GetFingerprint() != model.GetFingerprint() {
		t.Errorf("after a cancelled training %v serves, %v", stats.GetModel(), err)
	}

	var once sync.Once
	var failed *client.Error
	for { // until the one that was cancelled has ended
		_, err = clients[other].Train(ctx, client.TrainConfig{Seed: 7, Epochs: 100, Progress: func(*client.TrainProgress) {
			once.Do(func() { c.kill(leader) })
		}})
		if !errors.As(err, &failed) || failed.Reason != "TRAINING_RUNS" {
			break
		}
	}
	if failed == nil || failed.Reason != "TRAINING_LOST" {
		t.Fatalf("a training whose node was lost: %v", err)
	}
	model, err = clients[other].Train(ctx, client.TrainConfig{Seed: 8}) // another leads by now, or soon
	if err != nil || !model.GetTrained() {
		t.Fatalf("after the loss: %v %v", model, err)
	}
	c.start(t, leader)
	c.level(t, ctx, clients["n1"].Token())
	c.answersAlike(t, ctx, clients)
}

// leader finds the node that leads, and one that does not.
func (c *trio) leader(t *testing.T, ctx context.Context, clients map[string]*client.Client) (leader, other string) {
	t.Helper()
	for {
		stats, err := clients["n1"].Stats(ctx)
		if err != nil {
			t.Fatal(err)
		}
		leader = stats.GetCluster().GetLeader()
		for _, node := range trioNodes {
			if leader != "" && node != leader {
				return leader, node
			}
		}
	}
}

// TestATrainingOfShardsIsTakenByAnyNode trains by way of a node that does not lead, on papers that no node has all of.
func TestATrainingOfShardsIsTakenByAnyNode(t *testing.T) {
	c := shardedTrio(t, "1/3", "2/3", "3/3")
	c.start(t, trioNodes...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	clients := c.dialAll(t)
	const papers = 600 // too few for a training that nobody asks for
	var batch []*client.Paper
	for i := range papers {
		batch = append(batch, shardPaper(i))
	}
	patiently(t, ctx, func() error { _, err := clients["n1"].UpsertBatch(ctx, batch); return err })
	c.level(t, ctx, clients["n1"].Token())
	_, other := c.leader(t, ctx, clients)

	stages := map[string]bool{}
	model, err := clients[other].Train(ctx, client.TrainConfig{
		Seed: 5, Progress: func(p *client.TrainProgress) { stages[p.GetStage()] = true },
	})
	if err != nil || !model.GetTrained() || model.GetPapers() != papers {
		t.Fatalf("a model of %d papers: %v, %v", papers, model, err)
	}
	if len(stages) < 2 {
		t.Errorf("of a training elsewhere %v is told", stages)
	}
	stats, err := clients[other].Stats(ctx)
	if err != nil || stats.GetModel().GetFingerprint() != model.GetFingerprint() {
		t.Fatalf("trained %v, serving %v, %v", model, stats.GetModel(), err)
	}
	soon(t, "that model on all nodes", func() bool {
		for _, node := range trioNodes {
			stats, err := clients[node].Stats(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if stats.GetModel().GetFingerprint() != model.GetFingerprint() {
				return false
			}
			for i, n := range stats.GetCluster().GetNodes() { // in the order of their names
				if int(n.GetShard()) != i+1 || stats.GetCluster().GetShards() != 3 {
					t.Errorf("%s says that %s has shard %d", node, n.GetNode(), n.GetShard())
				}
			}
		}
		return true
	})
	c.answersAlikeInShards(t, ctx, clients)
}
