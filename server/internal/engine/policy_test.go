package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/akin-search/akin/server/internal/index/engines"
)

// TestAModelIsTrainedWhenThereAreEnoughPapersAndNoWrites goes through the life of a corpus: counted, trained, doubled.
func TestAModelIsTrainedWhenThereAreEnoughPapersAndNoWrites(t *testing.T) {
	lower(t, &refitFrom, refits)
	lower(t, &refitIdle, 10*time.Millisecond)
	e := open(t, t.TempDir(), func(c *Config) {
		c.TrainAt, c.Idle, c.Embed = 60, 50*time.Millisecond, smallEmbed()
	})
	stats := func() Stats {
		s, err := e.Stats(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	mustUpsert(t, e, testPapers(0, 30)...)
	soon(t, "a count of the words", func() bool { return stats().Model.Papers == 30 })
	if stats().Model.Trained {
		t.Error("trained on fewer papers than are asked for")
	}
	mustUpsert(t, e, testPapers(30, 60)...)
	soon(t, "the first training", func() bool { s := stats(); return s.Model.Trained && s.Model.Papers == 60 })
	first := stats().Model.Fingerprint
	mustUpsert(t, e, testPapers(60, 119)...)
	if got := stats().Model.Fingerprint; got != first {
		t.Error("the model changed before the corpus had doubled")
	}
	mustUpsert(t, e, testPaper(119))
	soon(t, "the second training", func() bool { return stats().Model.Papers == 120 })
	if err := e.Check(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestATrainingThatFailsIsTriedAgainWhileTheRestGoesOn has the first two trainings fail.
func TestATrainingThatFailsIsTriedAgainWhileTheRestGoesOn(t *testing.T) {
	lower(t, &retryAfter, 100*time.Millisecond)
	lower(t, &checkpointIdle, time.Millisecond)
	var failures atomic.Int32
	e := open(t, t.TempDir(), func(c *Config) {
		c.TrainAt, c.Idle, c.Embed, c.CheckpointEvery = 20, time.Millisecond, smallEmbed(), 30
		c.Hook = func(point string) error {
			if point == PointTrainLearnt && failures.Add(1) <= 2 {
				return errors.New("as the test wants it")
			}
			return nil
		}
	})
	mustUpsert(t, e, testPapers(0, 30)...)
	soon(t, "a checkpoint", func() bool { return e.checkpoint.revision.Load() == 30 })
	soon(t, "a training", func() bool { s, _ := e.Stats(context.Background()); return s.Model.Trained })
	if failures.Load() < 3 {
		t.Errorf("trained at attempt %d", failures.Load())
	}
}

// TestDeadSlotsAreRemovedAndTheirGenerationGoes deletes a third of the papers.
func TestDeadSlotsAreRemovedAndTheirGenerationGoes(t *testing.T) {
	for _, kind := range engines.Names() {
		t.Run(kind, func(t *testing.T) {
			lower(t, &compactFrom, 20)
			lower(t, &pinFor, 0)
			e := open(t, t.TempDir(), func(c *Config) { c.Index = kind })
			mustUpsert(t, e, testPapers(0, 100)...)
			if _, err := e.Train(context.Background(), TrainOptions{Epochs: 1}, nil); err != nil {
				t.Fatal(err)
			}
			// What keeps answers must not keep their generation.
			if _, err := e.Duplicates(context.Background(), DuplicateQuery{MinCosine: .9, PageSize: 10}); err != nil {
				t.Fatal(err)
			}
			search(t, e, Query{Text: "graph neural network"})
			model := e.live.Load().model.Fingerprint()
			old := weak.Make(e.live.Load())
			for i := range 33 {
				if _, err := e.Delete(context.Background(), testPaper(i*3).ID); err != nil {
					t.Fatal(err)
				}
			}
			soon(t, "a rebuild", func() bool {
				s, _ := e.Stats(context.Background())
				return s.Tombstones < 20 && s.Vectors < 80
			})
			s, _ := e.Stats(context.Background())
			if s.Papers != 67 || s.Vectors-s.Tombstones != 67 || s.Model.Fingerprint != model {
				t.Errorf("after the rebuild: %+v", s)
			}
			for i := range 100 {
				hits := search(t, e, Query{Text: fmt.Sprintf("number%d", i), Options: Options{Mode: ModeExact}}).Hits
				found := len(hits) > 0 && hits[0].Paper.ID == testPaper(i).ID
				if dead := i%3 == 0 && i < 99; found == dead {
					t.Errorf("%s: found %v, deleted %v", testPaper(i).ID, found, dead)
				}
			}
			soon(t, "the end of the old generation", func() bool { runtime.GC(); return old.Value() == nil })
			if err := e.Check(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAClockThatJumpsBackStopsNothing sets the clock back by a day behind a write.
func TestAClockThatJumpsBackStopsNothing(t *testing.T) {
	lower(t, &refitFrom, refits)
	lower(t, &refitIdle, 20*time.Millisecond)
	var back atomic.Int64
	e := open(t, t.TempDir(), func(c *Config) {
		c.Embed = smallEmbed()
		c.Now = func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
	})
	first := mustUpsert(t, e, testPapers(0, 40)...)
	back.Store(int64(24 * time.Hour))
	changed := testPaper(0)
	changed.Title += " again"
	second := mustUpsert(t, e, changed)[0].Paper
	if second.UpdateTime.Before(first[0].Paper.UpdateTime) || second.Revision <= first[39].Paper.Revision {
		t.Errorf("an update behind the jump: %v at revision %d, before it %v", second.UpdateTime, second.Revision,
			first[0].Paper.UpdateTime)
	}
	soon(t, "a count of the words", func() bool { s, _ := e.Stats(context.Background()); return s.Model.Papers == 40 })
	result := search(t, e, Query{Text: "graph", Options: Options{RecencyHalfLife: time.Hour}})
	if len(result.Hits) == 0 {
		t.Error("no hits")
	}
}
