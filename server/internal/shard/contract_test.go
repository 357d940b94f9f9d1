package shard

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/profile"
)

// elsewhere is a front whose shards are all called over gRPC.
func (f *fleet) elsewhere(t *testing.T) *Front {
	t.Helper()
	return f.frontOf(t, func(_ int, n Node) []Node { return []Node{remote(t, func() Node { return n })} })
}

// TestAProfileIsRecommendedToFromAllShards gives every engine the same events, as a log does, and compares.
func TestAProfileIsRecommendedToFromAllShards(t *testing.T) {
	f := openFleet(t, 3, true)
	front := f.elsewhere(t)
	var events []profile.Owned
	for i, at := range []int{3, 40, 41, 90, 7, 8, 9, 10, 11, 12} {
		kind := profile.Like
		switch {
		case i == 3:
			kind = profile.Dislike
		case i > 3 && i < 8:
			kind = profile.Shown
		case i >= 8:
			kind = profile.Read
		}
		events = append(events, profile.Owned{Profile: "someone", Event: profile.Event{
			ID: fmt.Sprint("e", i), Kind: kind, PaperID: f.papers[at].ID, Time: testNow.Add(-time.Duration(i) * 24 * time.Hour),
		}})
	}
	events = append(events, profile.Owned{Profile: "someone", Event: profile.Event{
		ID: "gone", Kind: profile.Like, PaperID: "not stored", Time: testNow,
	}})
	for _, e := range append([]*engine.Engine{f.one}, f.shards...) {
		if n, err := e.RecordEvents(t.Context(), "owner", events); err != nil || n != len(events) {
			t.Fatal(n, err)
		}
	}
	for i, rec := range []engine.Recommendation{
		{ShownRest: 30 * 24 * time.Hour},
		{ShownRest: time.Hour, HalfLife: 72 * time.Hour},
		{Likes: []engine.Preference{{PaperID: f.papers[60].ID, Weight: 2}, {PaperID: "neither", Weight: 1}}},
		{Exclude: []string{f.papers[4].ID}, Options: engine.Options{Mode: engine.ModeExact, Diversity: .2}},
	} {
		rec.Owner, rec.ProfileID, rec.PageSize = "owner", "someone", 15
		other := rec
		for page := range 2 {
			want, err := f.one.Recommend(t.Context(), &rec)
			if err != nil {
				t.Fatal(err)
			}
			got, err := front.Recommend(t.Context(), &other)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, fmt.Sprintf("recommendation %d, page %d", i, page), got, want)
			if !slices.Equal(got.MissingIDs, want.MissingIDs) {
				t.Errorf("recommendation %d: missing %v, of one engine %v", i, got.MissingIDs, want.MissingIDs)
			}
			rec.PageToken, other.PageToken = want.NextPageToken, got.NextPageToken
		}
	}
	// A further page is of the profile as it was.
	rec := engine.Recommendation{Owner: "owner", ProfileID: "someone", PageSize: 5}
	first, err := front.Recommend(t.Context(), &rec)
	if err != nil {
		t.Fatal(err)
	}
	more := []profile.Owned{{Profile: "someone", Event: profile.Event{
		ID: "more", Kind: profile.Like, PaperID: f.papers[100].ID, Time: testNow,
	}}}
	if _, err := f.shards[0].RecordEvents(t.Context(), "owner", more); err != nil {
		t.Fatal(err)
	}
	rec.PageToken = first.NextPageToken
	if _, err := front.Recommend(t.Context(), &rec); !errors.Is(err, engine.ErrPageExpired) {
		t.Errorf("a page behind a change of the profile: %v", err)
	}
}

