package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/akintest"
)

func contains(err error, text string) bool { return err != nil && strings.Contains(err.Error(), text) }

func TestListYieldsEveryPaperOnceInOrderAcrossPages(t *testing.T) {
	s := akintest.Start(t, samplePapers(23)...)
	c := dial(t, s)
	var ids []string
	for p, err := range c.List(testContext(t), client.PageSize(5)) {
		if err != nil {
			t.Fatal(err)
		}
		if p.GetAbstract() != "" {
			t.Error("abstracts came unasked")
		}
		ids = append(ids, p.GetId())
	}
	if fmt.Sprint(ids) != fmt.Sprint(s.IDs()) {
		t.Errorf("%v", ids)
	}
	if n := s.Calls("ListPapers"); n != 5 {
		t.Errorf("%d pages", n)
	}
	for p, err := range c.List(testContext(t), client.Filter(`categories:"cs.1"`), client.Abstracts()) {
		if err != nil || p.GetAbstract() == "" || p.GetCategories()[0] != "cs.1" {
			t.Fatalf("%v, %v", p, err)
		}
	}
}

func TestAListThatIsLeftEarlyFetchesNoFurtherPage(t *testing.T) {
	s := akintest.Start(t, samplePapers(50)...)
	for range dial(t, s).List(testContext(t), client.PageSize(5)) {
		break
	}
	if n := s.Calls("ListPapers"); n != 1 {
		t.Errorf("%d pages", n)
	}
}

func TestTheErrorOfAPageIsYieldedLast(t *testing.T) {
	s := akintest.Start(t, samplePapers(20)...)
	s.Before = func(context.Context, string) error {
		if s.Calls("ListPapers") == 3 {
			return status.Error(codes.Internal, "broken page")
		}
		return nil
	}
	n := 0
	var last error
	for _, err := range dial(t, s).List(testContext(t), client.PageSize(5)) {
		if last = err; err == nil {
			n++
		}
	}
	if n != 10 || !contains(last, "broken page") {
		t.Errorf("%d papers, then %v", n, last)
	}
}

func TestBatchesAreSplitByCountAndByBytes(t *testing.T) {
	s := akintest.Start(t)
	c := dial(t, s)
	papers := samplePapers(2500)
	results, err := c.UpsertBatch(testContext(t), papers)
	if err != nil || len(results) != 2500 || s.Calls("BatchUpsertPapers") != 3 {
		t.Fatalf("%d results of %d batches, %v", len(results), s.Calls("BatchUpsertPapers"), err)
	}
	for i, r := range results {
		if r.GetPaper().GetId() != papers[i].GetId() || !r.GetCreated() {
			t.Fatalf("result %d is of %s", i, r.GetPaper().GetId())
		}
	}
	large := samplePapers(144)
	for i, p := range large {
		p.Id, p.Abstract = fmt.Sprint("large", i), strings.Repeat("x", 64<<10)
	}
	if _, err := c.UpsertBatch(testContext(t), large); err != nil || s.Calls("BatchUpsertPapers") != 6 {
		t.Fatalf("9 MiB: %v, %d batches", err, s.Calls("BatchUpsertPapers")-3)
	}
}

func TestAFailedBatchReturnsTheResultsOfThoseBeforeIt(t *testing.T) {
	papers := samplePapers(2200)
	papers[1500].Title = strings.Repeat("long ", 500)
	results, err := dial(t, akintest.Start(t)).UpsertBatch(testContext(t), papers)
	if !errors.Is(err, client.ErrInvalid) || len(results) != 1000 || !contains(err, "papers 1001 to 2000 of 2200") {
		t.Fatalf("%d results, %v", len(results), err)
	}
}

func TestGetManyFetchesWhatTheServerLeftOut(t *testing.T) {
	c := dial(t, akintest.Start(t, samplePapers(25)...))
	ids := []string{"nowhere"}
	for _, p := range samplePapers(25) {
		ids = append(ids, p.GetId())
	}
	papers, missing, err := c.GetMany(testContext(t), ids)
	if err != nil || len(papers) != 25 || len(missing) != 1 || missing[0] != "nowhere" {
		t.Fatalf("%d papers, missing %v, %v", len(papers), missing, err)
	}
	for i, p := range papers {
		if p.GetId() != ids[i+1] {
			t.Fatalf("paper %d is %s", i, p.GetId())
		}
	}
}

func TestGetDeleteAndPurge(t *testing.T) {
	ctx, c := testContext(t), dial(t, akintest.Start(t, samplePapers(6)...))
	p, err := c.Get(ctx, "paper-00003")
	if err != nil || p.GetAbstract() == "" {
		t.Fatalf("%v, %v", p, err)
	}
	if p, err = c.Get(ctx, "paper-00003", client.Fields("id", "title")); err != nil || p.GetAbstract() != "" {
		t.Fatalf("%v, %v", p, err)
	}
	if revision, err := c.Delete(ctx, "paper-00003"); err != nil || revision != 7 {
		t.Fatalf("revision %d, %v", revision, err)
	}
	if _, err = c.Get(ctx, "paper-00003"); !errors.Is(err, client.ErrNotFound) {
		t.Fatal(err)
	}
	if n, sample, err := c.Purge(ctx, "*", false); err != nil || n != 5 || len(sample) != 5 {
		t.Fatalf("%d, %v, %v", n, sample, err)
	}
	if n, _, err := c.Purge(ctx, "*", true); err != nil || n != 5 {
		t.Fatalf("%d, %v", n, err)
	}
	if st, err := c.Stats(ctx); err != nil || st.GetPapers() != 0 {
		t.Fatalf("%v, %v", st, err)
	}
}

func TestBackupJoinsItsPieces(t *testing.T) {
	var b bytes.Buffer
	var reports []int64
	n, err := dial(t, akintest.Start(t)).Backup(testContext(t), &b, func(written, _ int64) {
		reports = append(reports, written)
	})
	if err != nil || b.String() != "piece 0\npiece 1\npiece 2\npiece 3\n" || n != int64(b.Len()) || len(reports) != 4 {
		t.Fatalf("%q, %d, %v, %v", b.String(), n, reports, err)
	}
}

func TestAClientServesManyGoroutinesAtOnce(t *testing.T) {
	s := akintest.Start(t, samplePapers(10)...)
	c := dial(t, s)
	ctx := testContext(t)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for range 20 {
				if _, err := c.Search(ctx, "topic 3", client.Limit(3)); err != nil {
					t.Error(err)
				}
			}
			p := &client.Paper{Id: fmt.Sprint("own-", g), Title: "one of many"}
			if _, err := c.Import(ctx, client.Papers(p)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(s.IDs()); n != 18 {
		t.Errorf("%d papers", n)
	}
}
