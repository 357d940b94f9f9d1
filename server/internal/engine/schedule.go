package engine

import "time"

// task is something the engine does by itself.
type task uint8

// A new task is a constant here, a row of the table below, a wish in plan.go and a case in background.go.
const (
	nothing   task = iota
	refit          // new word weights, untrained rows: a small corpus has changed much
	train          // new rows and word weights
	compact        // the same model without the dead slots
	shrink         // give the free pages of the store back to the disk
	snapshot       // write a checkpoint of the generation
	collect        // remove superseded records that nobody can see
	trim           // remove the log that no checkpoint needs
	release        // give the memory of a replaced generation back
	unmap          // give back the pages of the store that reads have mapped
	link           // move the tail into the graph
	drawMap        // compute the map of the papers anew
	settleNew      // give papers that were not drawn a place on the map
	compare        // find out which words are alike

	tasks // how many there are
)

// lane is a queue of tasks that run one at a time. Lanes run beside each other, so that a long task holds back only the
// tasks of its own lane: it yields to all others by construction.
type lane uint8

const (
	rebuilding lane = iota // seconds to minutes, and much memory: never two at once
	upkeep                 // milliseconds to seconds: what must not wait for a rebuild
	linking                // the graph takes the tail in from one goroutine
	mapping                // minutes, of whatever cores are idle; nobody waits for it
	comparing              // seconds to a minute, of one core, once for each model

	lanes // how many there are
)

// about says of each task what never changes.
var about = [tasks]struct {
	name string
	lane lane
	rest int // times its cost that a task rests after a run: it takes at most the share 1/(1+rest) of a core's time
}{
	nothing:   {name: "nothing"},
	refit:     {"refit", rebuilding, 1},
	train:     {"train", rebuilding, 1},
	compact:   {"compact", rebuilding, 1},
	shrink:    {"shrink", rebuilding, 19},
	snapshot:  {"checkpoint", upkeep, 1},
	collect:   {"collect", upkeep, 1},
	trim:      {"trim", upkeep, 1},
	release:   {"release", upkeep, 1},
	unmap:     {"unmap", upkeep, 1},
	link:      {"link", linking, 0},
	drawMap:   {"map", mapping, 9},
	settleNew: {"place", mapping, 1},
	compare:   {"words", comparing, 1},
}

func (t task) String() string { return about[t].name }

// wish is what the policy says about a task at one moment.
type wish struct {
	wanted   bool
	quiet    bool          // now is a good moment
	patience time.Duration // how long the task waits for a good moment; then every moment is good
}

// entry is what the schedule knows of one task. Its age is the time since wished.
type entry struct {
	wished time.Time     // since when the task is wanted; zero: it is not
	due    time.Time     // since when it is to run, which lasts as long as it is wanted; zero: it is not
	cost   time.Duration // of its last run
	rests  time.Time     // it does not run before; zero: it never ran
	runs   bool
}

// agenda is the schedule: a value, so that what it decides depends on nothing else.
//
// The rule: of the tasks of a free lane that are due and not resting, the one that has been due for longest runs next.
// A task that becomes due therefore waits for no other task of its lane twice: at most for the one that runs and for
// each that was due before it. From the moment it is wanted until it runs, it takes at most
//
//	its patience + its rest + one run of every other task of its lane
//
// (and a tick for each of these, since the clock is looked at in ticks), and nothing that happens in another lane adds
// to that.
type agenda [tasks]entry

// note takes in what is wanted at a moment.
func (a agenda) note(now time.Time, wishes [tasks]wish) agenda {
	for t := range a {
		e, w := &a[t], wishes[t]
		switch {
		case e.runs:
			continue // what is wanted after the run is seen after the run
		case !w.wanted:
			e.wished, e.due = time.Time{}, time.Time{}
			continue
		case e.wished.IsZero():
			e.wished = now
		}
		if e.due.IsZero() && (w.quiet || now.Sub(e.wished) >= w.patience) {
			e.due = now
		}
	}
	return a
}

// next returns the task that a lane runs now; nothing while one runs in it, or none is due.
func (a agenda) next(now time.Time, l lane) task {
	chosen := nothing
	for t := range task(tasks) {
		e := &a[t]
		if t == nothing || about[t].lane != l {
			continue
		}
		if e.runs {
			return nothing
		}
		if e.due.IsZero() || now.Before(e.rests) {
			continue
		}
		if chosen == nothing || e.due.Before(a[chosen].due) {
			chosen = t
		}
	}
	return chosen
}

// begin notes that a task runs.
func (a agenda) begin(t task) agenda {
	a[t].runs = true
	return a
}

// end notes that a task which ran for cost has ended. One that failed is left alone for a while: it keeps its age, but
// takes its turn behind those that are due already.
func (a agenda) end(t task, now time.Time, cost, retry time.Duration, failed bool) agenda {
	e := &a[t]
	e.runs, e.cost, e.due = false, cost, time.Time{}
	e.rests = now.Add(time.Duration(about[t].rest) * cost)
	if failed {
		e.rests = now.Add(max(retry, cost))
		return a
	}
	e.wished = time.Time{}
	return a
}
