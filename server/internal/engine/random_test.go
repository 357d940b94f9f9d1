package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index/engines"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/paper/papertest"
)

// lower sets a threshold of the package for the time of a test. Such tests do not run in parallel with others, and
// every engine is closed before the threshold comes back.
func lower[T any](t testing.TB, threshold *T, value T) {
	t.Helper()
	before := *threshold
	*threshold = value
	t.Cleanup(func() { *threshold = before })
}

// reference is what an engine must agree with: a map of papers, and cosines of vectors in float32.
type reference struct {
	papers map[string]*paper.Paper
	words  []string
}

// paper makes one out of few words, so that papers are alike, repeat each other, and now and then have no words at all.
func (r *reference) paper(rng *rand.Rand, id string) *paper.Paper {
	text := func(n int) (s string) {
		for range n {
			s += r.words[rng.IntN(len(r.words))] + " "
		}
		return s
	}
	p := &paper.Paper{
		ID: id, Title: text(3), Abstract: text(rng.IntN(20)), Categories: []string{fmt.Sprintf("c%d", rng.IntN(3))},
	}
	if rng.IntN(20) == 0 {
		p.Title, p.Abstract = "the of", "?!"
	}
	return p
}

func (r *reference) draw(rng *rand.Rand) string {
	ids := slices.Sorted(maps.Keys(r.papers))
	if len(ids) == 0 {
		return "none"
	}
	return ids[rng.IntN(len(ids))]
}

// nearest is the brute-force answer: the cosine of every paper with a text, by id.
func (r *reference) nearest(e *Engine, text string) map[string]float64 {
	model := e.live.Load().model
	analyzer := embed.NewAnalyzer(model.Config())
	embedded := func(texts ...string) []float32 {
		var a embed.Analysis
		analyzer.Analyze(&a, texts...)
		v := make([]float32, model.Dims())
		model.Embed(v, &a.Features)
		return v
	}
	query := embedded(text)
	out := make(map[string]float64)
	for id, p := range r.papers {
		if v := embedded(p.Title, p.Abstract); length(v) > 0 {
			out[id] = float64(vector.Dot(query, v))
		}
	}
	return out
}

