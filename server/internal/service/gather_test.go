package service

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/paper"
)

// A run gathers what comes as long as one before it is under way, within importGather; one that comes alone does not
// wait for others. The clock is the test's own.
func TestWhatPoursInIsGathered(t *testing.T) {
	const spaced = 2 * importLinger
	for _, c := range []struct {
		underWay int64
		send     int
		want     int
		took     time.Duration // from the first item on
	}{
		{underWay: 0, send: 5, want: 1, took: importLinger},
		{underWay: 1, send: 5, want: 5, took: importGather},
		{underWay: 1, send: 100, want: 1 + int((importGather-1)/spaced), took: importGather},
	} {
		t.Run(fmt.Sprintf("%d under way, %d items", c.underWay, c.send), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				items := make(chan importItem, c.send)
				var underWay atomic.Int64
				underWay.Store(c.underWay)
				var sender sync.WaitGroup
				defer sender.Wait()
				sender.Go(func() {
					for i := range c.send {
						items <- importItem{number: int64(i + 1), paper: &paper.Paper{}, id: fmt.Sprint(i)}
						time.Sleep(spaced)
					}
				})
				begin := time.Now()
				run := (&collector{ctx: t.Context(), items: items, ids: map[string]struct{}{}, underWay: &underWay}).next()
				if len(run.papers) != c.want || time.Since(begin) != c.took {
					t.Errorf("%d papers after %v, want %d after %v", len(run.papers), time.Since(begin), c.want, c.took)
				}
			})
		})
	}
}

// acknowledgements counts what an import tells its client.
type acknowledgements struct {
	akinv1.PaperService_ImportPapersServer
	sent int
}

func (a *acknowledgements) Send(*akinv1.ImportPapersResponse) error {
	a.sent++
	return nil
}

// Once all runs are acknowledged nothing is under way, and what comes alone then waits for nobody again.
func TestAcknowledgedRunsAreNotUnderWay(t *testing.T) {
	runs := make(chan *importRun, 3)
	var underWay atomic.Int64
	for i := range 3 {
		runs <- &importRun{last: int64(i + 1)}
		underWay.Add(1)
	}
	close(runs)
	stream := new(acknowledgements)
	if err := new(Server).acknowledgeRuns(context.Background(), runs, &underWay, stream); err != nil {
		t.Fatal(err)
	}
	if stream.sent != 3 || underWay.Load() != 0 {
		t.Errorf("%d acknowledgements, %d runs under way", stream.sent, underWay.Load())
	}
}
