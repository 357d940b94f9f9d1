package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// killsApart is the least time between two kills.
const killsApart = 3 * time.Second

// TestAClusterLosesNothingInKills kills a random node over and over, while eight writers write on any node, each
// reading back on another what was acknowledged, and readers read on nodes that are up.
func TestAClusterLosesNothingInKills(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 17))
	losesNothing(t, envCount(t, "AKIN_CLUSTER_KILLS", 3), func(c *trio, _ int) (node string, end func()) {
		node = trioNodes[rng.IntN(3)]
		return node, func() { c.kill(node) }
	})
}

// TestAClusterLosesNothingInARollingRestart stops one node after the other in good order, as for a new release, under
// the same load.
func TestAClusterLosesNothingInARollingRestart(t *testing.T) {
	losesNothing(t, envCount(t, "AKIN_CLUSTER_STOPS", 3), func(c *trio, i int) (node string, end func()) {
		node = trioNodes[i%3]
		return node, func() { c.stop(t, node) }
	})
}

// losesNothing ends nodes, one at a time, and starts them again.
func losesNothing(t *testing.T, kills int, next func(c *trio, i int) (node string, end func())) {
	t.Helper()
	c := askedTrio(t)
	w := c.watched(t)
	c.start(t, trioNodes...)
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
	var pauses []writePause
	var restarted time.Time
	for i := range kills {
		if !load.acks(ctx, 50) {
			t.Fatal("no writes are acknowledged")
		}
		time.Sleep(killsApart - time.Since(restarted)) // what is promised is promised of kills that far apart
		node, end := next(c, i)
		p := writePause{node: node}
		p.led = w.leader() == p.node
		killed := time.Now()
		load.away(node, end)
		if !load.acks(ctx, 1+8) { // more than were under way, so that one was begun after the kill
			t.Fatal("no writes are acknowledged after a kill")
		}
		p.whole = load.longest(killed)
		for _, l := range w.since(killed) {
			p.elections = append(p.elections, fmt.Sprintf("%s leads after %v", l.node, l.at.Sub(killed).Round(time.Millisecond)))
		}
		pauses = append(pauses, p)
		began := time.Now()
		c.start(t, p.node)
		restarted = time.Now()
		t.Logf("%3d: %s, back after %v", len(pauses), p, restarted.Sub(began).Round(time.Millisecond))
		load.back(p.node)
	}
	stop()
	workers.Wait()
	shown := c.level(t, ctx, "")
	equal := time.Since(restarted)
	// What was under way and not answered may still come; it is applied on all nodes or on none.
	last := c.dial(t, "n1")
	patiently(t, ctx, func() error {
		_, err := last.Upsert(ctx, crashPaper("last", "the end"))
		return err
	})
	c.level(t, ctx, last.Token())
	load.judge(t, c.alike(t))
	t.Logf("%d kills, %d writes acknowledged, %d reads of the least revision (%d stale), "+
		"%d reads at live nodes (%d failed, the slowest took %v), one digest %v after the last restart (%s)",
		kills, load.acked.Load(), load.checked.Load(), load.stale.Load(), load.reads.Load(), load.failed.Load(),
		time.Duration(load.slowest.Load()).Round(time.Millisecond), equal.Round(time.Millisecond), shown)
	logPauses(t, pauses)
}

// writePause is for how long no write was acknowledged after a kill.
type writePause struct {
	node      string
	led       bool          // the killed node led the log
	whole     time.Duration // the longest time without an acknowledgement
	elections []string      // until a write was acknowledged again
}

func (p writePause) String() string {
	what := "a follower"
	if p.led {
		what = "the leader"
	}
	return fmt.Sprintf("%s, %s: %v without a write; %s", p.node, what, p.whole.Round(time.Millisecond),
		strings.Join(p.elections, ", "))
}

func logPauses(t *testing.T, pauses []writePause) {
	var leaders, followers, late []string
	var worst, other time.Duration
	for _, p := range pauses {
		switch {
		case p.led:
			leaders, worst = append(leaders, p.whole.Round(100*time.Millisecond).String()), max(worst, p.whole)
		default:
			followers, other = append(followers, p.String()), max(other, p.whole)
		}
		if p.whole > 10*time.Second {
			late = append(late, p.String())
		}
	}
	t.Logf("%d kills of the leader, no write for at most %v: %s", len(leaders), worst.Round(time.Millisecond),
		strings.Join(leaders, " "))
	t.Logf("%d kills of a follower, no write for at most %v", len(followers), other.Round(time.Millisecond))
	t.Logf("%d pauses above 10 s: %s", len(late), strings.Join(late, "; "))
}
