package shard

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/filter"
)

// describe is a hit with all that is said of it, to the last bit.
func describe(hit *engine.Hit) string {
	return fmt.Sprintf("%s %v %v %v %d %v", hit.Paper.ID, hit.Score, hit.Cosine, hit.BM25, hit.OneIn, hit.Parts)
}

// compare wants the same hits of two results.
func compare(t *testing.T, what string, got, want *engine.Result) {
	t.Helper()
	if len(got.Hits) != len(want.Hits) {
		t.Errorf("%s: %d hits of shards, %d of one engine", what, len(got.Hits), len(want.Hits))
		return
	}
	for i := range want.Hits {
		if a, b := describe(&got.Hits[i]), describe(&want.Hits[i]); a != b {
			t.Errorf("%s, place %d:\nshards %s\n   one %s", what, i, a, b)
			return
		}
	}
	if (got.NextPageToken == "") != (want.NextPageToken == "") || got.DenseWeight != want.DenseWeight ||
		got.Model != want.Model || !slices.Equal(got.UnknownWords, want.UnknownWords) ||
		!slices.Equal(got.Warnings, want.Warnings) || got.Exact != want.Exact ||
		!slices.Equal(got.MissingIDs, want.MissingIDs) {
		t.Errorf("%s: shards say %+v, one engine %+v", what, got, want)
	}
}

func mustFilter(t testing.TB, s string) *filter.Filter {
	t.Helper()
	f, err := filter.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestShardsAnswerAsOneEngine compares four shards with one engine, score by score and bit by bit, for all kinds of
// queries and options, page by page.
func TestShardsAnswerAsOneEngine(t *testing.T) {
	for _, trained := range []bool{false, true} {
		t.Run(fmt.Sprintf("trained=%v", trained), func(t *testing.T) {
			f := openFleet(t, 4, trained)
			dense, near := .4, .05
			options := map[string]engine.Options{
				"plain":     {},
				"exact":     {Mode: engine.ModeExact},
				"filtered":  {Filter: mustFilter(t, `categories:"third1"`)},
				"doubtful":  {Filter: mustFilter(t, `attributes.venue = "X" OR categories:"third2"`)},
				"dense":     {DenseWeight: &dense},
				"near":      {MinCosine: &near},
				"rare":      {MinOneIn: 20},
				"recent":    {RecencyHalfLife: 365 * 24 * time.Hour},
				"diverse":   {Diversity: .4},
				"abstracts": {Abstracts: true},
				"brief":     {Brief: true},
			}
			for name, o := range options {
				for i, q := range []engine.Query{
					{Text: f.papers[7].Title},
					{Text: f.papers[120].Title + " zyzzyva"},
					{Text: "zyzzyva quokka"},
					{Text: "How do transformers store factual knowledge in feed-forward layers, and how can it be edited?"},
					{Text: f.papers[50].Abstract},
					{PaperID: f.papers[3].ID},
					{PaperID: f.papers[121].ID},
				} {
					q.Options, q.PageSize = o, 30
					what := fmt.Sprintf("%s, query %d", name, i)
					other := q
					for page := range 3 {
						want, err := f.one.Search(t.Context(), &q)
						if err != nil {
							t.Fatal(err)
						}
						got, err := f.front.Search(t.Context(), &other)
						if err != nil {
							t.Fatalf("%s: %v", what, err)
						}
						compare(t, fmt.Sprintf("%s, page %d", what, page), got, want)
						if q.PageToken, other.PageToken = want.NextPageToken, got.NextPageToken; q.PageToken == "" {
							break
						}
					}
				}
			}
		})
	}
}

func TestShardsAnswerVectorsAsOneEngine(t *testing.T) {
	f := openFleet(t, 3, true)
	vectors, model, err := f.one.Embed(t.Context(), []string{"sparse feed-forward layers"})
	if err != nil {
		t.Fatal(err)
	}
	q := engine.Query{Vector: &engine.VectorQuery{Values: vectors[0].Values, Model: model}, PageSize: 50}
	want, err := f.one.Search(t.Context(), &q)
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.front.Search(t.Context(), &q)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "a vector", got, want)
}

