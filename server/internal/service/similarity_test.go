package service

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/paper/wire"
	"github.com/akin-search/akin/server/internal/sample"
)

// newSampleRig serves the bundled papers, with a model that has counted their words.
func newSampleRig(t *testing.T) (*rig, context.Context) {
	t.Helper()
	r, ctx := newRig(t, Config{}), testContext(t)
	papers, err := sample.Papers()
	if err != nil {
		t.Fatal(err)
	}
	req := &akinv1.BatchUpsertPapersRequest{}
	for _, p := range papers {
		req.Papers = append(req.Papers, wire.ToProto(p))
	}
	if _, err := r.papers.BatchUpsertPapers(ctx, req); err != nil {
		t.Fatal(err)
	}
	for {
		stats, err := r.index.GetIndexStats(ctx, &akinv1.GetIndexStatsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if stats.GetModel().GetPapers() == int64(len(papers)) {
			return r, ctx
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func searchText(text string) *akinv1.SearchPapersRequest {
	return &akinv1.SearchPapersRequest{Query: &akinv1.SearchPapersRequest_Text{Text: text}}
}

func searchPaper(id string) *akinv1.SearchPapersRequest {
	return &akinv1.SearchPapersRequest{Query: &akinv1.SearchPapersRequest_PaperId{PaperId: id}}
}

func searchVector(model string, values ...float32) *akinv1.SearchPapersRequest {
	return &akinv1.SearchPapersRequest{Query: &akinv1.SearchPapersRequest_Vector{
		Vector: &akinv1.VectorQuery{Model: model, Values: values},
	}}
}

func TestSimilarity(t *testing.T) {
	r, ctx := newSampleRig(t)
	// The tests only read, so they share one corpus.
	for name, test := range map[string]func(*testing.T, context.Context, *rig){
		"a text finds its paper":              textFindsItsPaper,
		"a paper is never its own hit":        paperIsNotItsOwnHit,
		"a vector finds what its text finds":  vectorFindsWhatItsTextFinds,
		"faults are told with their reasons":  faultsAreTold,
		"pages join without gap or doubling":  pagesJoin,
		"cut pages join as well":              cutPagesJoin,
		"a batch answers each search alone":   batchAnswersEachAlone,
		"a large batch is cut fairly":         largeBatchIsCutFairly,
		"likes are recommended from":          likesAreRecommendedFrom,
		"an explanation adds up":              explanationAddsUp,
		"options reach the engine":            optionsReachTheEngine,
		"embeddings have length one":          embeddingsHaveLengthOne,
		"statistics count the papers":         statisticsCount,
		"the exact index has a recall of one": recallOfOne,
	} {
		t.Run(name, func(t *testing.T) { test(t, ctx, r) })
	}
}

func textFindsItsPaper(t *testing.T, ctx context.Context, r *rig) {
	out, err := r.similarity.SearchPapers(ctx,
		searchText("MoEfication: Transformer Feed-forward Layers are Mixtures of Experts"))
	if err != nil {
		t.Fatal(err)
	}
	if len(out.GetHits()) != 10 || out.GetHits()[0].GetPaper().GetId() != "moefication" ||
		out.GetHits()[0].GetPaper().GetAbstract() != "" {
		t.Errorf("got %v", out.GetHits())
	}
	if info := out.GetInfo(); info.GetModel() == "" || info.GetPosition().GetRevision() == 0 || info.GetScored() == 0 {
		t.Errorf("info %v", info)
	}
	scores := make([]float64, 0, 10)
	for _, h := range out.GetHits() {
		scores = append(scores, -h.GetScore())
	}
	if !slices.IsSorted(scores) {
		t.Errorf("scores %v", scores)
	}
}

func paperIsNotItsOwnHit(t *testing.T, ctx context.Context, r *rig) {
	out, err := r.similarity.SearchPapers(ctx, searchPaper("fourier-transformer"))
	if err != nil || len(out.GetHits()) != 10 {
		t.Fatalf("%d hits, %v", len(out.GetHits()), err)
	}
	if slices.Contains(hitIDs(out.GetHits()), "fourier-transformer") {
		t.Error("the paper is its own hit")
	}
}

func vectorFindsWhatItsTextFinds(t *testing.T, ctx context.Context, r *rig) {
	const text = "pruning of large language models"
	embedded, err := r.similarity.EmbedTexts(ctx, &akinv1.EmbedTextsRequest{Texts: []string{text}})
	if err != nil {
		t.Fatal(err)
	}
	byVector, err := r.similarity.SearchPapers(ctx,
		searchVector(embedded.GetModel(), embedded.GetEmbeddings()[0].GetValues()...))
	if err != nil {
		t.Fatal(err)
	}
	byText := searchText(text)
	byText.Options = &akinv1.SearchOptions{DenseWeight: proto.Float64(1)}
	want, err := r.similarity.SearchPapers(ctx, byText)
	if err != nil || !slices.Equal(hitIDs(byVector.GetHits()), hitIDs(want.GetHits())) {
		t.Errorf("vector: %v\ntext: %v (%v)", hitIDs(byVector.GetHits()), hitIDs(want.GetHits()), err)
	}
}

func faultsAreTold(t *testing.T, ctx context.Context, r *rig) {
	embedded, err := r.similarity.EmbedTexts(ctx, &akinv1.EmbedTextsRequest{Texts: []string{"graph"}})
	if err != nil {
		t.Fatal(err)
	}
	model, values := embedded.GetModel(), embedded.GetEmbeddings()[0].GetValues()
	search := func(req *akinv1.SearchPapersRequest) error {
		_, err := r.similarity.SearchPapers(ctx, req)
		return err
	}
	wantViolation(t, search(searchText("the of and")), "NO_WORDS", "text", "words")
	wantViolation(t, search(searchText("?!… —")), "NO_WORDS", "text", "words")
	wantViolation(t, search(searchVector(model, values[1:]...)), "INVALID_VECTOR", "vector.values", "")
	wantViolation(t, search(searchVector(model, float32(math.NaN()))), "INVALID_FIELD", "vector.values[0]", "finite")
	wantStatus(t, search(searchVector("another", values...)), codes.FailedPrecondition, "MODEL_MISMATCH")
	wantStatus(t, search(searchPaper("no-such-paper")), codes.NotFound, "PAPER_NOT_FOUND")
	filtered := searchText("graph")
	filtered.Options = &akinv1.SearchOptions{Filter: "nonsense >"}
	wantViolation(t, search(filtered), "INVALID_FILTER", "options.filter", "")
	paged := searchText("graph")
	paged.PageToken = "not a token"
	wantViolation(t, search(paged), "INVALID_PAGE_TOKEN", "page_token", "")
	_, err = r.similarity.ExplainSimilarity(ctx, &akinv1.ExplainSimilarityRequest{
		Query: &akinv1.ExplainSimilarityRequest_Text{Text: "graph"}, TargetPaperId: "no-such-paper",
	})
	wantStatus(t, err, codes.NotFound, "PAPER_NOT_FOUND")
	_, err = r.papers.ListPapers(ctx, &akinv1.ListPapersRequest{PageToken: "not a token"})
	wantViolation(t, err, "INVALID_PAGE_TOKEN", "page_token", "")
	_, err = r.similarity.FindDuplicates(ctx, &akinv1.FindDuplicatesRequest{Filter: "id >"})
	wantViolation(t, err, "INVALID_FILTER", "filter", "")
	missing := &akinv1.RecommendPapersRequest{Likes: []*akinv1.Preference{
		{Subject: &akinv1.Preference_PaperId{PaperId: "no-such-paper"}},
	}}
	found, err := r.similarity.RecommendPapers(ctx, missing)
	if err != nil || !slices.Equal(found.GetMissingPaperIds(), []string{"no-such-paper"}) ||
		!found.GetInfo().GetWithoutLikes() {
		t.Errorf("a like that is not stored: %v, %v", found, err)
	}
	missing.Strict = true
	_, err = r.similarity.RecommendPapers(ctx, missing)
	wantStatus(t, err, codes.NotFound, "PAPER_NOT_FOUND")
	if got := metadataOf(err)["missing_paper_ids"]; got != `["no-such-paper"]` {
		t.Errorf("the error's metadata names %s", got)
	}
}

// allPages follows the tokens of a search.
func allPages(ctx context.Context, t *testing.T, r *rig, req *akinv1.SearchPapersRequest) (ids []string, pages int) {
	t.Helper()
	for {
		page, err := r.similarity.SearchPapers(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		if size := proto.Size(page); size > maxResponseBytes {
			t.Errorf("a page of %d bytes", size)
		}
		ids = append(ids, hitIDs(page.GetHits())...)
		pages++
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			return ids, pages
		}
	}
}

func pagesJoin(t *testing.T, ctx context.Context, r *rig) {
	whole := searchText("fourier features in neural networks")
	whole.PageSize = 60
	want, err := r.similarity.SearchPapers(ctx, whole)
	if err != nil {
		t.Fatal(err)
	}
	small := searchText("fourier features in neural networks")
	small.PageSize = 7
	got, pages := allPages(ctx, t, r, small)
	if len(got) < 60 || pages < 9 || !slices.Equal(got[:60], hitIDs(want.GetHits())) {
		t.Errorf("%d hits in %d pages\n%v\n%v", len(got), pages, got, hitIDs(want.GetHits()))
	}
	if slices.Sort(got); len(slices.Compact(slices.Clone(got))) != len(got) {
		t.Error("a hit came twice")
	}
}

func cutPagesJoin(t *testing.T, ctx context.Context, r *rig) {
	req := searchText("fourier features in neural networks")
	req.PageSize = 60
	whole, err := r.similarity.SearchPapers(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	withSmallResponses(t, 8<<10)
	req.Options = &akinv1.SearchOptions{ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"*"}}}
	got, pages := allPages(ctx, t, r, req)
	if len(got) < 60 || pages < 5 || !slices.Equal(got[:60], hitIDs(whole.GetHits())) {
		t.Errorf("%d hits in %d pages\n%v\n%v", len(got), pages, got, hitIDs(whole.GetHits()))
	}
}

func batchAnswersEachAlone(t *testing.T, ctx context.Context, r *rig) {
	paged := searchText("graph")
	paged.PageToken = "x"
	out, err := r.similarity.BatchSearchPapers(ctx,
		&akinv1.BatchSearchPapersRequest{Requests: []*akinv1.SearchPapersRequest{
			searchText("graph networks"), searchPaper("no-such-paper"), {}, paged, nil, searchPaper("wanda"),
		}})
	if err != nil {
		t.Fatal(err)
	}
	results := out.GetResults()
	if len(results) != 6 || len(results[0].GetResponse().GetHits()) != 10 ||
		len(results[5].GetResponse().GetHits()) != 10 {
		t.Fatalf("got %v", results)
	}
	want := func(i int, code codes.Code, reason string) error {
		t.Helper()
		s := results[i].GetStatus()
		st := status.FromProto(statusProto(s))
		wantStatus(t, st.Err(), code, reason)
		return st.Err()
	}
	want(1, codes.NotFound, "PAPER_NOT_FOUND")
	wantViolation(t, want(2, codes.InvalidArgument, "INVALID_FIELD"), "INVALID_FIELD", "query", "required")
	wantViolation(t, want(3, codes.InvalidArgument, "INVALID_FIELD"), "INVALID_FIELD", "page_token", "")
	want(4, codes.InvalidArgument, "INVALID_FIELD")
}

func largeBatchIsCutFairly(t *testing.T, ctx context.Context, r *rig) {
	withSmallResponses(t, 24<<10)
	req := &akinv1.BatchSearchPapersRequest{}
	for _, id := range []string{"wanda", "moefication", "siren", "big-bird"} {
		one := searchPaper(id)
		one.PageSize = 40
		one.Options = &akinv1.SearchOptions{ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"*"}}}
		req.Requests = append(req.Requests, one)
	}
	req.Requests = append(req.Requests, &akinv1.SearchPapersRequest{
		Query: &akinv1.SearchPapersRequest_PaperId{PaperId: "wanda"}, PageSize: 1,
	})
	out, err := r.similarity.BatchSearchPapers(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	if size := proto.Size(out); size > maxResponseBytes {
		t.Errorf("a response of %d bytes", size)
	}
	for i, result := range out.GetResults() {
		response := result.GetResponse()
		if i == 4 {
			if len(response.GetHits()) != 1 {
				t.Error("the small answer was cut too")
			}
			continue
		}
		if len(response.GetHits()) >= 40 || response.GetNextPageToken() == "" {
			t.Errorf("answer %d: %d hits, token %q", i, len(response.GetHits()), response.GetNextPageToken())
		}
		whole := proto.CloneOf(req.GetRequests()[i])
		whole.PageToken = response.GetNextPageToken()
		rest, err := r.similarity.SearchPapers(ctx, whole)
		if err != nil || len(rest.GetHits()) == 0 {
			t.Errorf("answer %d does not go on: %v", i, err)
		}
	}
}

func likesAreRecommendedFrom(t *testing.T, ctx context.Context, r *rig) {
	like := func(id string) *akinv1.Preference {
		return &akinv1.Preference{Subject: &akinv1.Preference_PaperId{PaperId: id}}
	}
	out, err := r.similarity.RecommendPapers(ctx, &akinv1.RecommendPapersRequest{
		Likes: []*akinv1.Preference{like("wanda"),
			{Subject: &akinv1.Preference_Text{Text: "pruning networks"}, Weight: 2}},
		Dislikes:        []*akinv1.Preference{like("siren")},
		ExcludePaperIds: []string{"network-pruning-spaces", "not-stored"},
		PageSize:        20,
	})
	if err != nil || len(out.GetHits()) != 20 {
		t.Fatalf("%d hits, %v", len(out.GetHits()), err)
	}
	for _, id := range []string{"wanda", "siren", "network-pruning-spaces"} {
		if slices.Contains(hitIDs(out.GetHits()), id) {
			t.Errorf("%s is recommended", id)
		}
	}
}

func explanationAddsUp(t *testing.T, ctx context.Context, r *rig) {
	out, err := r.similarity.ExplainSimilarity(ctx, &akinv1.ExplainSimilarityRequest{
		Query: &akinv1.ExplainSimilarityRequest_Text{Text: "pruning large language models"}, TargetPaperId: "wanda",
	})
	if err != nil {
		t.Fatal(err)
	}
	sum := out.GetRemainingCosine()
	for _, term := range out.GetTerms() {
		sum += term.GetCosine()
	}
	if len(out.GetTerms()) == 0 || math.Abs(sum-out.GetCosine()) > 1e-3 || out.GetModel() == "" {
		t.Errorf("terms sum to %v, cosine %v: %v", sum, out.GetCosine(), out)
	}
}

func optionsReachTheEngine(t *testing.T, ctx context.Context, r *rig) {
	req := searchText("pruning large language models")
	req.Options = &akinv1.SearchOptions{
		Filter:      `categories:"cs.CL"`,
		Mode:        akinv1.SearchMode_SEARCH_MODE_EXACT,
		DenseWeight: proto.Float64(.75),
		ReadMask:    &fieldmaskpb.FieldMask{Paths: []string{"id", "categories", "abstract"}},
	}
	out, err := r.similarity.SearchPapers(ctx, req)
	if err != nil || len(out.GetHits()) == 0 {
		t.Fatal(err)
	}
	if !out.GetInfo().GetExact() || out.GetInfo().GetDenseWeight() != .75 {
		t.Errorf("info %v", out.GetInfo())
	}
	for _, h := range out.GetHits() {
		p := h.GetPaper()
		if !slices.Contains(p.GetCategories(), "cs.CL") || p.GetAbstract() == "" || p.GetTitle() != "" {
			t.Errorf("hit %v", p)
		}
	}
	req.Options.MinCosine = proto.Float64(1)
	if out, err = r.similarity.SearchPapers(ctx, req); err != nil || len(out.GetHits()) != 0 {
		t.Errorf("min_cosine 1 keeps %d hits (%v)", len(out.GetHits()), err)
	}
}

func embeddingsHaveLengthOne(t *testing.T, ctx context.Context, r *rig) {
	out, err := r.similarity.EmbedTexts(ctx, &akinv1.EmbedTextsRequest{Texts: []string{"graph networks", "the of and"}})
	if err != nil || len(out.GetEmbeddings()) != 2 || out.GetModel() == "" {
		t.Fatalf("%v %v", out, err)
	}
	norm := 0.
	for _, x := range out.GetEmbeddings()[0].GetValues() {
		norm += float64(x) * float64(x)
	}
	if math.Abs(norm-1) > 1e-3 || out.GetEmbeddings()[0].GetTokens() != 2 {
		t.Errorf("squared length %v of %d tokens", norm, out.GetEmbeddings()[0].GetTokens())
	}
	if none := out.GetEmbeddings()[1]; len(none.GetValues()) != 0 || none.GetTokens() != 0 {
		t.Errorf("stop words gave %v", none)
	}
}

func statisticsCount(t *testing.T, ctx context.Context, r *rig) {
	out, err := r.index.GetIndexStats(ctx, &akinv1.GetIndexStatsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if out.GetPapers() != 198 || out.GetIndex().GetEngine() != "flat" || out.GetModel().GetDims() == 0 ||
		out.GetMemoryBytes() == 0 || out.GetUptime().AsDuration() <= 0 {
		t.Errorf("got %v", out)
	}
}

func recallOfOne(t *testing.T, ctx context.Context, r *rig) {
	out, err := r.index.EvaluateRecall(ctx, &akinv1.EvaluateRecallRequest{Queries: 20})
	if err != nil || out.GetRecall() < .999 || out.GetQueries() != 20 {
		t.Errorf("got %v %v", out, err)
	}
}

func TestDuplicatesAreGrouped(t *testing.T) {
	r, ctx := newSampleRig(t)
	copied, err := r.papers.GetPaper(ctx, &akinv1.GetPaperRequest{Id: "wanda"})
	if err != nil {
		t.Fatal(err)
	}
	copied.GetPaper().Id = "wanda-again"
	r.upsert(ctx, t, copied.GetPaper())
	out, err := r.similarity.FindDuplicates(ctx, &akinv1.FindDuplicatesRequest{MinCosine: .99})
	if err != nil || len(out.GetGroups()) != 1 ||
		!slices.Equal(out.GetGroups()[0].GetPaperIds(), []string{"wanda", "wanda-again"}) {
		t.Errorf("got %v %v", out, err)
	}
}

func hitIDs(hits []*akinv1.Hit) []string {
	out := make([]string, len(hits))
	for i, h := range hits {
		out[i] = h.GetPaper().GetId()
	}
	return out
}

func TestAFilterThatCanMatchNothingIsTold(t *testing.T) {
	r, ctx := newRig(t, Config{}), testContext(t)
	p := testPaper("a", "Attention", "")
	p.Attributes = map[string]*akinv1.AttributeValue{
		"year": {Value: &akinv1.AttributeValue_DoubleValue{DoubleValue: 2020}},
	}
	if _, err := r.papers.UpsertPaper(ctx, &akinv1.UpsertPaperRequest{Paper: p}); err != nil {
		t.Fatal(err)
	}
	for filter, warning := range map[string]string{
		`attributes.year = "2020"`: "",
		`attributes.yeer = 2020`:   "no paper has the attribute yeer",
		`attributes.year = "late"`: "holds numbers",
	} {
		out, err := r.similarity.SearchPapers(ctx, &akinv1.SearchPapersRequest{
			Query:   &akinv1.SearchPapersRequest_Text{Text: "attention"},
			Options: &akinv1.SearchOptions{Filter: filter},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(out.GetInfo().GetWarnings(), "; "); !strings.Contains(got, warning) ||
			(warning == "") != (got == "") {
			t.Errorf("%s: %q", filter, got)
		}
		if (len(out.GetHits()) == 1) != (warning == "") {
			t.Errorf("%s finds %d papers", filter, len(out.GetHits()))
		}
	}
}
