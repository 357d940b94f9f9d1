package service

import (
	"slices"
	"testing"

	"google.golang.org/grpc/codes"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// TestReadsTakeAnySpellingOfAnID asks every read that names a paper by other forms of its id, and holds that an id
// which is stored as it stands stands for itself, and that writes and deletes mean the id that they name.
func TestReadsTakeAnySpellingOfAnID(t *testing.T) {
	r, ctx := newRig(t, Config{}), testContext(t)
	r.upsert(ctx, t,
		testPaper("1706.03762", "Attention is all you need", "Networks of attention alone."),
		testPaper("10.1000/graph", "Graph networks", "We study attention on graphs."),
		testPaper("math/0309136", "Knots", "Knots and their attention."),
		testPaper("arXiv:2101.00001", "A paper under a form that is not canonical", "Attention to ids."),
		testPaper("2101.00001", "Its namesake", "Attention to ids as well."))
	for _, c := range [][2]string{
		{"arXiv:1706.03762v5", "1706.03762"}, {"https://doi.org/10.1000/GRAPH", "10.1000/graph"},
		{"math.GT/0309136v2", "math/0309136"},
		{"arXiv:2101.00001", "arXiv:2101.00001"}, {"https://arxiv.org/abs/2101.00001", "2101.00001"},
	} {
		got, err := r.papers.GetPaper(ctx, &akinv1.GetPaperRequest{Id: c[0]})
		if err != nil || got.GetPaper().GetId() != c[1] {
			t.Errorf("get %s: %v %v, want %s", c[0], got.GetPaper().GetId(), err, c[1])
		}
	}
	many, err := r.papers.BatchGetPapers(ctx, &akinv1.BatchGetPapersRequest{
		Ids: []string{"arXiv:1706.03762", "arXiv:1706.99999", "doi:10.1000/graph"},
	})
	if err != nil || len(many.GetPapers()) != 2 || many.GetPapers()[1].GetId() != "10.1000/graph" ||
		!slices.Equal(many.GetMissingIds(), []string{"arXiv:1706.99999"}) {
		t.Errorf("batch: %v %v", many, err)
	}
	found, err := r.similarity.SearchPapers(ctx, searchPaper("https://arxiv.org/pdf/1706.03762v1.pdf"))
	if err != nil || slices.Contains(hitIDs(found.GetHits()), "1706.03762") || len(found.GetHits()) == 0 {
		t.Errorf("similar: %v %v", hitIDs(found.GetHits()), err)
	}
	liked, err := r.similarity.RecommendPapers(ctx, &akinv1.RecommendPapersRequest{
		Likes:           []*akinv1.Preference{{Subject: &akinv1.Preference_PaperId{PaperId: "arXiv:1706.03762v2"}}},
		ExcludePaperIds: []string{"https://doi.org/10.1000/Graph"},
	})
	if ids := hitIDs(liked.GetHits()); err != nil || len(ids) == 0 || slices.Contains(ids, "1706.03762") ||
		slices.Contains(ids, "10.1000/graph") {
		t.Errorf("recommend: %v %v", ids, err)
	}
	if _, err := r.similarity.ExplainSimilarity(ctx, &akinv1.ExplainSimilarityRequest{
		Query: &akinv1.ExplainSimilarityRequest_PaperId{PaperId: "doi:10.1000/graph"}, TargetPaperId: "arXiv:1706.03762v9",
	}); err != nil {
		t.Errorf("explain: %v", err)
	}
	_, err = r.papers.DeletePaper(ctx, &akinv1.DeletePaperRequest{Id: "arXiv:1706.03762"})
	wantStatus(t, err, codes.NotFound, "PAPER_NOT_FOUND")
	r.upsert(ctx, t, testPaper("arXiv:1706.03762", "Another paper on purpose", ""))
	if got, err := r.papers.GetPaper(ctx, &akinv1.GetPaperRequest{Id: "1706.03762"}); err != nil ||
		got.GetPaper().GetTitle() != "Attention is all you need" {
		t.Errorf("a write under another form: %v %v", got, err)
	}
}
