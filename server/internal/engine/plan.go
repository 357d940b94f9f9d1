package engine

import (
	"math"
	"time"
)

// state is what the policy decides by.
type state struct {
	papers   int     // live
	shards   int     // that papers are spread over evenly, of which these are one; 0: one
	slots    int     // dead ones included
	learnt   int     // papers the model was made from
	trained  bool    // whether its rows were learnt
	training bool    // whether a training runs
	drift    float64 // how far the words have moved from the model's, when that decides something: see staleness
	trainAt  int     // papers at which training begins; below 0 never
	given    bool    // whether models are others' to make
	grown    float64 // papers that came of late: see growth
	calm     time.Duration
	idle     time.Duration // since the last write
	behind   uint64        // revisions since the last checkpoint
	unsaved  int           // vectors that entered the graph since
	tail     int           // vectors that wait for the graph
	tailMax  int           // at which writers wait
	every    uint64        // revisions after which a checkpoint is due in any case; 0: never
	replay   time.Duration // about what a start takes for those
	current  bool          // the checkpoint is of the generation that serves
	keeps    bool          // whether checkpoints are written
	file     int64         // bytes of the store's file
	free     int64         // of them in free pages
	unseen   bool          // there are superseded records that nobody can see
	log      bool          // there are entries of the log that nobody needs
	replaced bool          // a generation was replaced, and its last query has ended
	mapped   int64         // bytes of files that count as the process's memory: pages that reads have mapped, and its code
	maps     bool          // whether a map is drawn
	charted  int           // papers that there were when it was drawn
	chartNow bool          // it is of the model that serves
	unplaced bool          // it is to be laid over another generation, or to give papers places
	unlike   bool          // it is not known which words are alike
	barren   bool          // too few of these papers have vectors for a map
}

// Thresholds of the policy; tests shrink them.
var (
	trainFrom      = 2                      // papers a training needs at least
	refitFrom      = 16                     // papers worth counting words of
	refitIdle      = 500 * time.Millisecond // without writes before a refit, which takes milliseconds
	refitFast      = 2000                   // papers up to which it takes so little
	compactFrom    = 1000                   // dead slots worth a rebuild
	compactShare   = .2                     // of all slots
	shrinkFrom     = int64(64 << 20)        // bytes of free pages worth copying the rest for, if they are most of the file
	shrinkAlways   = int64(128 << 20)       // and of any file: each commit writes their list, 8 bytes a page, 256 KiB
	worthSaving    = 2000                   // vectors in the graph, about a second's work, worth a checkpoint
	replayMax      = time.Second            // that a start may take to replay the log
	checkpointIdle = 5 * time.Second        // without writes before the graph is saved for its own sake
	shrinkPatience = time.Minute            // for a moment without writes
	mappedMax      = int64(96 << 20)        // bytes of mapped files worth giving back: reading again costs faults, no disk
	learnEarly     = 100_000                // papers that a model learns from without waiting for the end of a bulk write
	driftMax       = .05                    // embed.Model.Drift that is worth learning anew from a corpus that has doubled
	linkIdle       = time.Second            // without writes before a graph is built that a training will throw away
	drawFrom       = 32                     // papers worth a map
	drawTail       = 1000                   // vectors that may wait for the graph while a map is drawn
)

// waits is how many times as long as its quiet a task waits for it at most.
const waits = 10

