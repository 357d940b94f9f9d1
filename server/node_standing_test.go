package main

import (
	"errors"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/engine"
)

func TestANodeThatLagsOrHasNoLeaseIsNotAsked(t *testing.T) {
	for _, c := range []struct {
		lag    time.Duration
		leased bool
		asked  bool
	}{
		{0, true, true}, {5 * time.Second, true, true}, {5*time.Second + 1, true, false}, {0, false, false},
		{time.Hour, false, false},
	} {
		if err := asked(c.lag, c.leased); (err == nil) != c.asked || err != nil && !errors.Is(err, engine.ErrLagging) {
			t.Errorf("a lag of %v, leased %v: %v", c.lag, c.leased, err)
		}
	}
}
