package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/index/engines"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/store"
)

// submitHeld submits a write that is durable and not applied while the applier is held.
func submitHeld(t *testing.T, e *Engine, papers ...*paper.Paper) *Pending {
	t.Helper()
	b, err := e.Prepare(context.Background(), papers)
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Submit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.store.Wait(patience(t)); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPapersBeingUpdatedAreNeitherMissedNorShown asks while an update is durable and not yet applied: the old version
// is still what queries see.
func TestPapersBeingUpdatedAreNeitherMissedNorShown(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 40)...)
	release := holdApplier(t, e)
	changed := testPaper(5)
	changed.Title += " changed"
	pending := submitHeld(t, e, changed)

	recommended, listed := make(chan error, 1), make(chan error, 1)
	go func() {
		result, err := e.Recommend(patience(t), &Recommendation{
			Likes: []Preference{{PaperID: "p0000", Weight: 1}}, Exclude: []string{"p0005"}, PageSize: 40})
		if err == nil && slices.Contains(ids(result.Hits), "p0005") {
			err = errors.New("an excluded paper is recommended in its old version")
		}
		recommended <- err
	}()
	go func() {
		page, err := e.List(patience(t), ListQuery{PageSize: 100, Filter: parse(t, `categories:"topic0"`)})
		if err == nil && len(page.Papers) != 8 {
			err = fmt.Errorf("%d of 8 papers are listed", len(page.Papers))
		}
		listed <- err
	}()
	release()
	for _, c := range []chan error{recommended, listed} {
		if err := <-c; err != nil {
			t.Error(err)
		}
	}
	if _, err := pending.Wait(patience(t)); err != nil {
		t.Error(err)
	}
}

func TestAWaitForAnUpdateEndsWithItsContext(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 10)...)
	release := holdApplier(t, e)
	defer release()
	submitHeld(t, e, testPaper(10))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := e.Search(ctx, &Query{PaperID: "p0010", PageSize: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("search = %v", err)
	}
	_, err := e.List(ctx, ListQuery{PageSize: 10, Filter: parse(t, `categories:"topic0"`)})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("list = %v", err)
	}
}

// TestAnExportHasThePapersThatChangeMeanwhile changes papers ahead of the export.
func TestAnExportHasThePapersThatChangeMeanwhile(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 700)...)
	mustUpsert(t, e, testPapers(700, 1400)...)
	const all = `categories:"topic0" OR categories:"topic1" OR categories:"topic2" OR categories:"topic3" ` +
		`OR categories:"topic4"`
	for _, filter := range []string{"", all} {
		exported := 0
		err := e.Export(patience(t), parse(t, filter), func(p *paper.Paper) error {
			if exported++; exported == 1 {
				for _, i := range []int{3, 600, 1200, 1399} {
					changed := testPaper(i)
					changed.URL = "changed for " + filter
					mustUpsert(t, e, changed)
				}
			}
			return nil
		})
		if err != nil || exported != 1400 {
			t.Errorf("filter %q: %d of 1400 papers, %v", filter, exported, err)
		}
	}
}

// TestAPurgeLeavesWhatIsWrittenMeanwhile writes between two runs of a purge.
func TestAPurgeLeavesWhatIsWrittenMeanwhile(t *testing.T) {
	for _, filter := range []string{"", `categories:"topic1"`} {
		var e *Engine
		written := false
		e = open(t, t.TempDir(), func(c *Config) {
			c.Hook = func(point string) error {
				if point == PointPurgeBetween && !written {
					written = true
					fresh := testPaper(1)
					fresh.ID = "zzz"
					changed := testPaper(1396)
					changed.URL = "changed"
					mustUpsert(t, e, fresh, changed)
				}
				return nil
			}
		})
		papers := testPapers(0, 1400)
		for _, p := range papers {
			p.Categories = []string{"topic1"}
		}
		mustUpsert(t, e, papers[:700]...)
		mustUpsert(t, e, papers[700:]...)
		purged, err := e.Purge(patience(t), parse(t, filter), true)
		if err != nil || purged.Count != 1399 {
			t.Errorf("filter %q: purge of %d papers, want 1399; %v", filter, purged.Count, err)
		}
		got, err := e.Get(context.Background(), []string{"zzz", "p1396"}, false)
		if err != nil || got[0] == nil || got[1] == nil {
			t.Errorf("filter %q: what was written during the purge is gone: %v, %v", filter, got, err)
		}
	}
	// A purge of an empty engine takes nothing that comes meanwhile either.
	e := open(t, t.TempDir())
	w, err := e.listing(nil, "")
	if err != nil {
		t.Fatal(err)
	}
	w.freeze()
	mustUpsert(t, e, testPapers(0, 3)...)
	if found, _, err := w.next(context.Background(), 10, 10); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
}