// plan says what is wanted, and which of it now. It is pure: schedule.go orders it and background.go carries it out.
//
// A model is made anew when the corpus has doubled since it was made: so the work over the life of a corpus stays
// within twice its last training. It is not made in the middle of a bulk write, which would double the corpus again at
// once, but neither does it wait for silence: it is time when the papers that came within the last Config.Idle are
// less than 1/e of all (a corpus that came at once has then rested for Idle, and a trickle never holds a training up),
// and at the latest after ten times Idle.
//
// A bulk write of more than learnEarly papers is learnt from while it pours in. That model serves from then on, and the
// graph is built once, under it: a model of so many papers is made anew only when the corpus has doubled and its words
// have moved as well. A random half of a corpus has a drift below .02, its older or newer half one above .05.
//
// A map is drawn once for a model, and again when there are twice as many papers as then: not while a model is about
// to be learnt, whose map would replace it at once, nor while many vectors wait for the graph.
//
// While papers pour into a corpus that no model has been learnt from, their vectors stay in the tail, up to its limit:
// the graph would be thrown away, and a scan of a million takes some ten milliseconds.
func plan(s state) (w [tasks]wish) {
	all := s.papers * max(1, s.shards)
	doubled := all >= 2*s.learnt
	stale := doubled && (s.learnt < learnEarly || s.drift >= driftMax)
	enough := s.trainAt >= 0 && all >= max(trainFrom, s.trainAt)
	dead := s.slots - s.papers
	w[train] = wish{
		wanted:   enough && (stale || !s.trained),
		quiet:    s.grown*math.E <= float64(s.papers) || !s.trained && all >= learnEarly,
		patience: waits * s.calm,
	}
	w[refit] = wish{
		wanted:   !s.given && !enough && !s.trained && doubled && all >= refitFrom,
		quiet:    s.idle >= refitIdle,
		patience: waits * refitIdle,
	}
	if all > refitFast {
		w[refit].patience = waits * s.calm
	}
	w[compact] = wish{
		wanted: dead >= compactFrom && float64(dead) > compactShare*float64(s.slots) ||
			dead > 0 && float64(s.slots) > nearlyFull*float64(maxSlots),
		quiet: true,
	}
	w[shrink] = wish{
		wanted:   s.free >= shrinkAlways || s.free >= shrinkFrom && s.free > s.file/2,
		quiet:    s.idle >= checkpointIdle,
		patience: shrinkPatience,
	}
	w[snapshot] = wish{wanted: s.keeps && s.dueCheckpoint(), quiet: true}
	w[collect] = wish{wanted: s.unseen, quiet: true}
	w[trim] = wish{wanted: s.log, quiet: true}
	w[release] = wish{wanted: s.replaced, quiet: true}
	w[unmap] = wish{wanted: s.mapped > mappedMax, quiet: true}
	poursIn := enough && !s.trained && (s.idle < linkIdle || s.training) && s.tail < s.tailMax
	w[link] = wish{wanted: s.tail > 0 && !poursIn, quiet: true}
	settled := !s.training && !w[train].wanted && !w[refit].wanted && s.tail < drawTail
	w[drawMap] = wish{
		wanted:   s.maps && settled && s.papers >= drawFrom && !s.barren && (!s.chartNow || s.papers >= 2*s.charted),
		quiet:    s.idle >= linkIdle,
		patience: waits * s.calm,
	}
	w[settleNew] = wish{wanted: s.maps && s.unplaced, quiet: true}
	w[compare] = wish{wanted: s.unlike, quiet: true}
	return w
}

// dueCheckpoint reports whether a start would have so much to do that a checkpoint is worth writing: a generation that
// none is of, more than replayMax to replay, or a graph to build again that nothing disturbs now. A few papers wait
// for more, or for the end of the process.
func (s *state) dueCheckpoint() bool {
	return s.slots > 0 && !s.current ||
		s.replay >= replayMax || s.every > 0 && s.behind >= s.every ||
		s.unsaved >= worthSaving && s.tail < worthSaving && s.idle >= checkpointIdle
}

// growth counts the papers that came of late: one that came a window ago counts 1/e of one that came now. It is a
// value.
type growth struct {
	at     time.Time
	papers int
	recent float64
}

// observe takes in how many papers there are at a moment.
func (g growth) observe(now time.Time, papers int, window time.Duration) growth {
	if !g.at.IsZero() {
		g.recent *= math.Exp(-now.Sub(g.at).Seconds() / window.Seconds())
		g.recent += float64(max(0, papers-g.papers))
	}
	g.at, g.papers = now, papers
	return g
}
