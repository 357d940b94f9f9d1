package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/index/engines"
	"github.com/akin-search/akin/server/internal/paper"
)

// open opens an engine on a folder that trains only when asked, and closes it with the test.
func open(t testing.TB, dir string, change ...func(*Config)) *Engine {
	t.Helper()
	cfg := Config{Dir: dir, TrainAt: -1, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for _, f := range change {
		f(&cfg)
	}
	e, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	return e
}

// topics give papers something to be alike in.
var topics = []string{
	"graph neural network message passing on molecules",
	"protein folding structure prediction from sequence",
	"speech recognition with acoustic models and audio",
	"reinforcement learning of robot control policies",
	"image segmentation of medical scans",
}

// testPaper makes paper i of a topic, with words of its own.
func testPaper(i int) *paper.Paper {
	topic := topics[i%len(topics)]
	return &paper.Paper{
		ID:    fmt.Sprintf("p%04d", i),
		Title: fmt.Sprintf("%s number%d", topic, i),
		Abstract: fmt.Sprintf("We study %s. The method number%d improves results on %s.", topic, i,
			strings.Fields(topic)[0]),
		Categories: []string{fmt.Sprintf("topic%d", i%len(topics))},
	}
}

func testPapers(from, to int) []*paper.Paper {
	papers := make([]*paper.Paper, 0, to-from)
	for i := from; i < to; i++ {
		papers = append(papers, testPaper(i))
	}
	return papers
}

func mustUpsert(t testing.TB, e *Engine, papers ...*paper.Paper) []WriteResult {
	t.Helper()
	written, err := e.Upsert(context.Background(), papers)
	if err != nil {
		t.Fatal(err)
	}
	return written.Results
}

func search(t testing.TB, e *Engine, q Query) *Result {
	t.Helper()
	if q.PageSize == 0 {
		q.PageSize = 10
	}
	result, err := e.Search(context.Background(), &q)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func ids(hits []Hit) []string {
	out := make([]string, len(hits))
	for i, h := range hits {
		out[i] = h.Paper.ID
	}
	return out
}

func TestAWriteIsVisibleWhenItIsAcknowledged(t *testing.T) {
	for _, kind := range engines.Names() {
		t.Run(kind, func(t *testing.T) {
			e := open(t, t.TempDir(), func(c *Config) { c.Index = kind })
			for i := range 50 {
				p := testPaper(i)
				mustUpsert(t, e, p)
				result := search(t, e, Query{Text: fmt.Sprintf("number%d", i), Options: Options{Mode: ModeExact}})
				if len(result.Hits) == 0 || result.Hits[0].Paper.ID != p.ID {
					t.Fatalf("after upserting %s a search for its own word found %v", p.ID, ids(result.Hits))
				}
				if result.Position.Revision < uint64(i+1) {
					t.Fatalf("answered from revision %d, acknowledged %d", result.Position.Revision, i+1)
				}
			}
		})
	}
}

func TestRelatedPapersAreOfTheSameTopicAndNotThePaperItself(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 100)...)
	result := search(t, e, Query{PaperID: "p0003"})
	for _, hit := range result.Hits {
		if hit.Paper.ID == "p0003" {
			t.Error("a paper is its own hit")
		}
		if hit.Paper.Categories[0] != "topic3" {
			t.Errorf("%s of %s is related to a paper of topic3", hit.Paper.ID, hit.Paper.Categories[0])
		}
	}
}

func TestDeletedPapersAreGoneFromEveryAnswer(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 20)...)
	position, err := e.Delete(context.Background(), "p0005")
	if err != nil || position.Revision != 21 {
		t.Fatalf("Delete = %s, %v", position, err)
	}
	if _, err := e.Delete(context.Background(), "p0005"); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleting twice: %v, want ErrNotFound", err)
	}
	got, err := e.Get(context.Background(), []string{"p0005", "p0006"}, true)
	if err != nil || got[0] != nil || got[1] == nil {
		t.Errorf("Get after delete = %v, %v", got, err)
	}
	for _, hit := range search(t, e, Query{Text: "number5 protein", PageSize: 20}).Hits {
		if hit.Paper.ID == "p0005" {
			t.Error("a deleted paper is a hit")
		}
	}
	if _, err := e.Search(context.Background(), &Query{PaperID: "p0005", PageSize: 1}); !errors.Is(err, ErrNotFound) {
		t.Errorf("search by a deleted paper: %v, want ErrNotFound", err)
	}
}

