package engine

import (
	"context"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
)

// TestACorpusThatPoursInIsLearntFromOnTheWayAndLinkedOnce writes more papers than the early training asks for, never at
// rest: no graph is built for the model that will go, and the one learnt on the way serves.
func TestACorpusThatPoursInIsLearntFromOnTheWayAndLinkedOnce(t *testing.T) {
	lower(t, &learnEarly, 200)
	lower(t, &linkIdle, time.Hour) // it never rests
	linked := make(chan int, 1)    // vectors in the graph that the training throws away
	var e *Engine
	e = open(t, t.TempDir(), func(c *Config) {
		c.TrainAt, c.Idle, c.Embed, c.NoCheckpoints = 20, time.Hour, smallEmbed(), true
		c.Hook = func(point string) error {
			if point == PointTrainLearnt {
				linked <- e.live.Load().vectors.Info().Graph
			}
			return nil
		}
	})
	mustUpsert(t, e, testPapers(0, 15)...) // too few to wait for a model: they are linked
	soon(t, "a graph of the first", func() bool { return e.live.Load().vectors.Info().Graph == 15 })
	mustUpsert(t, e, testPapers(15, 199)...)
	mustUpsert(t, e, testPapers(199, 260)...)
	if got := <-linked; got != 15 {
		t.Errorf("%d vectors were linked for a model that had to go, want 15", got)
	}
	mustUpsert(t, e, testPapers(260, 390)...)
	soon(t, "the model to serve, and the graph under it", func() bool {
		g := e.live.Load()
		return g.model.Trained() && g.vectors.Info().Graph == 390
	})
	if learnt := e.live.Load().model.Papers(); learnt != 260 {
		t.Errorf("the model learnt from %d papers, want the 260 that were there", learnt)
	}
	hits := search(t, e, Query{Text: "number389", Options: Options{Mode: ModeExact}}).Hits
	if len(hits) == 0 || hits[0].Paper.ID != testPaper(389).ID {
		t.Errorf("the last paper is not found by its own word: %v", hits)
	}
	if err := e.Check(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestAGenerationWithoutAGraphReplacesOneThatIsScanned: while a corpus pours in its successor takes over at once, and
// the graph is built while it serves.
func TestAGenerationWithoutAGraphReplacesOneThatIsScanned(t *testing.T) {
	lower(t, &linkIdle, time.Hour) // nothing is linked
	e := open(t, t.TempDir(), func(c *Config) { c.TrainAt, c.Idle, c.NoCheckpoints, c.NoMap = 20, time.Hour, true, true })
	mustUpsert(t, e, testPapers(0, 100)...)
	if err := e.startBuilding(context.Background()); err != nil {
		t.Fatal(err)
	}
	g := e.live.Load()
	err := e.replaceLive(context.Background(), g.model, g.created, func(string, float64) {})
	e.endBuilding()
	if err != nil {
		t.Fatal(err)
	}
	if next := e.live.Load(); next == g || next.tailLength() != 100 {
		t.Errorf("%d of 100 vectors wait for the graph", next.tailLength())
	}
}

// TestStalenessIsMeasuredWhereItDecides looks at a corpus that has doubled, with the words that it was learnt from and
// with others.
func TestStalenessIsMeasuredWhereItDecides(t *testing.T) {
	lower(t, &learnEarly, 100)
	e := open(t, t.TempDir(), func(c *Config) { c.TrainAt, c.Embed = -1, smallEmbed() })
	mustUpsert(t, e, testPapers(0, 100)...)
	if _, err := e.Train(context.Background(), TrainOptions{Epochs: 1}, nil); err != nil {
		t.Fatal(err)
	}
	again := testPapers(0, 190)
	for i, p := range again {
		if i >= 100 {
			p.Title, p.Abstract = again[i-100].Title, again[i-100].Abstract
		}
	}
	mustUpsert(t, e, again...)
	var s staleness
	if s = s.observe(e.live.Load()); s.generation != 0 {
		t.Errorf("measured before the corpus had doubled: %+v", s)
	}
	same := testPaper(300)
	same.Title, same.Abstract = again[0].Title, again[0].Abstract
	for i := range 10 {
		p := *same
		p.ID += string(rune('a' + i))
		mustUpsert(t, e, &p)
	}
	if s = s.observe(e.live.Load()); s.drift > driftMax || s.papers != 200 {
		t.Errorf("the same words again: %+v, want a drift below %v", s, driftMax)
	}
	strange := make([]*paper.Paper, 50)
	for i := range strange {
		p := testPaper(1000 + i)
		p.Title, p.Abstract = "Zymurgy of quokkas", "Fermentation of marsupial beverages in vats of oak."
		strange[i] = p
	}
	mustUpsert(t, e, strange...)
	if s = s.observe(e.live.Load()); s.drift < driftMax || s.papers != 250 {
		t.Errorf("other words: %+v, want a drift above %v", s, driftMax)
	}
}