// TestReasonsAreThoseOfOneEngine compares because of which likes and words papers are recommended.
func TestReasonsAreThoseOfOneEngine(t *testing.T) {
	f := openFleet(t, 3, true)
	front := f.elsewhere(t)
	likes := []profile.Owned{{Profile: "someone", Event: profile.Event{
		ID: "e", Kind: profile.Like, PaperID: f.papers[12].ID, Time: testNow,
	}}}
	for _, e := range append([]*engine.Engine{f.one}, f.shards...) {
		if _, err := e.RecordEvents(t.Context(), "owner", likes); err != nil {
			t.Fatal(err)
		}
	}
	texts, model, err := f.one.Embed(t.Context(), []string{f.papers[30].Title})
	if err != nil {
		t.Fatal(err)
	}
	rec := engine.Recommendation{
		Likes: []engine.Preference{
			{PaperID: f.papers[3].ID, Weight: 1}, {PaperID: "none", Weight: 1}, {Text: f.papers[40].Title, Weight: 2},
			{Vector: &engine.VectorQuery{Values: texts[0].Values, Model: model}, Weight: 1},
			{PaperID: f.papers[90].ID, Weight: 1},
		},
		Dislikes: []engine.Preference{{PaperID: f.papers[5].ID, Weight: 1}},
		Owner:    "owner", ProfileID: "someone", PageSize: 20, Explain: true,
	}
	want, err := f.one.Recommend(t.Context(), &rec)
	if err != nil {
		t.Fatal(err)
	}
	got, err := front.Recommend(t.Context(), &rec)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "recommendation", got, want)
	named := map[string]bool{}
	for i := range want.Hits {
		a, b := got.Hits[i].Because, want.Hits[i].Because
		if text := fmt.Sprintf("%+v", *a); text != fmt.Sprintf("%+v", *b) || len(a.Likes) == 0 {
			t.Errorf("place %d: because of\n%s, of one engine\n%+v", i, text, *b)
		}
		for _, like := range a.Likes {
			named[like.PaperID] = true
		}
	}
	if !named[f.papers[12].ID] {
		t.Errorf("no hit is there because of the profile's like: %v", named)
	}
}

