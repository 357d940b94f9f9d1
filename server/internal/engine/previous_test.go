package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
)

// TestPagesOutliveUpdatesAndASwap turns pages while every ranked paper is updated over and over, superseded records
// are collected, and a generation is replaced: all pages are those of the first one's revision. Only when their time
// is over do they expire.
func TestPagesOutliveUpdatesAndASwap(t *testing.T) {
	lower(t, &compactFrom, 1<<40)
	e := open(t, t.TempDir(), func(c *Config) { c.NoCheckpoints = true })
	ctx := context.Background()
	mustUpsert(t, e, testPapers(0, 60)...)
	own := &scheduler{engine: e} // collects as the engine's own, when the test says so
	collect := func(now time.Time) {
		own.look(now)
		if err := e.collect(); err != nil {
			t.Fatal(err)
		}
	}
	update := func(round int) {
		for i := 1; i < 60; i++ { // not p0000, which the queries name
			p := testPaper(i)
			p.Title += fmt.Sprintf(" round%d", round)
			mustUpsert(t, e, p)
		}
		collect(time.Now())
	}
	ask := map[string]func(size int, token string) (*Result, error){
		"text": func(size int, token string) (*Result, error) {
			return e.Search(ctx, &Query{Text: "graph protein speech", PageSize: size, PageToken: token})
		},
		"paper": func(size int, token string) (*Result, error) {
			return e.Search(ctx, &Query{PaperID: testPaper(0).ID, PageSize: size, PageToken: token})
		},
		"likes": func(size int, token string) (*Result, error) {
			return e.Recommend(ctx, &Recommendation{Likes: []Preference{{PaperID: testPaper(0).ID, Weight: 1}}, PageSize: size,
				PageToken: token})
		},
	}
	titles := func(r *Result) (out []string) {
		for _, hit := range r.Hits {
			out = append(out, hit.Paper.Title)
		}
		return out
	}
	whole, paged, tokens := map[string][]string{}, map[string][]string{}, map[string]string{}
	for kind, page := range ask {
		all, err := page(20, "")
		if err != nil {
			t.Fatal(err)
		}
		whole[kind] = titles(all)
	}
	for round := range 4 {
		for kind, page := range ask {
			r, err := page(5, tokens[kind])
			if err != nil {
				t.Fatalf("%s, page %d: %v", kind, round, err)
			}
			paged[kind], tokens[kind] = append(paged[kind], titles(r)...), r.NextPageToken
		}
		update(round)
		if round == 1 {
			if err := e.startBuilding(ctx); err != nil {
				t.Fatal(err)
			}
			g := e.live.Load()
			err := e.replaceLive(ctx, g.model, g.created, func(string, float64) {})
			e.endBuilding()
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for kind := range ask {
		if !slices.Equal(paged[kind], whole[kind]) {
			t.Errorf("%s: the pages hold\n%q\nand the first answer\n%q", kind, paged[kind], whole[kind])
		}
		soon(t, "the end of its pages", func() bool {
			collect(time.Now().Add(2 * pinFor))
			_, err := ask[kind](5, tokens[kind])
			return errors.Is(err, ErrPageExpired)
		})
	}
}

// TestALongReaderHoldsNothingUp keeps a query and an export for as long as it takes: checkpoints, a compaction and a
// training go on, and what the query may read is there.
func TestALongReaderHoldsNothingUp(t *testing.T) {
	lower(t, &pinFor, 0)
	lower(t, &checkpointIdle, time.Millisecond)
	lower(t, &compactFrom, 20)
	e := open(t, t.TempDir(), func(c *Config) { c.TrainAt, c.Idle, c.Embed = 60, time.Millisecond, smallEmbed() })
	ctx := patience(t)
	mustUpsert(t, e, testPapers(0, 50)...)
	epoch := e.readers.enter()
	v := e.look()
	exported, resume := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		first := true
		ended <- e.Export(ctx, nil, func(*paper.Paper) error {
			if first {
				close(exported)
				<-resume
			}
			first = false
			return nil
		})
	}()
	<-exported
	before := e.live.Load().serial // a compaction may come in the midst of the updates
	for i := range 50 {
		p := testPaper(i)
		p.Title += " again"
		mustUpsert(t, e, p)
	}
	soon(t, "a compaction", func() bool { g := e.live.Load(); return g.serial > before && g.slots.len() < 100 })
	mustUpsert(t, e, testPapers(50, 70)...)
	soon(t, "a training", func() bool { return e.live.Load().model.Trained() })
	soon(t, "a checkpoint", func() bool { return e.behind() == 0 })
	for slot := range v.slots {
		papers, err := e.store.Papers([]uint64{v.row(slot).ordinal}, true, nil)
		if err != nil || papers[0] == nil {
			t.Fatalf("the record of slot %d is gone: %v", slot, err)
		}
	}
	e.readers.leave(epoch)
	close(resume)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	soon(t, "the removal of superseded records", func() bool { return !e.store.Superseded(e.live.Load().revision()) })
}

// TestNoThirdGenerationIsHeld: while a generation is built, of those before only the one that serves is in memory.
func TestNoThirdGenerationIsHeld(t *testing.T) {
	swaps, held := 0, 0
	var e *Engine
	e = open(t, t.TempDir(), func(c *Config) {
		c.NoCheckpoints, c.TrainAt = true, -1
		c.Hook = func(point string) error {
			if point == PointSwapBefore {
				if swaps++; e.previous.Load() != nil {
					held++
				}
			}
			return nil
		}
	})
	mustUpsert(t, e, testPapers(0, 20)...)
	for range 3 {
		if err := e.startBuilding(context.Background()); err != nil {
			t.Fatal(err)
		}
		g := e.live.Load()
		err := e.replaceLive(context.Background(), g.model, g.created, func(string, float64) {})
		e.endBuilding()
		if err != nil {
			t.Fatal(err)
		}
		if e.previous.Load() == nil {
			t.Error("what was replaced is not kept for its pages")
		}
	}
	if swaps != 3 || held != 0 {
		t.Errorf("at %d of %d swaps there were three generations", held, swaps)
	}
}