func TestShardsRecommendAsOneEngine(t *testing.T) {
	f := openFleet(t, 4, true)
	paper := func(i int, weight float64) engine.Preference {
		return engine.Preference{PaperID: f.papers[i].ID, Weight: weight}
	}
	for i, rec := range []engine.Recommendation{
		{Likes: []engine.Preference{paper(3, 1), paper(120, 2)}},
		{Likes: []engine.Preference{paper(3, 1), {PaperID: "nobody", Weight: 1}, paper(77, 1)},
			Dislikes: []engine.Preference{paper(4, 1), paper(90, .5)}},
		{Likes: []engine.Preference{{Text: "sparse activation of experts", Weight: 1}},
			Exclude: []string{f.papers[10].ID, f.papers[11].ID}},
		{Likes: []engine.Preference{paper(9, 1)}, Options: engine.Options{RecencyHalfLife: 365 * 24 * time.Hour}},
	} {
		rec.PageSize = 100 // many of those behind share the score 0, in no order that shards could know
		want, err := f.one.Recommend(t.Context(), &rec)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.front.Recommend(t.Context(), &rec)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, fmt.Sprint("recommendation ", i), got, want)
	}
}

func TestShardsListAndGetAsOneEngine(t *testing.T) {
	f := openFleet(t, 4, false)
	for _, own := range []*filter.Filter{nil, mustFilter(t, `categories:"third1"`)} {
		for _, size := range []int{1, 7, 50, 1000} {
			q, other := engine.ListQuery{PageSize: size, Filter: own}, engine.ListQuery{PageSize: size, Filter: own}
			for page := 0; ; page++ {
				want, err := f.one.List(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				got, err := f.front.List(t.Context(), other)
				if err != nil {
					t.Fatal(err)
				}
				var a, b []string
				for _, p := range got.Papers {
					a = append(a, p.ID)
				}
				for _, p := range want.Papers {
					b = append(b, p.ID)
				}
				if !slices.Equal(a, b) {
					t.Fatalf("%d a page, page %d: shards list %v, one engine %v", size, page, a, b)
				}
				if q.PageToken, other.PageToken = want.NextPageToken, got.NextPageToken; q.PageToken == "" {
					if other.PageToken != "" {
						t.Errorf("%d a page: shards go on behind the last page", size)
					}
					break
				}
			}
		}
	}
	ids := []string{f.papers[9].ID, "nobody", f.papers[100].ID, f.papers[9].ID}
	papers, err := f.front.Get(t.Context(), ids, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range papers {
		if (p == nil) != (i == 1) || p != nil && (p.ID != ids[i] || p.Abstract == "") {
			t.Errorf("id %q: %+v", ids[i], p)
		}
	}
}

// TestAShardWithMoreThanItsShareIsAskedAgain: all papers are in one of two shards, so all of the best are.
func TestAShardWithMoreThanItsShareIsAskedAgain(t *testing.T) {
	f := openFleet(t, 1, true)
	empty := openEngine(t)
	adopt(t, f.one, empty)
	asked := 0
	full := &faulty{Local{f.shards[0]}, func(context.Context) error { asked++; return nil }}
	front := New(Config{
		Map: NewMap(2), Replicas: Fixed([][]Node{{Local{empty}}, {full}}), Local: empty, Own: -1,
		Now: func() time.Time { return testNow },
	})
	if err := front.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, text := range []string{f.papers[7].Title, f.papers[9].Abstract, "zyzzyva quokka", "layers of models"} {
		q := engine.Query{Text: text, PageSize: 100, Options: engine.Options{Mode: engine.ModeExact}}
		want, err := f.one.Search(t.Context(), &q)
		if err != nil {
			t.Fatal(err)
		}
		asked = 0
		got, err := front.Search(t.Context(), &q)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, fmt.Sprint("query ", i), got, want)
		if len(want.Hits) > share(q.PageSize, 2) && asked != 2 {
			t.Errorf("query %d: asked %d times", i, asked)
		}
	}
	if n := share(100, 4); n != 50 {
		t.Errorf("a shard of 4 is asked for %d of 100", n)
	}
}
