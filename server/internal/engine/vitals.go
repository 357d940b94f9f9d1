package engine

import (
	"context"
	"errors"
	"time"
)

// Vitals are what an operator watches of an engine beside its Stats.
type Vitals struct {
	Stats

	// Bytes of memory by part of the live generation.
	VectorBytes, WordBytes, ColumnBytes, SlotBytes int64

	StoreBytes       int64     // of the store's file
	StoreFree        int64     // of StoreBytes: in pages that hold nothing
	CheckpointTime   time.Time // when its newest part was written; zero: there is none
	CheckpointBytes  int64
	CheckpointBehind uint64            // revisions that a start replays
	ActivitySince    time.Time         // zero when idle
	Swaps            uint64            // generations put in place of another since the start
	Failures         map[string]uint64 // of background work, by task
}

// Refusal is why writes are refused.
type Refusal string

// Refusals.
const (
	NotRefused Refusal = ""          // writes are accepted
	DiskFull   Refusal = "disk_full" // until there is space
	Fault      Refusal = "fault"     // until the operator has mended it and started again
)

// Refusals are all reasons for which writes may be refused.
var Refusals = []Refusal{DiskFull, Fault}

// RefusalOf names the kind of an error of Writable.
func RefusalOf(err error) Refusal {
	switch {
	case err == nil:
		return NotRefused
	case errors.Is(err, ErrDiskFull):
		return DiskFull
	}
	return Fault
}

// Breadth is how much a search looks through: how many vectors there are to scan, and how wide a walk is that names no
// width of its own, 0 where there are no walks.
func (e *Engine) Breadth() (vectors, width int) {
	info := e.live.Load().vectors.Info()
	return info.Vectors, info.Width
}

// Vitals looks at everything. It takes about a millisecond.
func (e *Engine) Vitals(ctx context.Context) (Vitals, error) {
	stats, err := e.Stats(ctx)
	if err != nil {
		return Vitals{}, err
	}
	g, space := e.live.Load(), e.store.Space()
	v := Vitals{
		Stats:            stats,
		VectorBytes:      g.vectors.Info().Bytes,
		WordBytes:        g.words.Bytes(),
		ColumnBytes:      g.columns.Bytes(),
		SlotBytes:        g.slots.bytes(),
		StoreBytes:       space.File,
		StoreFree:        space.Free,
		CheckpointBytes:  e.checkpoint.bytes.Load(),
		CheckpointBehind: e.behind(),
		Swaps:            e.swapped.Load(),
		Failures:         make(map[string]uint64, tasks),
	}
	if at := e.checkpoint.written.Load(); at > 0 {
		v.CheckpointTime = time.Unix(at, 0)
	}
	if a := e.activity.Load(); a != nil {
		v.ActivitySince = a.since
	}
	for t := range task(tasks) {
		if t != nothing {
			v.Failures[t.String()] = e.failures[t].Load()
		}
	}
	return v, nil
}
