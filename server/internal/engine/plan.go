package engine

import "time"

// task is something the engine does by itself.
type task uint8

const (
	nothing  task = iota
	refit         // new word weights, untrained rows: a small corpus has changed much
	train         // new rows and word weights
	compact       // the same model without the dead slots
	snapshot      // write a checkpoint of the generation
	shrink        // give the free pages of the store back to the disk

	tasks // how many there are
)

func (t task) String() string {
	return [...]string{"nothing", "refit", "train", "compact", "checkpoint", "shrink"}[t]
}

// state is what the planner decides by.
type state struct {
	papers   int  // live
	slots    int  // dead ones included
	learnt   int  // papers the model was made from
	trained  bool // whether its rows were learnt
	trainAt  int  // papers at which training begins; below 0 never
	idle     time.Duration
	needIdle time.Duration // before a training
	behind   uint64        // revisions since the last checkpoint
	unsaved  int           // vectors that entered the graph since
	tail     int           // vectors that wait for the graph
	every    uint64        // revisions after which a checkpoint does not wait for quiet
	keeps    bool          // whether checkpoints are written
	file     int64         // bytes of the store's file
	free     int64         // of them in free pages

	avoid [tasks]bool // tasks that failed a moment ago
}

// Thresholds of the planner; tests shrink them.
var (
	trainFrom      = 2                      // papers a training needs at least
	refitFrom      = 16                     // papers worth counting words of
	refitIdle      = 500 * time.Millisecond // without writes before a refit, which takes milliseconds
	compactFrom    = 1000                   // dead slots worth a rebuild
	compactShare   = .2                     // of all slots
	shrinkFrom     = int64(64 << 20)        // bytes of free pages worth copying the rest for
	worthSaving    = 2000                   // vectors in the graph, about a second's work, worth a checkpoint
	checkpointIdle = 5 * time.Second        // a checkpoint of few revisions waits for quiet
)

// plan chooses the next task. It is pure: the executor in background.go only executes.
//
// A model is made anew when the corpus has doubled since it was made: so the work over the life of a corpus stays
// within twice its last training.
func plan(s state) task {
	doubled := s.papers >= 2*s.learnt
	switch {
	case !s.avoid[train] && s.trainAt >= 0 && s.papers >= max(trainFrom, s.trainAt) && (doubled || !s.trained) && s.idle >= s.needIdle:
		return train
	case !s.avoid[refit] && !s.trained && s.papers >= refitFrom && doubled && s.idle >= refitIdle && (s.trainAt < 0 || s.papers < s.trainAt):
		return refit
	case !s.avoid[compact] && s.slots-s.papers >= compactFrom && float64(s.slots-s.papers) > compactShare*float64(s.slots):
		return compact
	case !s.avoid[snapshot] && s.keeps && s.behind >= s.every:
		return snapshot
	case !s.avoid[snapshot] && s.keeps && s.behind > 0 && s.idle >= checkpointIdle:
		return snapshot
	case !s.avoid[snapshot] && s.keeps && s.unsaved >= worthSaving && s.tail < worthSaving && s.idle >= checkpointIdle:
		return snapshot
	case !s.avoid[shrink] && s.free >= shrinkFrom && s.free > s.file/2 && s.idle >= checkpointIdle:
		return shrink
	}
	return nothing
}