// verify compares everything the engine says with the reference.
func (r *reference) verify(t *testing.T, e *Engine, rng *rand.Rand) {
	t.Helper()
	ctx := patience(t)
	ids := slices.Sorted(maps.Keys(r.papers))
	// Get and List.
	got, err := e.Get(ctx, ids, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		if got[i] == nil || !papertest.SameContent(got[i], r.papers[id]) {
			t.Fatalf("Get(%s) = %+v, want %+v", id, got[i], r.papers[id])
		}
	}
	category := fmt.Sprintf("c%d", rng.IntN(3))
	var want, listed, inCategory []string
	for _, id := range ids {
		if r.papers[id].Categories[0] == category {
			inCategory = append(inCategory, id)
		}
	}
	for filter, expect := range map[string][]string{"": ids, fmt.Sprintf("categories:%q", category): inCategory} {
		want, listed = expect, nil
		for q := (ListQuery{PageSize: 1 + rng.IntN(20), Filter: parse(t, filter)}); ; {
			page, err := e.List(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range page.Papers {
				listed = append(listed, p.ID)
			}
			if q.PageToken = page.NextPageToken; q.PageToken == "" {
				break
			}
		}
		if !slices.Equal(listed, want) {
			t.Fatalf("list %q = %v, want %v", filter, listed, want)
		}
	}
	// An exact dense search returns the papers of the highest cosines, in their order.
	text, dense := r.words[rng.IntN(len(r.words))]+" "+r.words[rng.IntN(len(r.words))], 1.0
	q := Query{Text: text, PageSize: 10, Options: Options{Mode: ModeExact, DenseWeight: &dense}}
	if rng.IntN(2) == 0 {
		q.Filter = parse(t, fmt.Sprintf("categories:%q", category))
	}
	var cosines map[string]float64
	var result *Result
	// Both sides by one model, which the background may replace in between.
	for before := (*Generation)(nil); before != e.live.Load(); {
		before = e.live.Load()
		cosines = r.nearest(e, text)
		if result, err = e.Search(ctx, &q); err != nil {
			t.Fatal(err)
		}
	}
	if q.Filter != nil {
		maps.DeleteFunc(cosines, func(id string, _ float64) bool { return r.papers[id].Categories[0] != category })
	}
	order := slices.SortedFunc(maps.Values(cosines), func(a, b float64) int { return cmp.Compare(b, a) })
	dead := len(order) > 0 && order[0] == 0 // no word of the text is known to the model: BM25 alone answers
	for i, hit := range result.Hits {
		truth, ok := cosines[hit.Paper.ID]
		if !ok {
			if p := r.papers[hit.Paper.ID]; p == nil || (q.Filter != nil && p.Categories[0] != category) {
				t.Fatalf("%q %q: hit %s is not there", text, q.Filter, hit.Paper.ID)
			}
			continue // found by a word, has no vector
		}
		const rounding = 2e-3
		if math.Abs(hit.Cosine-truth) > rounding || (!dead && hit.Cosine < order[i]-rounding) {
			t.Fatalf("%q %q: place %d is %s at %.4f, truly %.4f; that place has %.4f", text, q.Filter, i, hit.Paper.ID,
				hit.Cosine, truth, order[i])
		}
	}
	if !dead && len(result.Hits) < min(10, len(order)) {
		t.Fatalf("%q %q: %d hits of %d papers", text, q.Filter, len(result.Hits), len(order))
	}
	if s, _ := e.Stats(ctx); s.Papers != len(ids) {
		t.Fatalf("%d papers, want %d", s.Papers, len(ids))
	}
}

// TestRandomOperationsAgreeWithAMap runs random writes, restarts, trainings and rebuilds, each engine in turn.
func TestRandomOperationsAgreeWithAMap(t *testing.T) {
	lower(t, &compactFrom, 20)
	lower(t, &refitFrom, refits)
	lower(t, &refitIdle, 20*time.Millisecond)
	lower(t, &checkpointIdle, 30*time.Millisecond)
	steps, seeds := 70, uint64(1)
	if os.Getenv("AKIN_SOAK") != "" {
		steps, seeds = 400, 10
	}
	for _, kind := range engines.Names() {
		for seed := range seeds {
			t.Run(fmt.Sprintf("%s/%d", kind, seed), func(t *testing.T) { randomOperations(t, kind, seed, steps) })
		}
	}
}

func randomOperations(t *testing.T, kind string, seed uint64, steps int) {
	rng := rand.New(rand.NewPCG(seed, 7))
	dir := t.TempDir()
	worked := make(chan struct{}, 1)
	change := func(c *Config) {
		c.Worked = func(string, time.Time, error) {
			select {
			case worked <- struct{}{}:
			default:
			}
		}
		c.Index, c.Embed = kind, smallEmbed()
		c.CheckpointEvery, c.TailLimit = uint64(1+rng.IntN(100)), 1+rng.IntN(64)
		c.NoCheckpoints = rng.IntN(4) == 0
	}
	e := open(t, dir, change)
	r := &reference{papers: map[string]*paper.Paper{}}
	for i := range 60 {
		r.words = append(r.words, fmt.Sprintf("word%c%c", 'a'+i/8, 'p'+i%8))
	}
	ctx := context.Background()
	for step := range steps {
		switch op := rng.IntN(100); {
		case op < 45: // a batch of new, changed and unchanged papers
			var batch []*paper.Paper
			for i := range 1 + rng.IntN(12) {
				id := fmt.Sprintf("id%03d-%d", rng.IntN(150), i)
				p := r.paper(rng, id)
				if old := r.papers[id]; old != nil && rng.IntN(3) == 0 {
					p = old
				}
				batch = append(batch, p)
			}
			written, err := e.Upsert(ctx, batch)
			if err != nil {
				t.Fatal(err)
			}
			for i, p := range batch {
				old := r.papers[p.ID]
				if written.Results[i].Created != (old == nil) ||
					written.Results[i].Unchanged != (old != nil && papertest.SameContent(old, p)) {
					t.Fatalf("step %d: %s: %+v", step, p.ID, written.Results[i])
				}
				r.papers[p.ID] = p
			}
		case op < 60:
			id := r.draw(rng)
			_, err := e.Delete(ctx, id)
			if _, stored := r.papers[id]; (err == nil) != stored || (err != nil && !errors.Is(err, ErrNotFound)) {
				t.Fatalf("step %d: delete %s: %v", step, id, err)
			}
			delete(r.papers, id)
		case op < 64:
			category := fmt.Sprintf("c%d", rng.IntN(3))
			purged, err := e.Purge(ctx, parse(t, fmt.Sprintf("categories:%q", category)), true)
			if err != nil {
				t.Fatal(err)
			}
			before := len(r.papers)
			maps.DeleteFunc(r.papers, func(_ string, p *paper.Paper) bool { return p.Categories[0] == category })
			if purged.Count != before-len(r.papers) {
				t.Fatalf("step %d: purge of %d papers, want %d", step, purged.Count, before-len(r.papers))
			}
		case op < 70:
			if err := e.Close(ctx); err != nil {
				t.Fatal(err)
			}
			e = open(t, dir, change)
		case op < 73:
			if _, err := e.Train(ctx, TrainOptions{Epochs: 1, Seed: seed}, nil); err != nil && !errors.Is(err, ErrTooFewPapers) {
				t.Fatal(err)
			}
		case op < 76:
			select { // something may be due in the background, or nothing
			case <-worked:
			case <-time.After(60 * time.Millisecond):
			}
		default:
			r.verify(t, e, rng)
		}
	}
	r.verify(t, e, rng)
	if err := e.Check(context.Background()); err != nil {
		t.Error(err)
	}
	if err := e.Close(ctx); err != nil {
		t.Error(err)
	}
}
