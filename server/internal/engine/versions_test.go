package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
)

// hot is a paper that is updated over and over without a change of its text.
func hot(n int) *paper.Paper {
	p := testPaper(7)
	p.Attributes = map[string]paper.Value{"views": {Kind: paper.NumberValue, Number: float64(n)}}
	p.Categories = []string{fmt.Sprintf("n%d", n%3)}
	return p
}

// TestAnUpdateOfAttributesTouchesNeitherVectorsNorWords updates one paper thousands of times, and goes on through a
// checkpoint, a change of its text, a deletion and a compaction.
func TestAnUpdateOfAttributesTouchesNeitherVectorsNorWords(t *testing.T) {
	dir := t.TempDir()
	quiet := func(c *Config) { c.TrainAt = -1 }
	e := open(t, dir, quiet)
	mustUpsert(t, e, testPapers(0, 200)...)
	soon(t, "a graph", func() bool { return e.live.Load().tailLength() == 0 })
	before, _ := e.Stats(context.Background())
	const updates = 900 // fewer than a compaction is for
	for n := range updates {
		mustUpsert(t, e, hot(n))
	}
	check := func(what string, e *Engine, n int) {
		t.Helper()
		s, err := e.Stats(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if s.Papers != 200 || s.ZeroVectors != before.ZeroVectors {
			t.Errorf("%s: %d papers, %d zero vectors", what, s.Papers, s.ZeroVectors)
		}
		for _, f := range []string{fmt.Sprintf("attributes.views = %d", n),
			fmt.Sprintf("attributes.views >= %d AND categories:n%d", n, n%3)} {
			r := search(t, e, Query{Text: "number7", Options: Options{Mode: ModeExact, Filter: parse(t, f)}})
			if len(r.Hits) != 1 || r.Hits[0].Paper.ID != testPaper(7).ID ||
				r.Hits[0].Paper.Attributes["views"].Number != float64(n) {
				t.Errorf("%s: %q finds %+v", what, f, r.Hits)
			}
		}
		r := search(t, e, Query{Text: "number7", Options: Options{Filter: parse(t, fmt.Sprintf("attributes.views < %d", n))}})
		if len(r.Hits) > 0 {
			t.Errorf("%s: an older version is found: %+v", what, r.Hits)
		}
		if r := search(t, e, Query{PaperID: testPaper(7).ID, PageSize: 200,
			Options: Options{Mode: ModeExact}}); len(r.Hits) != 100 && len(r.Hits) != 199 {
			t.Errorf("%s: %d papers are near", what, len(r.Hits))
		}
		seen := map[string]int{}
		for _, hit := range search(t, e, Query{Text: "number7 number8", PageSize: 200,
			Options: Options{Mode: ModeExact}}).Hits {
			if seen[hit.Paper.ID]++; seen[hit.Paper.ID] > 1 {
				t.Errorf("%s: %s is found twice", what, hit.Paper.ID)
			}
		}
		if err := e.Check(context.Background()); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	g := e.live.Load()
	check("after the updates", e, updates-1)
	if got := g.words.Papers(); got != 200 {
		t.Errorf("the words count %d papers", got)
	}
	if got := g.slots.versions.Load(); got != updates {
		t.Errorf("%d versions of %d updates", got, updates)
	}
	// What a search near the paper looks at: one vector, not one an update.
	r := search(t, e, Query{Text: "number7", Options: Options{Mode: ModeApproximate}})
	if r.Scored > 400 {
		t.Errorf("a search scores %d vectors of 200 papers", r.Scored)
	}

	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	e = open(t, dir, quiet)
	check("after a restart from a checkpoint", e, updates-1)
	if got := e.live.Load().slots.versions.Load(); got != updates {
		t.Errorf("%d versions after a restart", got)
	}
	mustUpsert(t, e, hot(updates))
	check("after one more", e, updates)

	changed := hot(1)
	changed.Title += " renamed"
	mustUpsert(t, e, changed)
	check("after a change of its text", e, 1)
	if got := e.live.Load().words.Papers(); got != 200 {
		t.Errorf("the words count %d papers", got)
	}
	mustUpsert(t, e, hot(5)) // the old text again, which is a change
	mustUpsert(t, e, hot(6))
	if _, err := e.Delete(context.Background(), hot(0).ID); err != nil {
		t.Fatal(err)
	}
	if got := e.live.Load().words.Papers(); got != 199 {
		t.Errorf("after its deletion the words count %d papers", got)
	}
	r = search(t, e, Query{Text: "number7", Options: Options{Filter: parse(t, "attributes.views >= 0")}})
	if len(r.Hits) > 0 {
		t.Errorf("a deleted paper is found: %+v", r.Hits)
	}
	mustUpsert(t, e, hot(8))
	if err := e.startBuilding(context.Background()); err != nil {
		t.Fatal(err)
	}
	g = e.live.Load()
	err := e.replaceLive(context.Background(), g.model, g.created, func(string, float64) {})
	e.endBuilding()
	if err != nil {
		t.Fatal(err)
	}
	if got := e.live.Load().slots.len(); got != 200 {
		t.Errorf("%d slots after a compaction", got)
	}
	check("after a compaction", e, 8)
}

// TestAQuerySeesOneVersion updates the attributes of papers, all in one batch, while readers search with a filter: each
// answer holds all papers at one version, also on the second page, which is of the revision of the first.
func TestAQuerySeesOneVersion(t *testing.T) {
	e := open(t, t.TempDir())
	const batch = 6
	version := func(n int) []*paper.Paper {
		papers := make([]*paper.Paper, batch)
		for i := range papers {
			papers[i] = testPaper(i)
			papers[i].Attributes = map[string]paper.Value{"version": {Kind: paper.NumberValue, Number: float64(n)}}
		}
		return papers
	}
	mustUpsert(t, e, testPapers(batch, 50)...)
	mustUpsert(t, e, version(0)...)
	var stop atomic.Bool
	var readers sync.WaitGroup
	filter := parse(t, "attributes.version >= 0")
	for range 3 {
		readers.Go(func() {
			for !stop.Load() && !t.Failed() {
				q := Query{Text: "graph protein speech", PageSize: batch / 2, Options: Options{Mode: ModeExact, Filter: filter}}
				seen := map[string]float64{}
				for range 2 {
					r, err := e.Search(context.Background(), &q)
					if err != nil {
						t.Error(err)
						return
					}
					for _, hit := range r.Hits {
						seen[hit.Paper.ID] = hit.Paper.Attributes["version"].Number
					}
					q.PageToken = r.NextPageToken
				}
				want := seen[testPaper(0).ID]
				for id, v := range seen {
					if v != want {
						t.Errorf("%s at version %v beside %v", id, v, want)
					}
				}
				if len(seen) != batch {
					t.Errorf("%d of %d papers: %v", len(seen), batch, seen)
				}
			}
		})
	}
	rounds := 150
	if testing.Short() {
		rounds = 50
	}
	for n := 1; n <= rounds && !t.Failed(); n++ {
		mustUpsert(t, e, version(n)...)
	}
	stop.Store(true)
	readers.Wait()
	if got := e.live.Load().slots.versions.Load(); got == 0 {
		t.Error("no update left its vector alone")
	}
}

// BenchmarkSearchNearAHotPaper compares searches near a paper before and after 21,050 updates of an attribute, in
// turns, each on an engine of its own: times is how many times as long the one takes as the other.
func BenchmarkSearchNearAHotPaper(b *testing.B) {
	const updates, batch = 21_050, 50
	lower(b, &compactFrom, 1<<40)
	ctx := context.Background()
	var engines [2]*Engine // without updates, and with
	for i := range engines {
		e := open(b, b.TempDir(), func(c *Config) { c.NoCheckpoints, c.NoMap, c.TrainAt = true, true, -1 })
		for at := 0; at < 5000; at += 250 {
			mustUpsert(b, e, testPapers(at, at+250)...)
		}
		engines[i] = e
	}
	for n := 0; n < updates; n += batch { // many under way, so that they share commits
		var pending []*Pending
		for i := range batch {
			prepared, err := engines[1].Prepare(ctx, []*paper.Paper{hot(n + i)})
			if err != nil {
				b.Fatal(err)
			}
			p, err := prepared.Submit(ctx)
			if err != nil {
				b.Fatal(err)
			}
			pending = append(pending, p)
		}
		for _, p := range pending {
			if _, err := p.Wait(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	if got := engines[1].live.Load().slots.versions.Load(); got != updates {
		b.Fatalf("%d versions of %d updates", got, updates)
	}
	for _, e := range engines {
		soon(b, "a graph", func() bool { return e.live.Load().tailLength() == 0 })
	}
	var took [2]time.Duration
	for b.Loop() {
		for i, e := range engines {
			begin := time.Now()
			search(b, e, Query{Text: "number7", Options: Options{Mode: ModeApproximate}})
			took[i] += time.Since(begin)
		}
	}
	b.ReportMetric(float64(took[0].Nanoseconds())/float64(b.N), "before-ns/op")
	b.ReportMetric(float64(took[1].Nanoseconds())/float64(b.N), "after-ns/op")
	b.ReportMetric(float64(took[1])/float64(took[0]), "times")
}
