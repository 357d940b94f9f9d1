package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// gcPercent is how much garbage may pile up before it is collected, as a percentage of what is alive, and maxGarbage
// how many bytes at most. The indexes are large flat arrays without pointers, which the collector skips, so a cycle is
// cheap and a lower value than Go's 100 buys memory for little time: at 1,000,000 papers half a gigabyte.
const (
	gcPercent  = 50
	maxGarbage = 192 << 20
)

// garbagePercent is the collector's setting for a number of bytes alive.
func garbagePercent(alive uint64) int {
	if alive*gcPercent/100 <= maxGarbage {
		return gcPercent
	}
	return max(1, int(maxGarbage*100/alive))
}

// boundGarbage keeps the collector's setting fit for what is alive, until ctx ends. What the environment says in GOGC
// goes before.
func boundGarbage(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}} // as of the end of the last cycle
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for set := gcPercent; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(sample)
		// A change stops the world for some microseconds: not for less than a twentieth.
		if want := garbagePercent(sample[0].Value.Uint64()); 20*want < 19*set || 20*want > 21*set {
			debug.SetGCPercent(want)
			set = want
		}
	}
}
