package engine

import (
	"testing"
	"time"
)

func TestPlanWishesByThePolicy(t *testing.T) {
	lower(t, &refitFrom, refits)
	quiet := state{trainAt: 1000, calm: 30 * time.Second, idle: time.Hour, every: 8000, keeps: true, current: true}
	with := func(change func(*state)) state {
		s := quiet
		change(&s)
		return s
	}
	const mib = 1 << 20
	for name, test := range map[string]struct {
		s    state
		want task // the one task wanted
		now  bool // and whether this is a good moment for it
	}{
		"nothing stored":                  {quiet, nothing, false},
		"few papers, words never counted": {with(func(s *state) { s.papers, s.slots = 20, 20 }), refit, true},
		"few papers, in a bulk write":     {with(func(s *state) { s.papers, s.slots, s.idle = 20, 20, 0 }), refit, false},
		"few papers, counted": {with(func(s *state) {
			s.papers, s.slots, s.learnt = 30, 30, 20
		}), nothing, false},
		"few papers, doubled": {with(func(s *state) { s.papers, s.slots, s.learnt = 40, 40, 20 }), refit, true},
		"enough papers": {with(func(s *state) {
			s.papers, s.slots, s.learnt = 1000, 1000, 900
		}), train, true},
		"enough papers, in a bulk write": {with(func(s *state) {
			s.papers, s.slots, s.grown = 1000, 1000, 400
		}), train, false},
		"enough papers, in a trickle": {with(func(s *state) {
			s.papers, s.slots, s.grown, s.idle = 1500, 1500, 300, 0
		}), train, true},
		"trained, not doubled": {with(func(s *state) {
			s.papers, s.slots, s.learnt, s.trained = 1900, 1900, 1000, true
		}), nothing, false},
		"trained, doubled": {with(func(s *state) {
			s.papers, s.slots, s.learnt, s.trained = 2000, 2000, 1000, true
		}), train, true},
		"a large corpus pours in": {with(func(s *state) {
			s.papers, s.slots, s.grown, s.idle, s.tail, s.tailMax = 100_000, 100_000, 90_000, 0, 100_000, 1<<20
		}), train, true},
		"learnt from while it poured in": {with(func(s *state) {
			s.papers, s.slots, s.learnt, s.trained, s.drift = 1_000_000, 1_000_000, 100_000, true, .02
		}), nothing, false},
		"the same, other words came later": {with(func(s *state) {
			s.papers, s.slots, s.learnt, s.trained, s.drift = 1_000_000, 1_000_000, 100_000, true, .06
		}), train, true},
		"the same, still pouring in": {with(func(s *state) {
			s.papers, s.slots, s.learnt, s.trained, s.drift, s.grown = 1_000_000, 1_000_000, 100_000, true, .06, 500_000
		}), train, false},
		"its tail": {with(func(s *state) {
			s.papers, s.slots, s.learnt, s.trained, s.tail, s.idle = 300_000, 300_000, 200_000, true, 200_000, 0
		}), link, true},
		"training turned off": {with(func(s *state) {
			s.papers, s.slots, s.learnt, s.trainAt = 5000, 5000, 4000, -1
		}), nothing, false},
		"a third is dead": {with(func(s *state) {
			s.papers, s.slots, s.learnt, s.trained = 2000, 3000, 2000, true
		}), compact, true},
		"few are dead": {with(func(s *state) {
			s.papers, s.slots, s.learnt, s.trained = 9000, 9500, 9000, true
		}), nothing, false},
		"much to replay":          {with(func(s *state) { s.behind, s.idle = 10_000, 0 }), snapshot, true},
		"little to replay, busy":  {with(func(s *state) { s.behind, s.idle = 10, 0 }), nothing, false},
		"little to replay, quiet": {with(func(s *state) { s.behind = 10 }), nothing, false},
		"a second to replay": {with(func(s *state) {
			s.behind, s.idle, s.replay = 100, 0, time.Second
		}), snapshot, true},
		"a generation never saved": {with(func(s *state) {
			s.slots, s.papers, s.learnt, s.current = 1, 1, 1, false
		}), snapshot, true},
		"a new store":               {with(func(s *state) { s.current = false }), nothing, false},
		"most of the store is free": {with(func(s *state) { s.file, s.free = 150*mib, 100*mib }), shrink, true},
		"some of the store is free": {with(func(s *state) { s.file, s.free = 300*mib, 100*mib }), nothing, false},
		"a long list of free pages": {with(func(s *state) { s.file, s.free = 9000*mib, 200*mib }), shrink, true},
		"a long list, in a bulk write": {with(func(s *state) {
			s.file, s.free, s.idle = 9000*mib, 200*mib, 0
		}), shrink, false},
		"reads have mapped much of the store": {with(func(s *state) { s.mapped = 200 * mib }), unmap, true},
		"the graph has grown":                 {with(func(s *state) { s.unsaved = 5000 }), snapshot, true},
		"the graph still grows":               {with(func(s *state) { s.unsaved, s.tail = 5000, 5000 }), link, true},
		"one paper is nothing to learn": {with(func(s *state) {
			s.papers, s.slots, s.trainAt = 1, 1, 1
		}), nothing, false},
		"little to replay, no checkpoints": {with(func(s *state) { s.behind, s.keeps = 10, false }), nothing, false},
		"records that nobody sees":         {with(func(s *state) { s.unseen = true }), collect, true},
		"log that nobody needs":            {with(func(s *state) { s.log = true }), trim, true},
		"never drawn": {with(func(s *state) {
			s.papers, s.slots, s.learnt, s.trained, s.maps = 2000,
				2000, 2000, true, true
		}), drawMap, true},
		"never drawn, in a bulk write": {with(func(s *state) {
			s.papers, s.slots, s.learnt, s.trained, s.maps, s.idle = 2000, 2000, 2000, true, true, 0
		}), drawMap, false},
		"drawn": {with(func(s *state) {
			s.papers, s.slots, s.learnt, s.maps, s.charted, s.chartNow = 900, 900, 900, true, 800, true
		}), nothing, false},
		"drawn of half the papers": {with(func(s *state) {
			s.papers, s.slots, s.learnt, s.maps, s.charted, s.chartNow = 900, 900, 900, true, 450, true
		}), drawMap, true},
		"too few papers with vectors for a map": {with(func(s *state) {
			s.papers, s.slots, s.learnt, s.trained, s.maps, s.barren = 2000, 2000, 2000, true, true, true
		}), nothing, false},
		"few papers, no map": {with(func(s *state) {
			s.papers, s.slots, s.learnt, s.maps = 20, 20, 20,
				true
		}), nothing, false},
		"no map before a model": {with(func(s *state) {
			s.papers, s.slots, s.learnt, s.maps = 1000, 1000, 900,
				true
		}), train, true},
		"no map wanted": {with(func(s *state) {
			s.papers, s.slots, s.learnt, s.trained = 2000, 2000,
				2000, true
		}), nothing, false},
		"newcomers to the map": {with(func(s *state) { s.maps, s.unplaced, s.chartNow = true, true, true }),
			settleNew, true},
		"words to compare":               {with(func(s *state) { s.unlike = true }), compare, true},
		"a generation that nobody reads": {with(func(s *state) { s.replaced = true }), release, true},
	} {
		for task, w := range plan(test.s) {
			if wanted := task == int(test.want) && test.want != nothing; w.wanted != wanted || wanted && w.quiet != test.now {
				t.Errorf("%s: %v is wanted: %v, now: %v", name, about[task].name, w.wanted, w.quiet)
			}
		}
	}
}