// TestAPageOfAChangedPaperIsExpired pages through the neighbours of a paper that changes between two pages: the second
// page would be of another query, and could show the paper's old version.
func TestAPageOfAChangedPaperIsExpired(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 60)...)
	q := Query{PaperID: "p0003", PageSize: 5}
	q.PageToken = search(t, e, q).NextPageToken
	mustUpsert(t, e, testPaper(99)) // another paper does not matter
	search(t, e, q)
	changed := testPaper(3)
	changed.Title = "Something else"
	mustUpsert(t, e, changed)
	if _, err := e.Search(context.Background(), &q); !errors.Is(err, ErrPageExpired) {
		t.Errorf("%v, want ErrPageExpired", err)
	}
}

func TestAnEmptyEngineAnswersEverything(t *testing.T) {
	for _, kind := range engines.Names() {
		e := open(t, t.TempDir(), func(c *Config) { c.Index = kind })
		ctx := patience(t)
		if hits := search(t, e, Query{Text: "graph"}).Hits; len(hits) != 0 {
			t.Errorf("%s: hits %v", kind, ids(hits))
		}
		hits := search(t, e, Query{Text: "graph", Options: Options{Filter: parse(t, `id = "x"`), Mode: ModeExact,
			Diversity: .5}}).Hits
		if len(hits) != 0 {
			t.Errorf("%s: hits %v", kind, ids(hits))
		}
		if page, err := e.List(ctx, ListQuery{PageSize: 10}); err != nil || len(page.Papers) != 0 ||
			page.NextPageToken != "" {
			t.Errorf("%s: list %+v, %v", kind, page, err)
		}
		if page, err := e.Duplicates(ctx, DuplicateQuery{MinCosine: .9, PageSize: 10}); err != nil || len(page.Groups) != 0 {
			t.Errorf("%s: duplicates %+v, %v", kind, page, err)
		}
		if report, err := e.EvaluateRecall(ctx, RecallQuery{Queries: 10, K: 10}); err != nil || report.Queries != 0 {
			t.Errorf("%s: recall %+v, %v", kind, report, err)
		}
		if purged, err := e.Purge(ctx, nil, true); err != nil || purged.Count != 0 {
			t.Errorf("%s: purge of %d, %v", kind, purged.Count, err)
		}
		if _, err := e.Train(ctx, TrainOptions{}, nil); !errors.Is(err, ErrTooFewPapers) {
			t.Errorf("%s: train %v", kind, err)
		}
		if err := e.Check(ctx); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestRecallIsMeasuredOnPapersWithVectors has many papers without any word, to which nothing is near.
func TestRecallIsMeasuredOnPapersWithVectors(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 50)...)
	for i := range 30 {
		mustUpsert(t, e, &paper.Paper{ID: fmt.Sprintf("empty%d", i), Title: "?!"})
	}
	report, err := e.EvaluateRecall(patience(t), RecallQuery{Queries: 100, K: 10})
	if err != nil || report.Queries != 50 || report.Recall < .95 {
		t.Errorf("%+v, %v", report, err)
	}
	report, err = e.EvaluateRecall(patience(t), RecallQuery{Queries: 100, K: 10, Filter: parse(t, `categories:"topic2"`)})
	if err != nil || report.Queries != 10 || report.Recall < .95 {
		t.Errorf("filtered: %+v, %v", report, err)
	}
	report, err = e.EvaluateRecall(patience(t), RecallQuery{Queries: 100, K: 10, Filter: parse(t, `categories:"nobody"`)})
	if err != nil || report.Queries != 0 {
		t.Errorf("filtered to nothing: %+v, %v", report, err)
	}
}

