package engine

import (
	"context"
	"sync/atomic"
	"testing"
)

func TestTrainingsAndMapsGiveWay(t *testing.T) {
	var asked atomic.Int64
	e := open(t, t.TempDir(), withoutMap, func(c *Config) { c.GiveWay = func() { asked.Add(1) } })
	mustUpsert(t, e, testPapers(0, 64)...)
	asked.Store(0)
	if _, err := e.Train(context.Background(), TrainOptions{Epochs: 1}, nil); err != nil {
		t.Fatal(err)
	}
	if n := asked.Swap(0); n < 2 { // it reads, learns and rebuilds
		t.Errorf("a training gave way %d times", n)
	}
	draw(t, e)
	if n := asked.Swap(0); n < 100 { // pieces of its steps
		t.Errorf("the drawing of a map gave way %d times", n)
	}
}
