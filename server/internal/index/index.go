// Package index finds the vectors nearest to a query by cosine.
//
// It knows vectors and slots, not papers. A slot is the dense number of a vector in the order of Append, from 0.
// Vectors are never changed or removed: an engine's owner says through Query.Accept which slots may be hits, and drops
// the whole index when too many no longer may.
package index

import (
	"context"
	"errors"
	"io"
	"slices"
)

// Errors of every engine.
var (
	// ErrDims: a vector does not have the index's number of dimensions.
	ErrDims = errors.New("index: wrong number of dimensions")
	// ErrNotFinite: a vector holds NaN or infinity.
	ErrNotFinite = errors.New("index: vector is not finite")
)

// Accept says which slots may be hits. It is called from many goroutines at once.
type Accept interface {
	// Accepts reports whether a slot may be a hit.
	Accepts(slot uint32) bool
	// Slots returns the accepted slots when the set is known, for an exact scan of them alone; nil when it is not. Every
	// slot of it must still pass Accepts.
	Slots() Listing
	// Share is an estimate of the accepted share of all slots, 0 to 1.
	Share() float64
}

// Listing is a known set of slots, read piece by piece: a query copies no list of what it accepts. It is read from many
// goroutines at once.
type Listing interface {
	// Len is about how many slots there are.
	Len() int
	// List writes the slots from..to-1 into dst, ascending, until dst is full, and returns how many these are and where to
	// go on: to when there are no more.
	List(from, to uint32, dst []uint32) (n int, next uint32)
}

// Slots is a Listing of slots that ascend.
type Slots []uint32

// Len implements Listing.
func (s Slots) Len() int { return len(s) }

// List implements Listing.
func (s Slots) List(from, to uint32, dst []uint32) (n int, next uint32) {
	first, _ := slices.BinarySearch(s, from)
	end, _ := slices.BinarySearch(s, to)
	if n = copy(dst, s[first:max(first, end)]); first+n < end {
		return n, s[first+n]
	}
	return n, to
}

// Query asks for the K slots with the highest cosine.
type Query struct {
	Vector []float32 // len Dims; scaled to L2 norm 1 by the engine; a zero vector finds nothing
	K      int       // 0 finds nothing
	Ef     int       // width of an approximate walk; 0: the engine's default
	Exact  bool      // score every accepted slot
	Walk   bool      // walk the graph even where a scan is cheaper; a walk with fewer than K accepted is followed by one
	Accept Accept    // nil: every slot
}

// Candidate is a slot with its cosine.
type Candidate struct {
	Slot  uint32
	Score float32 // cosine, -1 to 1, higher is better
}

// Report says how an answer was found.
type Report struct {
	Exact  bool // every accepted slot was scored
	Scored int  // vectors scored, at any precision
}

// Span is what one Save writes: the slots From..To-1, and with Links what changed in the graph since the last Save
// with Links that was kept; a span from 0 has all links. The graph among the saved slots may lack vectors: they are
// scanned until Catchup has them in again.
type Span struct {
	From, To int // at most Len
	Links    bool
}

// Info describes an index.
type Info struct {
	Engine  string // its name in package engines
	Vectors int    // appended, zero vectors included
	Graph   int    // in the graph; equals Vectors where there is none to catch up
	Zero    int    // zero vectors, which are never hits
	Bytes   int64  // memory of codes and links
	Width   int    // of a walk for a query that names none; 0 where there are no walks
}

// Workers is a number of goroutines for Catchup that stays the same.
func Workers(n int) func() int { return func() int { return n } }

// Searcher is a vector index. Append is for one goroutine at a time; all else may be called from many at once, while
// Append and Catchup run.
type Searcher interface {
	// Append makes a vector searchable and returns its slot. The vector (len Dims) is scaled to L2 norm 1 and copied. A
	// zero vector takes a slot and is never a hit.
	Append(vector []float32) (slot uint32, err error)
	// Catchup moves vectors that searches still scan one by one into the graph, until there are none left or ctx ends.
	// workers says how many goroutines do it, at least 1, and is asked again every fraction of a second. One call at a
	// time. Engines without a graph return at once.
	Catchup(ctx context.Context, workers func() int) error
	// Search appends to dst the K accepted slots with the highest cosine, in order of falling score, ties by rising slot.
	Search(ctx context.Context, q *Query, dst []Candidate) ([]Candidate, Report, error)
	// SearchBatch answers many queries as Search would answer each, and shares the reading of the vectors among those that
	// are scanned for. It appends the hits of queries[i] to dst[i] and writes its report to reports[i], both as long as
	// queries; after an error, which may be that of any query, they hold nothing of use.
	SearchBatch(ctx context.Context, queries []*Query, dst [][]Candidate, reports []Report) error
	// Scores writes the cosine of the query vector (len Dims, L2 norm 1) with each slot to dst (len(slots)).
	Scores(vector []float32, slots []uint32, dst []float32) error
	// Vector writes the stored vector of a slot, as far as the engine keeps its precision, to dst (len Dims, L2 norm 1, or
	// all zero).
	Vector(slot uint32, dst []float32) error
	// Len is the number of vectors appended.
	Len() int
	// Dims is the number of dimensions.
	Dims() int
	// Info describes the index.
	Info() Info
	// Save writes a span, so that Load takes it into an index that holds what is before it. Append and Catchup may run
	// meanwhile. ctx ends the writing.
	Save(ctx context.Context, w io.Writer, s Span) error
	// Saved ends a Save: whether its bytes are kept, so that the next span builds upon it. Without it the Save counts for
	// nothing.
	Saved(kept bool)
	// Unsaved is the bytes of links that a Save of a span with links writes for slots before it, and for slots that
	// entered the graph since the last one: 0 for engines without a graph, and where nothing changed.
	Unsaved() int64
	// Load takes in what Save wrote of a span that begins at Len, from size bytes of r at most. Nothing else may run
	// meanwhile. After an error the index is of no use. What was loaded need not be saved again.
	Load(r io.Reader, size int64) error
	// Check verifies the engine's invariants over everything it holds, for tests and after a load. It must not run beside
	// Catchup.
	Check() error
}