func TestIdenticalContentIsANoOp(t *testing.T) {
	e := open(t, t.TempDir())
	first := mustUpsert(t, e, testPaper(1))[0]
	second := mustUpsert(t, e, testPaper(1))[0]
	if !first.Created || first.Unchanged || second.Created || !second.Unchanged {
		t.Errorf("first %+v, second %+v", first, second)
	}
	if second.Paper.Revision != first.Paper.Revision {
		t.Errorf("a no-op moved the revision from %d to %d", first.Paper.Revision, second.Paper.Revision)
	}
}

func TestAnUpdateKeepsTheCreateTime(t *testing.T) {
	e := open(t, t.TempDir())
	first := mustUpsert(t, e, testPaper(1))[0].Paper
	changed := testPaper(1)
	changed.Title = "Another title"
	second := mustUpsert(t, e, changed)[0].Paper
	if !second.CreateTime.Equal(first.CreateTime) || second.UpdateTime.Before(first.UpdateTime) || second.Revision != 2 {
		t.Errorf("first %+v, second %+v", first, second)
	}
}

func TestEverythingSurvivesAReopen(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir)
	mustUpsert(t, e, testPapers(0, 300)...)
	changed := testPaper(7)
	changed.Abstract = "Entirely about zeppelins now."
	mustUpsert(t, e, changed)
	if _, err := e.Delete(context.Background(), "p0009"); err != nil {
		t.Fatal(err)
	}
	before, err := e.Stats(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	e = open(t, dir)
	after, err := e.Stats(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if after.Papers != 299 || after.Papers != before.Papers || after.Position != before.Position {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if got := ids(search(t, e, Query{Text: "zeppelins"}).Hits); len(got) == 0 || got[0] != "p0007" {
		t.Errorf("zeppelins: %v", got)
	}
}

func TestPagesJoinToOneAnswerWithoutGapsOrRepeats(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 120)...)
	whole := search(t, e, Query{Text: "graph neural network", PageSize: 60})
	var joined []string
	q := Query{Text: "graph neural network", PageSize: 7}
	for len(joined) < 60 {
		page := search(t, e, q)
		joined = append(joined, ids(page.Hits)...)
		if page.NextPageToken == "" {
			break
		}
		q.PageToken = page.NextPageToken
		mustUpsert(t, e, testPaper(1000+len(joined))) // later writes do not disturb a search begun before
	}
	for i, id := range ids(whole.Hits) {
		if joined[i] != id {
			t.Fatalf("place %d: %s on pages, %s at once", i, joined[i], id)
		}
	}
}

func TestPageTokensOfOtherRequestsAreRefused(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 60)...)
	token := search(t, e, Query{Text: "graph", PageSize: 5}).NextPageToken
	if token == "" {
		t.Fatal("no next page")
	}
	for name, q := range map[string]Query{
		"another text":   {Text: "protein", PageSize: 5, PageToken: token},
		"another filter": {Text: "graph", PageSize: 5, PageToken: token, Options: Options{Filter: parse(t, `id = "p0001"`)}},
		"garbage":        {Text: "graph", PageSize: 5, PageToken: "AAAA"},
		"no base64":      {Text: "graph", PageSize: 5, PageToken: "!"},
	} {
		if _, err := e.Search(context.Background(), &q); !errors.Is(err, ErrInvalidPageToken) {
			t.Errorf("%s: %v, want ErrInvalidPageToken", name, err)
		}
	}
}

