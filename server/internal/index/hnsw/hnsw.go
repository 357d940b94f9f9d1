package hnsw

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/index/codes"
)

// Index is a hierarchical navigable small world graph with an exactly scanned tail: an index.Searcher.
//
// Slots below graphed are in the graph, those from there to n are the tail. Readers load graphed before n; a slot that
// enters the graph in between is found both ways and counted once.
type Index struct {
	config Config
	codes  *codes.Codes
	graph  *graph

	n       atomic.Int64  // slots published
	graphed atomic.Int64  // slots in the graph: nodes, chained and zero ones
	entry   atomic.Uint32 // the first slot that is not zero, or none; it has every layer
	top     atomic.Int32  // the highest layer that a node beside the entry has

	twins twins // the appender's

	savingMu sync.Mutex   // held by Save and Saved; before catchup
	saving   saving       // under savingMu
	saved    atomic.Int64 // slots whose links were saved and kept

	catchup  sync.Mutex // held by Catchup and Check, and tried by Save
	builders []*builder // Catchup's
	unproven int        // slots inserted since reachability was last verified; Catchup's

	searchers sync.Pool // *searcher
	batches   sync.Pool // *codes.Batch
}

var _ index.Searcher = (*Index)(nil)

// New returns an empty index of vectors of dims dimensions, 1 to vector.MaxCodeDims. The configuration must be valid.
func New(dims int, config Config) *Index {
	config.EnsureDefaults()
	if err := config.Validate(); err != nil {
		panic(err)
	}
	x := &Index{config: config, codes: codes.New(dims), graph: newGraph(config.M)}
	x.entry.Store(none)
	x.searchers.New = func() any { return new(searcher) }
	x.batches.New = func() any { return new(codes.Batch) }
	return x
}

// Append implements index.Searcher.
func (x *Index) Append(v []float32) (uint32, error) {
	if x.n.Load() == MaxSlots {
		return 0, fmt.Errorf("hnsw: the index is full at %d vectors", MaxSlots)
	}
	slot, err := x.codes.Append(v)
	if err != nil {
		return 0, err
	}
	x.place(slot)
	return slot, nil
}

// place gives a slot whose codes are stored its room in the graph, or its place in a chain, and publishes it. A slot
// whose coarse codes equal those of an earlier one follows it in a chain and is no node: a walk, which reads coarse
// codes, could not tell the two apart, and nodes that are nearest to each other and to nothing else fill their lists
// with each other.
func (x *Index) place(slot uint32) {
	view := x.codes.View()
	if view.Scale(slot) != 0 {
		levels, follows := 0, x.twins.add(&view, slot)
		switch {
		case follows != none:
		case x.entry.Load() == none:
			levels = x.graph.levels
		default:
			levels = x.graph.level(slot)
		}
		x.graph.open(slot, levels, follows != none)
		if follows != none {
			t := x.graph.tables()
			t.follow(slot, follows)
		} else {
			x.entry.CompareAndSwap(none, slot)
		}
	} else {
		x.graph.open(slot, 0, false)
	}
	x.n.Store(int64(slot) + 1)
}

// isNode reports whether a published slot belongs in the graph: not zero and in no chain behind another.
func (x *Index) isNode(view *codes.View, t *linkTables, slot uint32) bool {
	return view.Scale(slot) != 0 && !t.isChained(slot)
}

// Scores implements index.Searcher.
func (x *Index) Scores(v []float32, slots []uint32, dst []float32) error {
	s := x.searchers.Get().(*searcher)
	defer x.searchers.Put(s)
	return x.codes.Scores(&s.query, v, slots, dst)
}

// Vector implements index.Searcher.
func (x *Index) Vector(slot uint32, dst []float32) error { return x.codes.Vector(slot, dst) }

// Len implements index.Searcher.
func (x *Index) Len() int { return int(x.n.Load()) }

// Dims implements index.Searcher.
func (x *Index) Dims() int { return x.codes.Dims() }

// Info implements index.Searcher.
func (x *Index) Info() index.Info {
	graphed := int(x.graphed.Load())
	return index.Info{
		Engine: "hnsw", Vectors: x.Len(), Graph: graphed, Zero: x.codes.Zero(),
		Bytes: x.codes.Bytes() + x.graph.bytes() + x.twins.size.Load(), Width: x.config.width(graphed),
	}
}