// TestAnExplanationIsThatOfOneEngine compares queries with papers that they find and with others.
func TestAnExplanationIsThatOfOneEngine(t *testing.T) {
	f := openFleet(t, 3, true)
	front := f.elsewhere(t)
	for i, q := range []engine.ExplainQuery{
		{Text: f.papers[7].Title, Target: f.papers[7].ID},
		{Text: f.papers[7].Title, Target: f.papers[8].ID},
		{Text: "sparse experts", Target: f.papers[20].ID, Options: engine.Options{RecencyHalfLife: 1000 * time.Hour}},
		{PaperID: f.papers[3].ID, Target: f.papers[9].ID},
		{PaperID: f.papers[3].ID, Target: f.papers[150].ID},
	} {
		q.MaxTerms = 10
		want, err := f.one.Explain(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		got, err := front.Explain(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := fmt.Sprintf("%+v", *got), fmt.Sprintf("%+v", *want); a != b {
			t.Errorf("query %d:\n%s, of one engine\n%s", i, a, b)
		}
	}
	for what, q := range map[string]engine.ExplainQuery{
		"a target": {Text: "experts", Target: "none", MaxTerms: 1}, "a query": {PaperID: "none", Target: f.papers[0].ID},
	} {
		if _, err := front.Explain(t.Context(), q); !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("%s that is not stored: %v", what, err)
		}
	}
	if _, err := front.Explain(t.Context(), engine.ExplainQuery{Text: "the of", Target: f.papers[0].ID}); !errors.Is(err,
		engine.ErrNoWords) {
		t.Errorf("a query without a word: %v", err)
	}
}

// TestNewPeopleAreRecommendedToFromAllShards compares recommendations without a like with those of one engine. The
// centre is a sum in another order, so that cosines differ in their last bits.
func TestNewPeopleAreRecommendedToFromAllShards(t *testing.T) {
	f := openFleet(t, 3, true)
	front := f.elsewhere(t)
	read := []profile.Owned{{Profile: "reader", Event: profile.Event{
		ID: "e", Kind: profile.Read, PaperID: f.papers[7].ID, Time: testNow,
	}}}
	for _, e := range append([]*engine.Engine{f.one}, f.shards...) {
		if _, err := e.RecordEvents(t.Context(), "owner", read); err != nil {
			t.Fatal(err)
		}
	}
	for i, rec := range []engine.Recommendation{
		{},
		{Likes: []engine.Preference{{PaperID: "none", Weight: 1}}, Exclude: []string{f.papers[1].ID}},
		{ProfileID: "reader"},
		{Options: engine.Options{Filter: mustFilter(t, `categories:"third1"`), Mode: engine.ModeExact}},
		{Options: engine.Options{Filter: mustFilter(t, `categories:"no such"`)}},
	} {
		rec.Owner, rec.PageSize = "owner", 20
		other := rec
		for page := range 2 {
			want, err := f.one.Recommend(t.Context(), &rec)
			if err != nil {
				t.Fatal(err)
			}
			got, err := front.Recommend(t.Context(), &other)
			if err != nil {
				t.Fatal(err)
			}
			what := fmt.Sprintf("recommendation %d, page %d", i, page)
			if !got.WithoutLikes || len(got.Hits) != len(want.Hits) || !slices.Equal(got.MissingIDs, want.MissingIDs) ||
				!slices.Equal(got.Warnings, want.Warnings) || (got.NextPageToken == "") != (want.NextPageToken == "") {
				t.Fatalf("%s: %d hits, %d of one engine; %+v", what, len(got.Hits), len(want.Hits), got)
			}
			for j := range want.Hits {
				a, b := &got.Hits[j], &want.Hits[j]
				if math.Abs(a.Score-b.Score) > 1e-5 || math.Abs(a.Cosine-b.Cosine) > 1e-5 {
					t.Errorf("%s, place %d: %s %v %v, of one engine %s %v %v", what, j, a.Paper.ID, a.Score, a.Cosine, b.Paper.ID,
						b.Score, b.Cosine)
				}
				if a.Paper.ID == f.papers[7].ID && rec.ProfileID != "" {
					t.Errorf("%s: a paper that was read", what)
				}
			}
			rec.PageToken, other.PageToken = want.NextPageToken, got.NextPageToken
			if rec.PageToken == "" {
				break
			}
		}
	}
}

// TestAFrontCountsAndExportsAllPapers compares sums over shards with one engine.
func TestAFrontCountsAndExportsAllPapers(t *testing.T) {
	f := openFleet(t, 3, true)
	front := f.elsewhere(t)
	stats, err := front.Stats(t.Context())
	if err != nil || stats.Papers != len(f.papers) || stats.Vectors != len(f.papers) || stats.IndexBytes == 0 {
		t.Errorf("%+v, %v", stats, err)
	}
	ids := func(export func(fn func(*paper.Paper) error) error) (all []string) {
		t.Helper()
		if err := export(func(p *paper.Paper) error { all = append(all, p.ID+p.Abstract); return nil }); err != nil {
			t.Fatal(err)
		}
		return all
	}
	for _, text := range []string{"", `categories:"third1"`} {
		accept, err := decodeFilter(text)
		if err != nil {
			t.Fatal(err)
		}
		want := ids(func(fn func(*paper.Paper) error) error { return f.one.Export(t.Context(), accept, fn) })
		got := ids(func(fn func(*paper.Paper) error) error { return front.Export(t.Context(), accept, fn) })
		if !slices.Equal(got, want) {
			t.Errorf("%q: %d papers are exported, %d of one engine", text, len(got), len(want))
		}
	}
	stored, err := front.Stored(t.Context(), []string{f.papers[5].ID, "none", f.papers[6].ID})
	if err != nil || !slices.Equal(stored, []bool{true, false, true}) {
		t.Errorf("stored: %v %v", stored, err)
	}
	// What a model is learnt from: once per paper, in one order, with the frequencies of all.
	frequencies, sample, err := front.Corpus(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := f.one.Frequencies(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if frequencies.Papers() != whole.Papers() || !slices.Equal(frequencies.Counts(), whole.Counts()) {
		t.Error("the frequencies are not those of one engine")
	}
	if len(sample) != len(f.papers) || !slices.IsSortedFunc(sample, func(a, b *paper.Paper) int {
		return slices.Compare([]byte(a.ID), []byte(b.ID))
	}) {
		t.Errorf("%d papers of %d are learnt from", len(sample), len(f.papers))
	}
	for _, share := range []float64{.2, .6} {
		part, err := front.sample(t.Context(), share)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for _, p := range f.papers {
			if Sampled(p.ID, share) {
				want++
			}
		}
		if len(part) != want {
			t.Errorf("a sample of %v: %d papers, not %d", share, len(part), want)
		}
	}
}

// TestAPurgeGoesThroughAllShards deletes by a filter, and finds nothing left.
func TestAPurgeGoesThroughAllShards(t *testing.T) {
	f := openFleet(t, 3, false)
	front := f.elsewhere(t)
	accept := mustFilter(t, `categories:"third2"`)
	want, err := f.one.Purge(t.Context(), accept, false)
	if err != nil {
		t.Fatal(err)
	}
	asked, err := front.Purge(t.Context(), accept, false)
	if err != nil || asked.Count != want.Count || len(asked.Sample) != len(want.Sample) {
		t.Fatalf("%d papers would go, of one engine %d: %v", asked.Count, want.Count, err)
	}
	if gone, err := front.Purge(t.Context(), accept, true); err != nil || gone.Count != want.Count {
		t.Fatalf("%d papers are gone of %d: %v", gone.Count, want.Count, err)
	}
	if left, err := front.Purge(t.Context(), accept, false); err != nil || left.Count != 0 {
		t.Errorf("%d papers are left: %v", left.Count, err)
	}
	stats, err := front.Stats(t.Context())
	if err != nil || stats.Papers != len(f.papers)-want.Count {
		t.Errorf("%d papers, %v", stats.Papers, err)
	}
}

// TestAShardWithoutANodeIsNamed: in reads, and in writes of its papers before they are begun.
func TestAShardWithoutANodeIsNamed(t *testing.T) {
	f := openFleet(t, 3, false)
	up := f.front.cfg
	up.Replicas = func(shard int) []Node {
		if shard == 1 {
			return nil
		}
		return []Node{Local{f.shards[shard]}}
	}
	front := New(up)
	check := func(what string, err error) {
		t.Helper()
		var told *engine.ShardError
		if !errors.As(err, &told) || told.Public() != "no node answers for shard 2 of 3" {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := front.Search(t.Context(), &engine.Query{Text: f.papers[0].Title, PageSize: 10})
	check("a search", err)
	_, err = front.Purge(t.Context(), nil, true)
	check("a purge", err)
	for _, p := range f.papers {
		_, err := front.Get(t.Context(), []string{p.ID}, false)
		if f.front.papers.Of(p.ID) != 1 {
			if err != nil {
				t.Fatalf("%s, whose shard is up: %v", p.ID, err)
			}
			continue
		}
		check("a paper", err)
		_, err = front.Upsert(t.Context(), []*paper.Paper{f.papers[0], p})
		check("a write", err)
		_, err = front.Delete(t.Context(), p.ID)
		check("a deletion", err)
		_, err = front.Prepare(t.Context(), []*paper.Paper{p})
		check("an import", err)
	}
}

// TestWhatAFrontCannotAnswerIsRefused, and never answered from one shard.
func TestWhatAFrontCannotAnswerIsRefused(t *testing.T) {
	f := openFleet(t, 2, false)
	for what, call := range map[string]func() error{
		"FindDuplicates": func() error { _, err := f.front.Duplicates(t.Context(), engine.DuplicateQuery{}); return err },
		"EvaluateRecall": func() error { _, err := f.front.EvaluateRecall(t.Context(), engine.RecallQuery{}); return err },
		"GetMap":         func() error { return f.front.Map(t.Context(), engine.MapQuery{}, nil, nil) },
		"Backup":         func() error { return f.front.Backup(t.Context(), nil, nil) },
	} {
		if err := call(); !errors.Is(err, ErrNotSharded) || !errors.Is(err, engine.ErrNotOrdered) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