// TestAPageOfAReplacedModelExpires trains twice: pages of the model before are answered for a while, older ones are
// not.
func TestAPageOfAReplacedModelExpires(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 60)...)
	first := search(t, e, Query{Text: "graph", PageSize: 5})
	q := Query{Text: "graph", PageSize: 5, PageToken: first.NextPageToken}
	if _, err := e.Train(context.Background(), TrainOptions{Epochs: 1}, nil); err != nil {
		t.Fatal(err)
	}
	if second, err := e.Search(context.Background(), &q); err != nil || second.Model != first.Model {
		t.Errorf("a page of the model before: %+v, %v", second, err)
	}
	if _, err := e.Train(context.Background(), TrainOptions{Epochs: 1, Seed: 2}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Search(context.Background(), &q); !errors.Is(err, ErrPageExpired) {
		t.Errorf("%v, want ErrPageExpired", err)
	}
}

// parse compiles a filter; the empty text is none.
func parse(t *testing.T, text string) *filter.Filter {
	t.Helper()
	if text == "" {
		return nil
	}
	f, err := filter.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFiltersKeepOnlyWhatTheyAccept(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 100)...)
	result := search(t, e, Query{Text: "graph neural network", PageSize: 50,
		Options: Options{Filter: parse(t, `categories:"topic2"`)}})
	if len(result.Hits) != 20 {
		t.Errorf("%d hits of 20 papers in the category", len(result.Hits))
	}
	for _, hit := range result.Hits {
		if hit.Paper.Categories[0] != "topic2" {
			t.Errorf("hit of %s", hit.Paper.Categories[0])
		}
	}
}

func TestBadQueriesSayWhatIsWrong(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 30)...)
	_, model, err := e.Embed(context.Background(), []string{"graph"})
	if err != nil {
		t.Fatal(err)
	}
	dims := e.live.Load().model.Dims()
	nan := make([]float32, dims)
	nan[0] = float32(nanValue())
	for name, test := range map[string]struct {
		q    Query
		want error
	}{
		"only stop words":  {Query{Text: "the of and"}, ErrNoWords},
		"only marks":       {Query{Text: "?!…"}, ErrNoWords},
		"unknown paper":    {Query{PaperID: "nobody"}, ErrNotFound},
		"short vector":     {Query{Vector: &VectorQuery{Values: []float32{1}, Model: model}}, ErrInvalidVector},
		"NaN vector":       {Query{Vector: &VectorQuery{Values: nan, Model: model}}, ErrInvalidVector},
		"zero vector":      {Query{Vector: &VectorQuery{Values: make([]float32, dims), Model: model}}, ErrInvalidVector},
		"another's vector": {Query{Vector: &VectorQuery{Values: make([]float32, dims), Model: "x"}}, ErrModelMismatch},
	} {
		test.q.PageSize = 10
		if _, err := e.Search(context.Background(), &test.q); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

func TestUnknownWordsAreNamed(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 30)...)
	result := search(t, e, Query{Text: "graph Xylophones zzyzx"})
	if fmt.Sprint(result.UnknownWords) != "[Xylophones zzyzx]" {
		t.Errorf("unknown words %q", result.UnknownWords)
	}
}

func TestASecondEngineOnTheFolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if e, err := Open(ctx, Config{Dir: dir}); err == nil {
		e.Close(ctx)
		t.Fatal("two engines opened one folder")
	} else if !strings.Contains(err.Error(), "process") {
		t.Errorf("the error does not speak of the other process: %v", err)
	}
}

func TestPurgeCountsFirstAndDeletesWithForce(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 100)...)
	ctx := context.Background()
	purged, err := e.Purge(ctx, parse(t, `categories:"topic1"`), false)
	if err != nil || purged.Count != 20 || len(purged.Sample) != 20 {
		t.Fatalf("dry run = %+v, %v", purged, err)
	}
	if purged, err = e.Purge(ctx, parse(t, `categories:"topic1"`), true); err != nil || purged.Count != 20 ||
		purged.Position.Revision != 120 {
		t.Fatalf("purge = %+v, %v", purged, err)
	}
	if s, _ := e.Stats(ctx); s.Papers != 80 {
		t.Errorf("%d papers left", s.Papers)
	}
	exported := 0
	if err := e.Export(ctx, nil, func(p *paper.Paper) error {
		if p.Categories[0] == "topic1" {
			t.Errorf("%s is exported after its purge", p.ID)
		}
		exported++
		return nil
	}); err != nil || exported != 80 {
		t.Errorf("export of %d, %v", exported, err)
	}
}

