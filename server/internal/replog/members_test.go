package replog

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// room is three nodes that tell one another of themselves over links that can be cut in one direction, in a time that
// the test makes.
type room struct {
	now   time.Time
	nodes []*members
	cut   map[[2]int]bool // from, to
	late  []told
}

// told is an announcement under way.
type told struct {
	to   int
	what Member
	at   time.Time
}

func newRoom() *room {
	r := &room{now: time.Unix(1000, 0), cut: map[[2]int]bool{}}
	peers := map[string]string{"n0": "", "n1": "", "n2": ""}
	for i := range 3 {
		m := &members{}
		m.init(&Config{Node: fmt.Sprintf("n%d", i), Peers: peers})
		r.nodes = append(r.nodes, m)
	}
	return r
}

// step lets a moment pass, in which every node announces itself; announcements take up to a second.
func (r *room) step(rng *rand.Rand, d time.Duration) {
	r.now = r.now.Add(d)
	for i, m := range r.nodes {
		m.mu.Lock()
		m.own.Hears, m.own.Knows = m.within(r.now, heardFor), m.within(r.now, knownFor)
		own := m.own
		m.mu.Unlock()
		for j := range r.nodes {
			if i != j && !r.cut[[2]int{i, j}] {
				r.late = append(r.late, told{j, own, r.now.Add(time.Duration(rng.Int64N(int64(time.Second))))})
			}
		}
	}
	slices.SortStableFunc(r.late, func(a, b told) int { return a.at.Compare(b.at) })
	for len(r.late) > 0 && !r.late[0].at.After(r.now) {
		r.nodes[r.late[0].to].heard(r.late[0].what, r.now)
		r.late = r.late[1:]
	}
}

// awaits reports whether a publisher would wait for a node.
func (r *room) awaits(publisher, node int) bool {
	m := r.nodes[publisher]
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.gone(m.peers[fmt.Sprintf("n%d", node)], r.now)
}

// TestWhoeverHoldsALeaseIsWaitedFor cuts links at random, in one direction or both, and lets messages come late: a node
// that holds a lease is waited for by every other one that a majority can hear, which is what a publisher needs.
func TestWhoeverHoldsALeaseIsWaitedFor(t *testing.T) {
	for seed := range uint64(80) {
		rng := rand.New(rand.NewPCG(seed, 6))
		r := newRoom()
		held := 0
		for range 400 {
			if rng.IntN(40) == 0 {
				link := [2]int{rng.IntN(3), rng.IntN(3)}
				r.cut[link] = !r.cut[link]
			}
			if rng.IntN(60) == 0 {
				r.cut = map[[2]int]bool{}
			}
			r.step(rng, announceEvery)
			for node, m := range r.nodes {
				if !m.holds(r.now) {
					continue
				}
				held++
				for publisher := range r.nodes {
					third := 3 - node - publisher
					// Without the third node's help the publisher has no majority, unless it is with this one.
					publishes := publisher != node && (!r.cut[[2]int{publisher, third}] && !r.cut[[2]int{third, publisher}] ||
						!r.cut[[2]int{publisher, node}] && !r.cut[[2]int{node, publisher}])
					if publishes && !r.awaits(publisher, node) {
						t.Fatalf("seed %d: n%d holds a lease and n%d does not wait for it; cut %v", seed, node, publisher, r.cut)
					}
				}
			}
		}
		if held == 0 {
			t.Errorf("seed %d: nobody ever held a lease", seed)
		}
	}
}

func TestLagIsCountedFromWhenAMajorityKnewNoMore(t *testing.T) {
	r := newRoom()
	rng := rand.New(rand.NewPCG(1, 1))
	for range 10 {
		r.step(rng, announceEvery)
	}
	m := r.nodes[0]
	if lag := m.lag(r.now); lag > 3*time.Second {
		t.Fatalf("all are level, and the lag is %v", lag)
	}
	// Another node is ahead, and this one stays where it is.
	r.nodes[1].own.Applied, r.nodes[1].own.End = 100, 100
	r.nodes[2].own.Applied, r.nodes[2].own.End = 100, 100
	for range 20 {
		r.step(rng, announceEvery)
	}
	if lag := m.lag(r.now); lag < 8*time.Second || lag > 12*time.Second {
		t.Errorf("behind for 10 s: the lag is %v", lag)
	}
	// It comes as far as they were, while they go on: that is a lag of moments.
	for n := uint64(100); n < 200; n += 10 {
		m.mu.Lock()
		m.own.Applied = n
		m.mu.Unlock()
		r.nodes[1].own.End, r.nodes[2].own.End = n+10, n+10
		r.step(rng, announceEvery)
	}
	if lag := m.lag(r.now); lag > 4*time.Second {
		t.Errorf("always a little behind: the lag is %v", lag)
	}
	// Cut off, it counts on.
	r.cut = map[[2]int]bool{{1, 0}: true, {2, 0}: true}
	r.late = nil
	for range 20 {
		r.step(rng, announceEvery)
	}
	if lag := m.lag(r.now); lag < 9*time.Second {
		t.Errorf("cut off for 10 s: the lag is %v", lag)
	}
	if m.holds(r.now) {
		t.Error("cut off for 10 s, it holds a lease")
	}
}

func TestANodeKnowsThatItIsCutOff(t *testing.T) {
	r := newRoom()
	rng := rand.New(rand.NewPCG(3, 3))
	if r.nodes[0].alone(r.now) {
		t.Error("a node that has just begun is alone")
	}
	pass := func(steps int) {
		for range steps {
			r.step(rng, announceEvery)
		}
	}
	alone := func(want ...bool) {
		t.Helper()
		for i, w := range want {
			if got := r.nodes[i].alone(r.now); got != w {
				t.Errorf("cut %v: n%d is alone: %v", r.cut, i, got)
			}
		}
	}
	pass(10)
	r.cut = map[[2]int]bool{{0, 1}: true, {0, 2}: true} // nobody hears n0, which hears all
	pass(24)
	alone(true, false, false)
	r.cut = map[[2]int]bool{}
	pass(10)
	alone(false, false, false)
	r.cut = map[[2]int]bool{{0, 1}: true, {1, 0}: true} // each has n2
	pass(24)
	alone(false, false, false)
	r.cut = map[[2]int]bool{{0, 2}: true, {2, 0}: true, {1, 2}: true, {2, 1}: true, {0, 1}: true}
	pass(24)
	alone(true, true, true)
}

func TestEverywhereWaitsForThoseThatAreHeard(t *testing.T) {
	m := &members{}
	m.init(&Config{Node: "n0", Peers: map[string]string{"n0": "", "n1": "", "n2": ""}})
	hears := []string{"n0"}
	now := time.Now()
	for at := now.Add(-leaseWait); at.Before(now); at = at.Add(time.Second) { // n2 has been away for as long
		m.heard(Member{Node: "n1", Applied: 5, Hears: hears}, at)
	}
	m.heard(Member{Node: "n1", Applied: 5, Hears: hears}, now)
	if err := m.await(t.Context(), 5); err != nil {
		t.Error(err)
	}
	done := make(chan error, 1)
	go func() { done <- m.await(t.Context(), 6) }()
	m.heard(Member{Node: "n1", Applied: 6, Hears: hears}, time.Now())
	if err := <-done; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.await(ctx, 7); err == nil {
		t.Error("it did not wait for a node that is behind")
	}
}
