package engine

import (
	"math"
	"sync/atomic"
	"time"
)

// replaySpeed is how fast this machine takes stored papers into a generation, as measured at every replay and build.
type replaySpeed struct {
	perSecond atomic.Uint64 // float64 bits; 0: not measured yet
}

const (
	firstSpeed  = 10_000 // papers a second, until it is measured
	speedSample = 200    // papers that are enough to measure by
	speedWeight = .3     // of the newest measurement
)

// note takes in that n papers took d.
func (s *replaySpeed) note(n int, d time.Duration) {
	if n < speedSample || d <= 0 {
		return
	}
	measured := float64(n) / d.Seconds()
	for {
		old := s.perSecond.Load()
		next := measured
		if old != 0 {
			next = math.Float64frombits(old)*(1-speedWeight) + measured*speedWeight
		}
		if s.perSecond.CompareAndSwap(old, math.Float64bits(next)) {
			return
		}
	}
}

// estimate is how long a replay of n revisions takes.
func (s *replaySpeed) estimate(n uint64) time.Duration {
	speed := math.Float64frombits(s.perSecond.Load())
	if speed == 0 {
		speed = firstSpeed
	}
	return time.Duration(float64(n) / speed * float64(time.Second))
}
