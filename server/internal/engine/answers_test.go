package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
)

// TestPagesOfDuplicatesAreOfOneAnswer goes through the pages while papers come and go.
func TestPagesOfDuplicatesAreOfOneAnswer(t *testing.T) {
	lower(t, &pinFor, 0)
	e := open(t, t.TempDir())
	ctx := context.Background()
	papers := testPapers(0, 40)
	for i := range 20 {
		p := *testPaper(i)
		p.ID = fmt.Sprintf("copy-%02d", i)
		papers = append(papers, &p)
	}
	mustUpsert(t, e, papers...)
	q := DuplicateQuery{MinCosine: .9999, PageSize: 3}
	whole, err := e.Duplicates(ctx, DuplicateQuery{MinCosine: .9999, PageSize: 1000})
	if err != nil || len(whole.Groups) != 20 {
		t.Fatalf("%d groups, %v", len(whole.Groups), err)
	}
	var paged []DuplicateGroup
	for n := 0; ; n++ {
		page, err := e.Duplicates(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		paged = append(paged, page.Groups...)
		if q.PageToken = page.NextPageToken; q.PageToken == "" {
			break
		}
		if n%2 == 1 { // as the service does when a response grows too large
			paged = paged[:len(paged)-1]
			q.PageToken = page.TokenAt(2)
		}
		if _, err := e.Delete(ctx, fmt.Sprintf("copy-%02d", n)); err != nil {
			t.Fatal(err)
		}
		mustUpsert(t, e, testPaper(100+n))
		if n == 2 {
			if _, err := e.Train(ctx, TrainOptions{Epochs: 1}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if fmt.Sprint(paged) != fmt.Sprint(whole.Groups) {
		t.Errorf("the pages hold\n%v\nand the answer\n%v", paged, whole.Groups)
	}
}

// TestPagesOfDuplicatesExpire forgets an answer by age and by bytes.
func TestPagesOfDuplicatesExpire(t *testing.T) {
	lower(t, &answerBytes, 100) // the newest answer is kept all the same; the planner reads it, so it is set before
	e := open(t, t.TempDir())
	ctx := context.Background()
	papers := testPapers(0, 10)
	for i := range 10 {
		p := *testPaper(i)
		p.ID = fmt.Sprintf("copy-%02d", i)
		papers = append(papers, &p)
	}
	mustUpsert(t, e, papers...)
	first, err := e.Duplicates(ctx, DuplicateQuery{MinCosine: .9999, PageSize: 3})
	if err != nil {
		t.Fatal(err)
	}
	next := DuplicateQuery{MinCosine: .9999, PageSize: 3, PageToken: first.NextPageToken}
	if _, err := e.Duplicates(ctx, next); err != nil {
		t.Fatal(err)
	}
	other := next
	other.MinCosine = .95
	if _, err := e.Duplicates(ctx, other); !errors.Is(err, ErrInvalidPageToken) {
		t.Errorf("a token of another request: %v", err)
	}
	if _, err := e.Duplicates(ctx, DuplicateQuery{MinCosine: .95, PageSize: 3}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Duplicates(ctx, next); !errors.Is(err, ErrPageExpired) {
		t.Errorf("an answer that gave way: %v", err)
	}
	e.answers.mu.Lock() // the planner forgets old answers beside this
	n := len(e.answers.kept)
	e.answers.mu.Unlock()
	if n != 1 {
		t.Errorf("%d answers are kept", n)
	}
}

func TestAnswersAreKeptSinceTheirLastUse(t *testing.T) {
	var a answers
	at := func(d time.Duration) time.Time { return time.Unix(0, 0).Add(d) }
	groups := []DuplicateGroup{{IDs: []string{"a", "b"}}}
	old, used := a.keep(duplicateKey{revision: 1}, groups, at(0)), a.keep(duplicateKey{revision: 2}, groups, at(0))
	byNumber := func(n uint64) func(*duplicateAnswer) bool {
		return func(answer *duplicateAnswer) bool { return answer.number == n }
	}
	if a.find(at(answerFor/2), byNumber(used.number)) != used {
		t.Fatal("not found within its time")
	}
	a.expire(at(answerFor))
	if a.find(at(answerFor), byNumber(old.number)) != nil {
		t.Error("found after its time")
	}
	if a.find(at(answerFor), byNumber(used.number)) != used {
		t.Error("not found, though used since")
	}
	if a.expire(at(3 * answerFor)); len(a.kept) != 0 || a.bytes != 0 {
		t.Errorf("%d answers and %d bytes are kept for ever", len(a.kept), a.bytes)
	}
}

func FuzzDecodeGroupToken(f *testing.F) {
	f.Add(groupToken(1, 2, 3), uint64(3))
	f.Add("", uint64(0))
	f.Fuzz(func(t *testing.T, token string, request uint64) {
		number, offset, err := decodeGroupToken(token, request)
		if err != nil {
			return
		}
		n, o, err := decodeGroupToken(groupToken(number, offset, request), request)
		if n != number || o != offset || err != nil {
			t.Errorf("%q decodes to %d and %d, whose token decodes to %d and %d, %v", token, number, offset, n, o, err)
		}
	})
}

// TestAnAnswerHoldsABoundedNumberOfPapers asks for groups by a threshold that every paper reaches.
func TestAnAnswerHoldsABoundedNumberOfPapers(t *testing.T) {
	lower(t, &duplicateMost, 20)
	e := open(t, t.TempDir())
	var copies []*paper.Paper
	for i := range 30 {
		p := testPaper(1)
		p.ID = fmt.Sprint("copy-", i)
		copies = append(copies, p)
	}
	mustUpsert(t, e, copies[:20]...)
	page, err := e.Duplicates(t.Context(), DuplicateQuery{MinCosine: .9, PageSize: 10})
	if err != nil || len(page.Groups) != 1 {
		t.Errorf("20 copies: %+v, %v", page, err)
	}
	mustUpsert(t, e, copies[20:]...)
	_, err = e.Duplicates(t.Context(), DuplicateQuery{MinCosine: .9, PageSize: 10})
	if !errors.Is(err, ErrTooManyDuplicates) {
		t.Errorf("30 copies: %v", err)
	}
}