// TestTheTailWaitsForAModelUpToItsLimit pours papers in: the graph waits for the model, unless writers would.
func TestTheTailWaitsForAModelUpToItsLimit(t *testing.T) {
	lower(t, &refitFrom, refits)
	pouring := state{
		papers: 50_000, slots: 50_000, grown: 40_000, trainAt: 1000, calm: time.Minute, tail: 50_000, tailMax: 60_000,
	}
	if plan(pouring)[link].wanted {
		t.Error("a graph is built for a model that has to go")
	}
	full, over, never := pouring, pouring, pouring
	full.tail, over.idle, never.trainAt = 60_000, linkIdle, -1
	for name, s := range map[string]state{"at the limit": full, "when the writes have ended": over,
		"without a training to come": never} {
		if !plan(s)[link].wanted {
			t.Errorf("%s no graph is built", name)
		}
	}
	over.training = true
	if plan(over)[link].wanted {
		t.Error("a graph is built beside the training that throws it away")
	}
}

// TestATrainingIsDueThoughGrowthNeverSlows has papers come so much faster all the time that no moment is a good one.
func TestATrainingIsDueThoughGrowthNeverSlows(t *testing.T) {
	lower(t, &refitFrom, refits)
	const calm = 30 * time.Second
	start := time.Unix(0, 0)
	s := state{papers: 2000, slots: 2000, trainAt: 1000, calm: calm, grown: 2000}
	a := agenda{}.note(start, plan(s))
	for at, want := range map[time.Duration]task{waits*calm - 1: nothing, waits * calm: train} {
		now := start.Add(at)
		if got := a.note(now, plan(s)).next(now, rebuilding); got != want {
			t.Errorf("after %v runs %v, want %v", at, got, want)
		}
	}
}

// TestAModelIsTimelyUnderEveryRateOfWrites plays corpora against the policy, second by second: what comes in bulk and
// then rests, what trickles for ever, and what never stops to grow fast.
func TestAModelIsTimelyUnderEveryRateOfWrites(t *testing.T) {
	lower(t, &refitFrom, refits)
	const calm = 30 * time.Second
	for name, test := range map[string]struct {
		bulk    int           // papers that come at once
		rate    float64       // papers a second, from then on
		by      time.Duration // when a training is to be due
		earlier time.Duration // and when not yet
	}{
		"a bulk write":                       {bulk: 87_247, by: 31 * time.Second, earlier: 29 * time.Second},
		"1,500 and one every 10 s":           {bulk: 1500, rate: .1, by: 32 * time.Second, earlier: 29 * time.Second},
		"1,500 and two a second":             {bulk: 1500, rate: 2, by: 45 * time.Second, earlier: 20 * time.Second},
		"one a second from nothing":          {rate: 1, by: 1020 * time.Second, earlier: 999 * time.Second},
		"a thousand a second that never end": {rate: 1000, by: 302 * time.Second, earlier: 20 * time.Second},
	} {
		start := time.Unix(0, 0)
		var g growth
		var a agenda
		for at := time.Duration(0); ; at += time.Second {
			papers := int(test.rate * at.Seconds())
			if at > 0 {
				papers += test.bulk
			}
			now := start.Add(at)
			g = g.observe(now, papers, calm)
			a = a.note(now, plan(state{papers: papers, slots: papers, trainAt: 1000, calm: calm, grown: g.recent}))
			due := a.next(now, rebuilding) == train
			if due && at < test.earlier {
				t.Errorf("%s: trains after %v already, with %d papers", name, at, papers)
			}
			if due {
				break
			}
			if at > test.by {
				t.Errorf("%s: not trained after %v, with %d papers", name, at, papers)
				break
			}
		}
	}
}
