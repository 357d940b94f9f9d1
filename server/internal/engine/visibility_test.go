package engine

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/akin-search/akin/server/internal/index/engines"
	"github.com/akin-search/akin/server/internal/paper"
)

func nanValue() float64 { return math.NaN() }

// TestAReaderNeverSeesBothVersionsOrNone updates one paper over and over, and a batch of others, while readers search:
// every answer must hold each paper exactly once, and all papers of the batch at the same version.
func TestAReaderNeverSeesBothVersionsOrNone(t *testing.T) {
	for _, kind := range engines.Names() {
		t.Run(kind, func(t *testing.T) {
			e := open(t, t.TempDir(), func(c *Config) { c.Index = kind })
			const batch = 8
			version := func(n int) []*paper.Paper {
				papers := make([]*paper.Paper, batch)
				for i := range papers {
					papers[i] = &paper.Paper{
						ID:    fmt.Sprintf("versioned-%d", i),
						Title: fmt.Sprintf("marker item%d", i),
						URL:   fmt.Sprint(n),
						// The words differ from version to version, so that the vectors do.
						Abstract: fmt.Sprintf("marker content version%d other%d", n, n*7+i),
					}
				}
				return papers
			}
			mustUpsert(t, e, testPapers(0, 40)...)
			mustUpsert(t, e, version(0)...)
			var stop atomic.Bool
			var readers sync.WaitGroup
			for range 4 {
				readers.Go(func() {
					for !stop.Load() {
						// All eight hold the marker; depth and size cover everything there is.
						result, err := e.Search(context.Background(), &Query{Text: "marker", PageSize: 200,
							Options: Options{Mode: ModeExact}})
						if err != nil {
							t.Error(err)
							return
						}
						seen := map[string]string{}
						for _, hit := range result.Hits {
							if len(hit.Paper.ID) < 9 || hit.Paper.ID[:9] != "versioned" {
								continue
							}
							if _, twice := seen[hit.Paper.ID]; twice {
								t.Errorf("revision %d shows %s twice", result.Position.Revision, hit.Paper.ID)
							}
							seen[hit.Paper.ID] = hit.Paper.URL
						}
						if len(seen) != batch {
							t.Errorf("revision %d shows %d of %d papers", result.Position.Revision, len(seen), batch)
						}
						for id, v := range seen {
							if v != seen["versioned-0"] {
								t.Errorf("revision %d shows %s at version %s beside %s", result.Position.Revision, id, v, seen["versioned-0"])
							}
						}
						if t.Failed() {
							return
						}
					}
				})
			}
			rounds := 60
			if testing.Short() {
				rounds = 25
			}
			for n := 1; n <= rounds && !t.Failed(); n++ {
				mustUpsert(t, e, version(n)...)
			}
			stop.Store(true)
			readers.Wait()
		})
	}
}

// TestQueriesAndWritesGoOnDuringATraining trains while papers are written and searched, and then finds them all.
func TestQueriesAndWritesGoOnDuringATraining(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 400)...)
	before := e.live.Load().model.Fingerprint()
	done := make(chan error, 1)
	begun := make(chan struct{})
	var once sync.Once
	go func() {
		_, err := e.Train(context.Background(), TrainOptions{Epochs: 3}, func(TrainProgress) {
			once.Do(func() { close(begun) })
		})
		done <- err
	}()
	<-begun
	written, searched := 0, 0
	for running := true; running; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
			p := testPaper(1000 + written)
			mustUpsert(t, e, p)
			written++
			if len(search(t, e, Query{PaperID: p.ID}).Hits) == 0 {
				t.Fatal("nothing is related to a paper written during the training")
			}
			searched++
		}
	}
	if written == 0 || searched == 0 {
		t.Fatal("the training ended before anything else could happen")
	}
	if after := e.live.Load().model.Fingerprint(); after == before {
		t.Error("the model did not change")
	}
	if s, _ := e.Stats(context.Background()); s.Papers != 400+written || !s.Model.Trained {
		t.Errorf("%d papers, want %d; trained %v", s.Papers, 400+written, s.Model.Trained)
	}
	for i := range written {
		id := testPaper(1000 + i).ID
		hits := search(t, e, Query{Text: fmt.Sprintf("number%d", 1000+i), Options: Options{Mode: ModeExact}}).Hits
		if len(hits) == 0 || hits[0].Paper.ID != id {
			t.Errorf("%s, written during the training, is not found by its own word: %v", id, ids(hits))
		}
	}
}

// TestACancelledTrainingChangesNothing cancels at the first report.
func TestACancelledTrainingChangesNothing(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 300)...)
	before := e.live.Load()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if _, err := e.Train(ctx, TrainOptions{Epochs: 50}, func(TrainProgress) { cancel() }); err == nil {
		t.Fatal("a cancelled training succeeded")
	}
	if e.live.Load() != before {
		t.Error("the generation changed")
	}
	if _, err := e.Train(context.Background(), TrainOptions{Epochs: 1}, nil); err != nil {
		t.Errorf("training after a cancelled one: %v", err)
	}
}