func TestErrorsOfTheStoreKeepTheirMeaning(t *testing.T) {
	for _, test := range []struct{ of, want error }{
		{fmt.Errorf("%w: %w", store.ErrQueueFull, context.DeadlineExceeded), ErrOverloaded},
		{fmt.Errorf("%w: no space", store.ErrReadOnly), ErrReadOnly},
		{store.ErrNotFound, ErrNotFound},
		{store.ErrClosed, ErrClosed},
	} {
		if got := storeError(test.of); !errors.Is(got, test.want) {
			t.Errorf("%v became %v", test.of, got)
		}
	}
	e := open(t, t.TempDir())
	if _, err := e.Delete(patience(t), "unheard of"); !errors.Is(err, ErrNotFound) ||
		err.Error() != `paper not found: "unheard of"` {
		t.Errorf("delete: %v", err)
	}
}

// TestTruthsThatShareTheirScansAreThoseOfSingleOnes compares the two, with a filter and without.
func TestTruthsThatShareTheirScansAreThoseOfSingleOnes(t *testing.T) {
	for _, kind := range engines.Names() {
		e := open(t, t.TempDir(), func(c *Config) { c.Index = kind })
		mustUpsert(t, e, testPapers(0, 120)...)
		for _, f := range []string{"", `categories:"topic2"`} {
			epoch := e.readers.enter()
			v := e.look()
			if f != "" {
				if err := v.restrict(parse(t, f)); err != nil {
					t.Fatal(err)
				}
			}
			slots, err := drawSlots(t.Context(), v, 20, 1)
			if err != nil || len(slots) != 20 {
				t.Fatalf("%d slots, %v", len(slots), err)
			}
			asks, err := v.likeness(slots, RecallQuery{K: 10})
			if err != nil {
				t.Fatal(err)
			}
			shared, _, err := v.truths(t.Context(), asks, 0)
			if err != nil {
				t.Fatal(err)
			}
			single, _, err := v.truths(t.Context(), asks, len(asks))
			if err != nil {
				t.Fatal(err)
			}
			e.readers.leave(epoch)
			for i := range asks {
				if len(single[i]) != 10 || !slices.Equal(shared[i], single[i]) {
					t.Errorf("%s %q: slot %d: %v and %v", kind, f, slots[i], shared[i], single[i])
				}
			}
		}
	}
}

// counting counts how an index is asked.
type counting struct {
	index.Searcher
	single, batches *int
}

func (c counting) Search(
	ctx context.Context, q *index.Query, dst []index.Candidate,
) ([]index.Candidate, index.Report, error) {
	*c.single++
	return c.Searcher.Search(ctx, q, dst)
}

func (c counting) SearchBatch(
	ctx context.Context, queries []*index.Query, dst [][]index.Candidate, reports []index.Report,
) error {
	*c.batches++
	return c.Searcher.SearchBatch(ctx, queries, dst, reports)
}

// TestExactAnswersOfARecallShareTheirScans: only those that are timed are asked for one by one.
func TestExactAnswersOfARecallShareTheirScans(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 120)...)
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	v := e.look()
	slots, err := drawSlots(t.Context(), v, 50, 1)
	if err != nil {
		t.Fatal(err)
	}
	asks, err := v.likeness(slots, RecallQuery{K: 10})
	if err != nil {
		t.Fatal(err)
	}
	single, batches := 0, 0
	asked := *v
	asked.gen = &Generation{model: v.gen.model, vectors: counting{v.gen.vectors, &single, &batches}}
	if _, _, err := asked.truths(t.Context(), asks, 5); err != nil || single != 5 || batches != 1 {
		t.Errorf("%d of 50 one by one, %d scans shared, %v", single, batches, err)
	}
}

