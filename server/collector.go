package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// gcPercent is how much garbage may pile up before it is collected, as a percentage of what is alive. The indexes are
// large flat arrays without pointers, which the collector skips, so a cycle is cheap and a lower value than Go's 100
// buys memory for little time: at 1,000,000 papers half a gigabyte. In bytes it is as much as one to two seconds make,
// within leastGarbage and maxGarbage: while papers pour in, cycles are rare; while searches run, which make little,
// memory is not held for it.
const (
	gcPercent    = 50
	leastGarbage = 48 << 20
	maxGarbage   = 192 << 20
)

// idleMost is how much memory that Go holds and does not use is given back to the system at once. Go itself gives back
// what is above a tenth of all, slowly.
const idleMost = 64 << 20

// garbagePercent is the collector's setting for a number of bytes alive, of which so many are made a second.
func garbagePercent(alive, made uint64) int {
	room := min(max(2*made, leastGarbage), maxGarbage)
	if alive*gcPercent/100 <= room {
		return gcPercent
	}
	return max(1, int(room*100/alive))
}

// boundGarbage keeps the collector's setting fit for what is alive, until ctx ends. What the environment says in GOGC
// goes before.
func boundGarbage(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	samples := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, // as of the end of the last cycle
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	before := uint64(0)
	for set, calm := gcPercent, 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(samples)
		alive, allocated, idle := samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64()
		made := allocated - before
		before = allocated
		// A change stops the world for some microseconds: not for less than a tenth.
		if want := garbagePercent(alive, made); 10*want < 9*set || 10*want > 11*set {
			debug.SetGCPercent(want)
			set = want
		}
		if calm++; made > leastGarbage || idle < idleMost {
			calm = 0
		}
		if calm == calmSeconds {
			debug.FreeOSMemory()
			calm = 0
		}
	}
}

// calmSeconds is how long memory stays unused, while little is made, before it is given back: a cycle is run for it.
const calmSeconds = 3
