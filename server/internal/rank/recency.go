package rank

import (
	"math"
	"time"
)

// Age halves scores for every half-life of a paper's age. published gives the time of a paper in Unix seconds; known is
// false where there is none. A paper of unknown age counts as old as the oldest candidate, one from the future as new.
func (r *Ranker) Age(halfLife time.Duration, now time.Time, published func(slot uint32) (unix int64, known bool)) {
	factor := func(publish int64) float64 {
		age := max(0, float64(now.Unix()-publish))
		return math.Exp2(-age / halfLife.Seconds())
	}
	oldest := 1.0
	for i := range r.Ranked {
		if t, known := published(r.Ranked[i].Slot); known {
			oldest = min(oldest, factor(t))
		}
	}
	for i := range r.Ranked {
		f := oldest
		if t, known := published(r.Ranked[i].Slot); known {
			f = factor(t)
		}
		r.Ranked[i].Score *= f
	}
}
