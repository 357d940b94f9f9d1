//go:build !windows

package coder

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"sync"

	"github.com/coder/hnsw"

	"github.com/akin-search/akin/server/internal/index"
)

// ErrLibrary: github.com/coder/hnsw panicked. Start the server with --index hnsw.
var ErrLibrary = errors.New("index/coder: the graph library failed; start the server with --index hnsw")

// ErrSlot: a slot was never appended.
var ErrSlot = errors.New("index/coder: no such slot")

// Index implements index.Searcher. Append is for one goroutine at a time, all else for any number.
type Index struct {
	dims int

	// mu guards the graph, and what follows it: the library's reads and writes must not overlap.
	mu    sync.RWMutex
	graph *hnsw.Graph[uint32] // key: slot; value: a slice of rows
	rows  rows
	zeros int
	fault error // wraps ErrLibrary once an insert has panicked
}

var _ index.Searcher = (*Index)(nil)

// New returns an empty index of vectors with dims dimensions.
func New(dims int) *Index {
	if dims < 1 {
		panic(fmt.Sprintf("index/coder: %d dimensions", dims))
	}
	x := &Index{dims: dims, graph: hnsw.NewGraph[uint32](), rows: rows{dims: dims}}
	x.graph.Distance = func(a, b hnsw.Vector) float32 { return 1 - dot(a, b) } // all norms are 1
	x.graph.Rng = rand.New(rand.NewSource(1))                                  //nolint:gosec // levels need no secrecy
	return x
}

// Append implements index.Searcher. An error that wraps ErrLibrary is final: every later Append returns it too.
func (x *Index) Append(vector []float32) (uint32, error) {
	row := make([]float32, x.dims)
	zero, err := normalise(row, vector)
	if err != nil {
		return 0, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.fault != nil {
		return 0, x.fault
	}
	slot, stored := x.rows.write(row)
	if zero {
		x.zeros++
	} else if err := guard("Add", func() { x.graph.Add(hnsw.MakeNode(slot, stored)) }); err != nil {
		x.fault = err
		return 0, err
	}
	x.rows.n++
	return slot, nil
}

// Catchup implements index.Searcher: Append links at once, so there is nothing to do.
func (x *Index) Catchup(context.Context, func() int) error { return nil }

// Scores implements index.Searcher.
func (x *Index) Scores(vector []float32, slots []uint32, dst []float32) error {
	if err := checkVector(vector, x.dims); err != nil {
		return err
	}
	if len(dst) < len(slots) {
		return fmt.Errorf("index/coder: room for %d scores of %d slots", len(dst), len(slots))
	}
	rows := x.snapshot()
	for i, slot := range slots {
		if int64(slot) >= int64(rows.n) {
			return fmt.Errorf("%w: %d of %d", ErrSlot, slot, rows.n)
		}
		dst[i] = dot(vector, rows.row(slot))
	}
	return nil
}

// Vector implements index.Searcher, at full precision.
func (x *Index) Vector(slot uint32, dst []float32) error {
	if len(dst) != x.dims {
		return fmt.Errorf("%w: %d, want %d", index.ErrDims, len(dst), x.dims)
	}
	rows := x.snapshot()
	if int64(slot) >= int64(rows.n) {
		return fmt.Errorf("%w: %d of %d", ErrSlot, slot, rows.n)
	}
	copy(dst, rows.row(slot))
	return nil
}

// Len implements index.Searcher.
func (x *Index) Len() int { return x.snapshot().n }

// Dims implements index.Searcher.
func (x *Index) Dims() int { return x.dims }

// nodeBytes is what the library's maps and nodes take beside the vector: the growth of the heap a vector, less the
// row, as annbench prints it for 86,247 vectors.
const nodeBytes = 986

// Info implements index.Searcher. Bytes counts the float32 rows exactly and the library's nodes by their mean size.
func (x *Index) Info() index.Info {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return index.Info{
		Engine:  "coder",
		Vectors: x.rows.n,
		Graph:   x.rows.n,
		Zero:    x.zeros,
		Bytes:   x.rows.bytes() + nodeBytes*int64(x.rows.n-x.zeros),
	}
}

// snapshot returns the rows appended so far, which may be read without the lock: a row never changes.
func (x *Index) snapshot() rows {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.rows
}

// guard turns a panic of the library into an error.
func guard(call string, f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w (panic in %s: %v)", ErrLibrary, call, p)
		}
	}()
	f()
	return nil
}
