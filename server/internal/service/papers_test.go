package service

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// upsert stores papers one by one.
func (r *rig) upsert(ctx context.Context, t testing.TB, papers ...*akinv1.Paper) {
	t.Helper()
	for _, p := range papers {
		if _, err := r.papers.UpsertPaper(ctx, &akinv1.UpsertPaperRequest{Paper: p}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAPaperIsStoredReplacedAndDeleted(t *testing.T) {
	r, ctx := newRig(t, Config{}), testContext(t)
	first := testPaper("10.1000/1", "Graph networks", "We study graphs.")
	first.Attributes = attributes(3)
	stored, err := r.papers.UpsertPaper(ctx, &akinv1.UpsertPaperRequest{Paper: first})
	if err != nil {
		t.Fatal(err)
	}
	if p := stored.GetPaper(); !stored.GetCreated() || stored.GetUnchanged() || p.GetRevision() == 0 ||
		p.GetCreateTime() == nil || p.GetAbstract() != "" {
		t.Errorf("first write: %v", stored)
	}
	again, err := r.papers.UpsertPaper(ctx, &akinv1.UpsertPaperRequest{Paper: first})
	if err != nil || !again.GetUnchanged() || again.GetCreated() ||
		again.GetPaper().GetRevision() != stored.GetPaper().GetRevision() {
		t.Errorf("the same again: %v %v", again, err)
	}
	second := testPaper("10.1000/1", "Graph networks, revised", "")
	changed, err := r.papers.UpsertPaper(ctx, &akinv1.UpsertPaperRequest{Paper: second})
	if err != nil || changed.GetUnchanged() || changed.GetCreated() ||
		changed.GetPaper().GetRevision() <= stored.GetPaper().GetRevision() {
		t.Errorf("a change: %v %v", changed, err)
	}
	got, err := r.papers.GetPaper(ctx, &akinv1.GetPaperRequest{Id: "10.1000/1"})
	if err != nil || got.GetPaper().GetTitle() != second.GetTitle() || got.GetPaper().GetAbstract() != "" ||
		len(got.GetPaper().GetAttributes()) != 0 {
		t.Errorf("got %v %v, want the later write whole", got, err)
	}
	deleted, err := r.papers.DeletePaper(ctx, &akinv1.DeletePaperRequest{Id: "10.1000/1"})
	if err != nil || deleted.GetPosition().GetRevision() <= changed.GetPaper().GetRevision() {
		t.Errorf("delete: %v %v", deleted, err)
	}
	_, err = r.papers.GetPaper(ctx, &akinv1.GetPaperRequest{Id: "10.1000/1"})
	if st := wantStatus(t, err, codes.NotFound, "PAPER_NOT_FOUND"); !strings.Contains(st.Message(), "10.1000/1") {
		t.Errorf("the message does not name the paper: %s", st.Message())
	}
	_, err = r.papers.DeletePaper(ctx, &akinv1.DeletePaperRequest{Id: "10.1000/1"})
	wantStatus(t, err, codes.NotFound, "PAPER_NOT_FOUND")
}

func TestABatchIsStoredWholeOrNotAtAll(t *testing.T) {
	r, ctx := newRig(t, Config{}), testContext(t)
	good := []*akinv1.Paper{testPaper("a", "One", ""), testPaper("b", "Two", "")}
	_, err := r.papers.BatchUpsertPapers(ctx, &akinv1.BatchUpsertPapersRequest{
		Papers: append(slices.Clone(good), testPaper("c", "", "")),
	})
	wantViolation(t, err, "INVALID_FIELD", "papers[2].title", "empty")
	_, err = r.papers.GetPaper(ctx, &akinv1.GetPaperRequest{Id: "a"})
	wantStatus(t, err, codes.NotFound, "PAPER_NOT_FOUND")

	out, err := r.papers.BatchUpsertPapers(ctx, &akinv1.BatchUpsertPapersRequest{Papers: good})
	if err != nil || len(out.GetResults()) != 2 || !out.GetResults()[1].GetCreated() ||
		out.GetResults()[1].GetPaper().GetId() != "b" {
		t.Errorf("got %v %v", out, err)
	}
}

func TestBatchGetKeepsTheOrderAndNamesTheMissing(t *testing.T) {
	r, ctx := newRig(t, Config{}), testContext(t)
	r.upsert(ctx, t, testPaper("a", "One", "first"), testPaper("b", "Two", "second"))
	out, err := r.papers.BatchGetPapers(ctx, &akinv1.BatchGetPapersRequest{Ids: []string{"b", "x", "a", "y"}})
	if err != nil {
		t.Fatal(err)
	}
	if ids := idsOf(out.GetPapers()); !slices.Equal(ids, []string{"b", "a"}) ||
		!slices.Equal(out.GetMissingIds(), []string{"x", "y"}) || len(out.GetRemainingIds()) != 0 {
		t.Errorf("got %v, missing %v, remaining %v", ids, out.GetMissingIds(), out.GetRemainingIds())
	}
	if out.GetPapers()[0].GetAbstract() != "" {
		t.Error("the abstract came unasked")
	}
	out, err = r.papers.BatchGetPapers(ctx, &akinv1.BatchGetPapersRequest{
		Ids: []string{"a"}, ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"abstract"}},
	})
	if err != nil || !proto.Equal(out.GetPapers()[0], &akinv1.Paper{Id: "a", Abstract: "first"}) {
		t.Errorf("got %v %v, want id and abstract alone", out, err)
	}
}

// withSmallResponses cuts responses at a size that a test's few papers exceed.
func withSmallResponses(t *testing.T, bytes int) {
	t.Helper()
	old := maxResponseBytes
	maxResponseBytes = bytes
	t.Cleanup(func() { maxResponseBytes = old })
}

// wordy is n papers of about 1 KiB each, alike enough to find one another.
func wordy(n int) []*akinv1.Paper {
	out := make([]*akinv1.Paper, n)
	for i := range out {
		out[i] = testPaper(fmt.Sprintf("paper-%03d", i), fmt.Sprintf("Attention number %d", i),
			strings.Repeat(fmt.Sprintf("sparse attention for topic%d ", i%7), 32))
	}
	return out
}

func TestEveryPaperIsListedOnceThoughPagesAreCut(t *testing.T) {
	withSmallResponses(t, 8<<10)
	r, ctx := newRig(t, Config{}), testContext(t)
	papers := wordy(60)
	if _, err := r.papers.BatchUpsertPapers(ctx, &akinv1.BatchUpsertPapersRequest{Papers: papers}); err != nil {
		t.Fatal(err)
	}
	var ids []string
	req := &akinv1.ListPapersRequest{PageSize: 50, ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"*"}}}
	pages := 0
	for {
		page, err := r.papers.ListPapers(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		if size := proto.Size(page); size > maxResponseBytes {
			t.Errorf("a page of %d bytes", size)
		}
		ids = append(ids, idsOf(page.GetPapers())...)
		pages++
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	if !slices.Equal(ids, idsOf(papers)) {
		t.Errorf("listed %d papers, in order: %v", len(ids), slices.IsSorted(ids))
	}
	if pages < 7 {
		t.Errorf("%d pages: nothing was cut, so the test shows nothing", pages)
	}
}

func TestBatchGetNamesWhatDidNotFit(t *testing.T) {
	withSmallResponses(t, 8<<10)
	r, ctx := newRig(t, Config{}), testContext(t)
	papers := wordy(30)
	if _, err := r.papers.BatchUpsertPapers(ctx, &akinv1.BatchUpsertPapersRequest{Papers: papers}); err != nil {
		t.Fatal(err)
	}
	var got []string
	calls := 0
	for rest := idsOf(papers); len(rest) > 0; calls++ {
		out, err := r.papers.BatchGetPapers(ctx, &akinv1.BatchGetPapersRequest{
			Ids: rest, ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"*"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if size := proto.Size(out); size > maxResponseBytes {
			t.Errorf("a response of %d bytes", size)
		}
		got = append(got, idsOf(out.GetPapers())...)
		rest = out.GetRemainingIds()
	}
	if !slices.Equal(got, idsOf(papers)) || calls < 3 {
		t.Errorf("got %d papers in %d calls", len(got), calls)
	}
}

func TestAWriteTooLargeToRepeatStillTellsRevisions(t *testing.T) {
	withSmallResponses(t, 4<<10)
	r, ctx := newRig(t, Config{}), testContext(t)
	papers := wordy(40)
	for _, p := range papers {
		p.Authors = repeated("Someone With A Name", 20)
	}
	out, err := r.papers.BatchUpsertPapers(ctx, &akinv1.BatchUpsertPapersRequest{Papers: papers})
	if err != nil {
		t.Fatal(err)
	}
	if size := proto.Size(out); size > maxResponseBytes {
		t.Errorf("a response of %d bytes", size)
	}
	for i, result := range out.GetResults() {
		if p := result.GetPaper(); p.GetId() != papers[i].GetId() || p.GetRevision() == 0 || p.GetUpdateTime() == nil {
			t.Fatalf("result %d: %v", i, result)
		}
	}
}

func TestAPurgeCountsFirstAndDeletesByForce(t *testing.T) {
	r, ctx := newRig(t, Config{}), testContext(t)
	for _, p := range wordy(20) {
		p.Categories = []string{"cs.LG"}
		if p.GetId() < "paper-005" {
			p.Categories = []string{"cs.CL"}
		}
		r.upsert(ctx, t, p)
	}
	dry, err := r.papers.PurgePapers(ctx, &akinv1.PurgePapersRequest{Filter: `categories:"cs.CL"`})
	if err != nil || dry.GetPurgeCount() != 5 || len(dry.GetPurgeSample()) != 5 {
		t.Fatalf("without force: %v %v", dry, err)
	}
	forced, err := r.papers.PurgePapers(ctx, &akinv1.PurgePapersRequest{Filter: `categories:"cs.CL"`, Force: true})
	if err != nil || forced.GetPurgeCount() != 5 {
		t.Fatalf("with force: %v %v", forced, err)
	}
	rest, err := r.papers.PurgePapers(ctx, &akinv1.PurgePapersRequest{Filter: "*"})
	if err != nil || rest.GetPurgeCount() != 15 {
		t.Errorf("what is left: %v %v", rest, err)
	}
	_, err = r.papers.PurgePapers(ctx, &akinv1.PurgePapersRequest{Filter: "nonsense ((", Force: true})
	wantViolation(t, err, "INVALID_FILTER", "filter", "")
}

func TestAnExportHoldsEveryPaperWhole(t *testing.T) {
	r, ctx := newRig(t, Config{}), testContext(t)
	papers := wordy(30)
	papers[3].Abstract = strings.Repeat("a long abstract ", 4000)
	papers[3].Attributes = attributes(5)
	if _, err := r.papers.BatchUpsertPapers(ctx, &akinv1.BatchUpsertPapersRequest{Papers: papers}); err != nil {
		t.Fatal(err)
	}
	stream, err := r.papers.ExportPapers(ctx, &akinv1.ExportPapersRequest{})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := drained(stream.Recv)
	if err != nil {
		t.Fatal(err)
	}
	var got []*akinv1.Paper
	for _, m := range messages {
		got = append(got, m.GetPapers()...)
	}
	if len(got) != len(papers) {
		t.Fatalf("exported %d papers", len(got))
	}
	for i, p := range got {
		p.CreateTime, p.UpdateTime, p.Revision = nil, nil, 0
		if !proto.Equal(p, papers[i]) {
			t.Errorf("stored %v\nexported %v", papers[i], p)
		}
	}
	stream, err = r.papers.ExportPapers(ctx, &akinv1.ExportPapersRequest{Filter: "year >"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	wantViolation(t, err, "INVALID_FILTER", "filter", "")
}

func idsOf(papers []*akinv1.Paper) []string {
	out := make([]string, len(papers))
	for i, p := range papers {
		out[i] = p.GetId()
	}
	return out
}
