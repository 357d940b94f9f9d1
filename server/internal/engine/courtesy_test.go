package engine

import (
	"testing"
	"testing/synctest"
	"time"
)

// A drawing rests while queries run, for mapRest times as long as it worked, and goes on at once without any.
func TestADrawingRestsWhileQueriesRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &Engine{readers: newReaders(0), opened: time.Now(), cfg: Config{Cores: 2}}
		workers := e.courteous(t.Context())
		step := func() time.Duration {
			time.Sleep(time.Second) // the work
			begin := time.Now()
			if n := workers(); n < 1 {
				t.Errorf("%d workers", n)
			}
			return time.Since(begin)
		}
		if rested := step(); rested != 0 {
			t.Errorf("rested %v though nobody asked", rested)
		}
		query := e.readers.enter()
		if rested := step(); rested != mapRest*time.Second {
			t.Errorf("rested %v beside a query, want %v", rested, mapRest*time.Second)
		}
		e.readers.leave(query)
		if rested := step(); rested != 0 {
			t.Errorf("rested %v behind a query", rested)
		}
		e.readers.leave(e.readers.enter())
		if rested := step(); rested != mapRest*time.Second {
			t.Errorf("rested %v behind a query that came and went, want %v", rested, mapRest*time.Second)
		}
	})
}
