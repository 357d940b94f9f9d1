package engine

import (
	"math/rand/v2"
	"testing"
	"time"
)

// simulated is one task under a random load: it becomes wanted at random, more or less often, is sometimes quiet and
// sometimes not, takes any time up to its longest, and fails now and then.
type simulated struct {
	appetite float64 // chance a tick that it becomes wanted
	quiet    float64 // chance a tick of a good moment
	patience time.Duration
	longest  time.Duration
	failing  float64

	wanted bool
	since  time.Time // since when it is wanted and free to run
	end    time.Time // of its run
	runs   int
}

// TestEveryTaskRunsWithinItsBound plays random loads against the schedule, in virtual time, and holds the age of every
// task against what agenda promises. Among the loads are those in which a task is always wanted.
func TestEveryTaskRunsWithinItsBound(t *testing.T) {
	const (
		ticks = 20_000
		retry = 10 * time.Second
	)
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 9))
		var load [tasks]simulated
		for i := range load {
			load[i] = simulated{
				appetite: []float64{.001, .05, 1}[rng.IntN(3)],
				quiet:    []float64{0, .1, 1}[rng.IntN(3)],
				patience: time.Duration(rng.IntN(60)) * time.Second,
				longest:  time.Duration(1+rng.IntN(20_000)) * time.Millisecond,
				failing:  []float64{0, 0, .2}[rng.IntN(3)],
			}
		}
		// What one task waits for at most once it is due and rested: one run of each other task of its lane, and the ticks
		// at which the ends of those runs are seen.
		var bound [tasks]time.Duration
		for i := range load {
			for j := range load {
				if i != j && j != int(nothing) && about[i].lane == about[j].lane {
					bound[i] += load[j].longest + tickEvery
				}
			}
			bound[i] += tickEvery
		}
		var a agenda
		running := [lanes]task{}
		for tick := range ticks {
			now := time.Unix(0, 0).Add(time.Duration(tick) * tickEvery)
			for l, r := range running {
				if s := &load[r]; r != nothing && !now.Before(s.end) {
					cost := s.longest // as the executor measures it; the run may have been shorter
					failed := rng.Float64() < s.failing
					a = a.end(r, now, cost, retry, failed)
					s.wanted = failed
					running[l] = nothing
				}
			}
			var wishes [tasks]wish
			for i := range load {
				s := &load[i]
				s.wanted = s.wanted || i != int(nothing) && rng.Float64() < s.appetite
				wishes[i] = wish{s.wanted, rng.Float64() < s.quiet, s.patience}
			}
			a = a.note(now, wishes)
			for i := range load {
				s, e := &load[i], &a[i]
				if e.due.IsZero() && !e.wished.IsZero() && now.Sub(e.wished) >= s.patience {
					t.Fatalf("load %d: %v has waited %v for a good moment and is not due", seed, task(i), now.Sub(e.wished))
				}
				if e.due.IsZero() || e.runs || now.Before(e.rests) {
					s.since = time.Time{}
				} else if s.since.IsZero() {
					s.since = now
				}
				if !s.since.IsZero() && now.Sub(s.since) > bound[i] {
					t.Fatalf("load %d: %v is due and rested for %v, the bound is %v", seed, task(i), now.Sub(s.since), bound[i])
				}
			}
			for l := range lane(lanes) {
				r := a.next(now, l)
				if r == nothing {
					continue
				}
				if running[l] != nothing {
					t.Fatalf("load %d: %v begins while %v runs in its lane", seed, r, running[l])
				}
				if about[r].lane != l {
					t.Fatalf("load %d: %v runs in lane %d", seed, r, l)
				}
				a = a.begin(r)
				running[l] = r
				load[r].end = now.Add(time.Duration(rng.Int64N(int64(load[r].longest))))
				load[r].since = time.Time{}
				load[r].runs++
			}
		}
		for i := range load {
			if load[i].appetite >= .05 && i != int(nothing) && load[i].runs == 0 {
				t.Errorf("load %d: %v never ran", seed, task(i))
			}
		}
	}
}

// TestCompactionDoesNotStarveCheckpoints is the load at which one kind of work once starved another: compaction and a
// checkpoint are both wanted again at once whenever they have run.
func TestCompactionDoesNotStarveCheckpoints(t *testing.T) {
	var a agenda
	var wishes [tasks]wish
	wishes[compact], wishes[snapshot] = wish{wanted: true, quiet: true}, wish{wanted: true, quiet: true}
	ran := map[task]int{}
	ends := map[task]time.Time{}
	for tick := range 40 { // 20 s
		now := time.Unix(0, 0).Add(time.Duration(tick) * tickEvery)
		for _, r := range []task{compact, snapshot} {
			if a[r].runs && !now.Before(ends[r]) {
				a = a.end(r, now, tickEvery, 0, false)
			}
		}
		a = a.note(now, wishes)
		for l := range lane(lanes) {
			if r := a.next(now, l); r != nothing {
				a = a.begin(r)
				ends[r] = now.Add(tickEvery)
				ran[r]++
			}
		}
	}
	if ran[snapshot] < 19 || ran[compact] > 20 {
		t.Errorf("%d checkpoints and %d compactions of half a second each in 20 s", ran[snapshot], ran[compact])
	}
}

// TestATaskThatFailedTakesItsTurn has a task fail over and over: it keeps its age, and holds up nobody twice.
func TestATaskThatFailedTakesItsTurn(t *testing.T) {
	at := func(seconds int) time.Time { return time.Unix(int64(seconds), 0) }
	var a agenda
	var wishes [tasks]wish
	wishes[train] = wish{wanted: true, quiet: true}
	a = a.note(at(0), wishes).begin(train).end(train, at(1), time.Second, time.Minute, true)
	wishes[compact] = wish{wanted: true, quiet: true}
	a = a.note(at(1), wishes)
	if got := a.next(at(2), rebuilding); got != compact {
		t.Errorf("while the failed task rests: %v", got)
	}
	a = a.begin(compact).end(compact, at(2), time.Second, time.Minute, false)
	if got := a.note(at(61), wishes).next(at(61), rebuilding); got != train {
		t.Errorf("when it has rested: %v", got)
	}
	if !a[train].wished.Equal(at(0)) {
		t.Errorf("wanted since %v", a[train].wished)
	}
}