// recording keeps what an index is asked, as it is asked.
type recording struct {
	index.Searcher
	asked *[]index.Query
}

func (r recording) Search(
	ctx context.Context, q *index.Query, dst []index.Candidate,
) ([]index.Candidate, index.Report, error) {
	*r.asked = append(*r.asked, *q)
	return r.Searcher.Search(ctx, q, dst)
}

func (r recording) SearchBatch(
	ctx context.Context, queries []*index.Query, dst [][]index.Candidate, reports []index.Report,
) error {
	for _, q := range queries {
		*r.asked = append(*r.asked, *q)
	}
	return r.Searcher.SearchBatch(ctx, queries, dst, reports)
}

// TestARecallComparesWalksWithExactAnswers: each drawn paper is asked for once exactly and once by a walk, itself left
// out both times.
func TestARecallComparesWalksWithExactAnswers(t *testing.T) {
	const papers, queries = 120, 30
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, papers)...)
	e.stop() // nothing in the background looks at the index that is exchanged
	e.workers.Wait()
	var asked []index.Query
	g := e.live.Load()
	g.vectors = recording{g.vectors, &asked}
	if _, err := e.EvaluateRecall(t.Context(), RecallQuery{Queries: queries, K: 10}); err != nil {
		t.Fatal(err)
	}
	exact, walks := 0, 0
	for _, q := range asked {
		if q.Exact {
			exact++
		}
		if q.Walk && !q.Exact {
			walks++
		}
		left := 0
		for slot := range uint32(papers) {
			if !q.Accept.Accepts(slot) {
				left++
			}
		}
		if left != 1 {
			t.Errorf("%d papers are left out, want the one that is asked with", left)
		}
	}
	if exact != queries || walks != queries || len(asked) != 2*queries {
		t.Errorf("%d exact queries and %d walks of %d, want %d each", exact, walks, len(asked), queries)
	}
}

// TestAFilterThatAcceptsFewListsFullPages has the accepted papers far behind what one call looks through in the store.
func TestAFilterThatAcceptsFewListsFullPages(t *testing.T) {
	defer func(n int) { scanIDs = n }(scanIDs)
	scanIDs = 1000
	e := open(t, t.TempDir())
	papers := testPapers(0, 2500)
	var want []string
	for i := 3; i < len(papers); i += 211 { // one is below the first thousand and others are not
		papers[i].Attributes = map[string]paper.Value{"rare": {Kind: paper.BoolValue, Bool: true}}
		want = append(want, papers[i].ID)
	}
	mustUpsert(t, e, papers...)
	papers[3].Title += " again" // another version
	mustUpsert(t, e, papers[3])
	if _, err := e.Delete(t.Context(), want[2]); err != nil {
		t.Fatal(err)
	}
	want = slices.Delete(want, 2, 3)
	var got []string
	q := ListQuery{PageSize: 3, Filter: parse(t, "attributes.rare = true")}
	for {
		page, err := e.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Papers) < q.PageSize && page.NextPageToken != "" {
			t.Errorf("a page of %d papers has a next one", len(page.Papers))
		}
		for _, p := range page.Papers {
			got = append(got, p.ID)
		}
		if q.PageToken = page.NextPageToken; q.PageToken == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestATokenOfAnotherFilterIsRefused(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 40)...)
	page, err := e.List(t.Context(), ListQuery{PageSize: 2, Filter: parse(t, `categories:"topic0"`)})
	if err != nil || page.NextPageToken == "" {
		t.Fatal(page, err)
	}
	for _, other := range []*filter.Filter{nil, parse(t, `categories:"topic1"`)} {
		_, err := e.List(t.Context(), ListQuery{PageSize: 2, Filter: other, PageToken: page.NextPageToken})
		if !errors.Is(err, ErrInvalidPageToken) || !strings.Contains(err.Error(), "another filter") {
			t.Errorf("%v: %v", other, err)
		}
	}
}