func TestListGivesEveryIDOnceInOrder(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 95)...)
	var got []string
	for q := (ListQuery{PageSize: 10}); ; {
		page, err := e.List(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Papers {
			got = append(got, p.ID)
		}
		if q.PageToken = page.NextPageToken; q.PageToken == "" {
			break
		}
	}
	if len(got) != 95 {
		t.Fatalf("%d ids", len(got))
	}
	for i, id := range got {
		if id != fmt.Sprintf("p%04d", i) {
			t.Fatalf("place %d is %s", i, id)
		}
	}
}

func TestExplanationsSumToTheScores(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 60)...)
	x, err := e.Explain(context.Background(), ExplainQuery{
		Text: "graph message passing of proteins", Target: "p0005", MaxTerms: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	sum := x.RemainingCosine
	for _, part := range x.Terms {
		sum += part.Cosine
	}
	if len(x.Terms) != 2 || x.Cosine-sum > 1e-3 || sum-x.Cosine > 1e-3 {
		t.Errorf("parts %+v sum to %v, cosine %v", x.Terms, sum, x.Cosine)
	}
}

func TestDuplicatesAreGrouped(t *testing.T) {
	e := open(t, t.TempDir())
	papers := testPapers(0, 30)
	for i, id := range []string{"copy-a", "copy-b"} {
		p := *testPaper(11 + i)
		p.ID = id
		papers = append(papers, &p)
	}
	mustUpsert(t, e, papers...)
	page, err := e.Duplicates(context.Background(), DuplicateQuery{MinCosine: .9999, PageSize: 10})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(page.Groups); len(page.Groups) != 2 || page.Groups[0].IDs[0] != "copy-a" ||
		page.Groups[0].IDs[1] != "p0011" {
		t.Errorf("groups %s", got)
	}
}

// smallEmbed is a configuration other than the default.
func smallEmbed() embed.Config {
	cfg := embed.DefaultConfig()
	cfg.Dims = 64
	return cfg
}

// TestAnExplanationHasTheScoresOfTheHit, whatever the options of the search.
func TestAnExplanationHasTheScoresOfTheHit(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 160)...)
	dense := .9
	for _, q := range []Query{
		{Text: "graph message passing"},
		{Text: "We ask whether graph message passing helps proteins fold."},
		{PaperID: "p0020"},
	} {
		for _, o := range []Options{
			{Mode: ModeExact}, {DenseWeight: &dense}, {Filter: parse(t, `categories:"topic2"`)},
			{RecencyHalfLife: 5000 * time.Hour},
		} {
			q.Options = o
			result := search(t, e, q)
			for _, place := range []int{0, len(result.Hits) - 1} {
				hit := result.Hits[place]
				x, err := e.Explain(context.Background(), ExplainQuery{
					Text: q.Text, PaperID: q.PaperID, Target: hit.Paper.ID, MaxTerms: 20, Options: o,
				})
				if err != nil {
					t.Fatal(err)
				}
				if math.Abs(x.Cosine-hit.Cosine) > 1e-3 || math.Abs(x.BM25-hit.BM25) > 1e-5 || math.Abs(x.Score-hit.Score) > 1e-9 ||
					x.Parts != hit.Parts {
					t.Errorf("%q%q: explained %+v, the hit has %+v", q.Text, q.PaperID, x.Likeness, hit.Likeness)
				}
			}
		}
	}
	// What a search does not find is placed beside what it finds.
	only := Options{Filter: parse(t, `id = "p0005"`)}
	for _, target := range []string{"p0005", "p0006"} {
		x, err := e.Explain(context.Background(), ExplainQuery{
			Text: testPaper(6).Title, Target: target, MaxTerms: 20, Options: only,
		})
		if err != nil {
			t.Fatal(err)
		}
		if sum := x.Parts.Dense + x.Parts.Words + x.Parts.Phrase + x.Parts.Neighbourhood; !(x.Score > 0 && x.Score <= 1) ||
			math.Abs(sum-x.Score) > 1e-9 {
			t.Errorf("%s: score %g of parts %+v", target, x.Score, x.Parts)
		}
	}
}
