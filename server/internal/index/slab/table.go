package slab

import "sync/atomic"

// Table is a list of chunks that one goroutine grows while any number read it, without a lock. The zero value is empty.
//
// What a chunk is, the owner chooses: a pointer to an array of rows, a slice of words, a struct of several columns. A
// chunk is never moved, replaced or given back, so a pointer into one stays good for as long as anybody holds it.
//
// # Publication
//
// A table of chunks is half of a structure; the other half is a count of what is in them, kept by the owner as an
// atomic. The rule binds both sides:
//
//	writer   Add the chunk if there is no room; write the row; then store the count that covers it
//	reader   load the count; then Chunks; look at rows below the count only
//
// Each atomic store makes all that the writer did before it visible to whoever loads what was stored (the Go memory
// model), so a reader that takes the count first gets at least the chunks that it needs, and finds their rows written.
// A row that is changed after it was published (a time of death, a link) is an atomic of its own.
//
// Add extends the array behind the list in place where it has room: no reader's slice reaches that far. Otherwise it
// copies the list, to twice the room. So adding n chunks copies O(n) headers in all.
type Table[C any] struct {
	chunks atomic.Pointer[[]C]
}

// Chunks returns the chunks so far. The slice is the table's and must not be changed.
func (t *Table[C]) Chunks() []C {
	if chunks := t.chunks.Load(); chunks != nil {
		return *chunks
	}
	return nil
}

// Add puts a chunk behind the others. One goroutine at a time.
func (t *Table[C]) Add(chunk C) {
	grown := append(t.Chunks(), chunk)
	t.chunks.Store(&grown)
}
