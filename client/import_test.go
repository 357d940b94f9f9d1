package client_test

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/akintest"
)

// checkImported demands that the server holds exactly these papers and that each was written once.
func checkImported(t *testing.T, s *akintest.Server, papers []*client.Paper) {
	t.Helper()
	if n := len(s.IDs()); n != len(papers) {
		t.Errorf("%d papers stored, not %d", n, len(papers))
	}
	for _, p := range papers {
		if n := s.Writes(p.GetId()); n != 1 {
			t.Fatalf("%s was written %d times", p.GetId(), n)
		}
	}
}

func TestImportStoresEveryPaperOnce(t *testing.T) {
	s := akintest.Start(t)
	papers := samplePapers(1000)
	c := dial(t, s)
	report, err := c.Import(testContext(t), client.Papers(papers...))
	if err != nil {
		t.Fatal(err)
	}
	checkImported(t, s, papers)
	if want := (client.ImportReport{Read: 1000, Written: 1000}); report != want {
		t.Errorf("report %+v", report)
	}
	report, err = c.Import(testContext(t), client.Papers(papers...))
	if want := (client.ImportReport{Read: 1000, Unchanged: 1000}); err != nil || report != want {
		t.Errorf("run again: %+v, %v", report, err)
	}
	checkImported(t, s, papers)
}

func TestAnEmptyImportIsDoneAtOnce(t *testing.T) {
	report, err := dial(t, akintest.Start(t)).Import(testContext(t), client.Papers())
	if err != nil || report != (client.ImportReport{}) {
		t.Fatalf("%+v, %v", report, err)
	}
}

func TestImportResumesAfterBrokenStreamsWithoutLosingOrDoubling(t *testing.T) {
	s := akintest.Start(t)
	s.Import.AckEvery = 7
	breaks := func(at int) func(stream, items int) error {
		return func(stream, items int) error {
			if stream <= 6 && items == at*stream {
				return status.Error(codes.Unavailable, "broken on purpose")
			}
			return nil
		}
	}
	s.Import.Received = breaks(10) // the latest item is lost
	s.Import.Stored = breaks(9)    // the latest item is stored, its acknowledgement is lost
	papers := samplePapers(500)
	var waits atomic.Int64
	report, err := dial(t, s).Import(testContext(t), client.Papers(papers...), client.Window(40, 0),
		client.OnProgress(func(r client.ImportReport) {
			if r.Waiting != nil {
				waits.Add(1)
			}
		}))
	if err != nil {
		t.Fatal(err)
	}
	checkImported(t, s, papers)
	if report.Reconnects != 6 || waits.Load() != 6 {
		t.Errorf("%d reconnects, %d reports of waiting; 6 streams broke", report.Reconnects, waits.Load())
	}
	if report.Done() != 500 || report.Unchanged == 0 {
		t.Errorf("report %+v: items stored before a break count as unchanged", report)
	}
}

func TestImportOutlastsAKilledServer(t *testing.T) {
	s := akintest.Start(t)
	killed := make(chan struct{})
	s.Import.Stored = func(stream, items int) error {
		if stream == 1 && items == 100 {
			close(killed)
		}
		return nil
	}
	restarted, waits := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(restarted)
		<-killed
		s.Kill()
		<-waits // an attempt has failed
		s.Listen()
	}()
	papers := samplePapers(3000)
	var once sync.Once
	report, err := dial(t, s).Import(testContext(t), client.Papers(papers...), client.Window(200, 0),
		client.OnProgress(func(r client.ImportReport) {
			if r.Waiting != nil {
				once.Do(func() { close(waits) })
			}
		}))
	<-restarted
	if err != nil {
		t.Fatal(err)
	}
	checkImported(t, s, papers)
	if report.Reconnects == 0 || report.Done() != 3000 {
		t.Errorf("report %+v", report)
	}
}

func TestImportGivesUpOnAServerThatStaysAway(t *testing.T) {
	s := akintest.Start(t)
	s.Import.AckEvery = 1
	acknowledged := make(chan struct{})
	s.Import.Received = func(stream, items int) error {
		if items == 6 {
			<-acknowledged
			go s.Kill()
			return status.Error(codes.Unavailable, "dying")
		}
		return nil
	}
	report, err := dial(t, s).Import(testContext(t), client.Papers(samplePapers(50)...),
		client.Patience(200*time.Millisecond), client.OnProgress(func(r client.ImportReport) {
			if r.Waiting == nil && r.Done() == 5 {
				close(acknowledged)
			}
		}))
	if !errors.Is(err, client.ErrUnavailable) || !contains(err, "cannot reach the server") {
		t.Fatalf("%v", err)
	}
	if report.Written != 5 || report.Waiting != nil {
		t.Errorf("report %+v", report)
	}
}

func TestAFailedItemDoesNotStopTheOthers(t *testing.T) {
	s := akintest.Start(t)
	papers := samplePapers(30)
	papers[4] = &client.Paper{Id: "empty"}
	papers[11] = &client.Paper{Id: "latin-1", Title: "caf\xe9"}
	papers[12] = nil
	papers[29] = &client.Paper{Title: "no id"}
	failed := map[int64]*client.ItemError{}
	report, err := dial(t, s).Import(testContext(t), client.Papers(papers...),
		client.OnItemError(func(e *client.ItemError) { failed[e.Item] = e }))
	if err != nil {
		t.Fatal(err)
	}
	if want := (client.ImportReport{Read: 30, Written: 26, Failed: 4}); report != want {
		t.Errorf("report %+v", report)
	}
	for item, field := range map[int64]string{5: "paper.title", 12: "paper.title", 13: "paper", 30: "paper.id"} {
		e := failed[item]
		if e == nil {
			t.Errorf("item %d was not reported", item)
			continue
		}
		if !errors.Is(e, client.ErrInvalid) || len(e.Err.Fields()) != 1 || e.Err.Fields()[0].Field != field {
			t.Errorf("item %d: %v, fields %v", item, e, e.Err.Fields())
		}
	}
	if failed[5].ID != "empty" {
		t.Errorf("the id of item 5 is %q", failed[5].ID)
	}
}

func TestAnItemIsReportedOnceThoughItIsSentTwice(t *testing.T) {
	s := akintest.Start(t)
	s.Import.AckEvery = 5
	s.Import.Received = func(stream, items int) error {
		if stream == 1 && items == 9 {
			return status.Error(codes.Unavailable, "broken on purpose")
		}
		return nil
	}
	papers := samplePapers(20)
	papers[7] = &client.Paper{Id: "empty"}
	reports := 0
	report, err := dial(t, s).Import(testContext(t), client.Papers(papers...), client.OnItemError(func(*client.ItemError) {
		reports++
	}))
	if err != nil || reports != 1 || report.Failed != 1 || report.Done() != 20 {
		t.Fatalf("%d reports, %+v, %v", reports, report, err)
	}
}

func TestTheWindowBoundsWhatIsReadAhead(t *testing.T) {
	s := akintest.Start(t)
	s.Import.AckEvery = 10
	s.Import.AckDelay = time.Millisecond
	var read, acknowledged atomic.Int64
	source := func(yield func(*client.Paper, error) bool) {
		for _, p := range samplePapers(300) {
			// One more than the window: the item that waits to enter it.
			if ahead := read.Add(1) - acknowledged.Load(); ahead > 16+10+1 {
				t.Errorf("%d papers read ahead of the acknowledgements", ahead)
				return
			}
			if !yield(p, nil) {
				return
			}
		}
	}
	_, err := dial(t, s).Import(testContext(t), source, client.Window(16, 0),
		client.OnProgress(func(r client.ImportReport) { acknowledged.Store(r.Done()) }))
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheWindowBoundsBytes(t *testing.T) {
	s := akintest.Start(t)
	s.Import.AckEvery = 1
	papers := samplePapers(40)
	for _, p := range papers {
		p.Abstract = string(make([]byte, 10_000))
	}
	if _, err := dial(t, s).Import(testContext(t), client.Papers(papers...), client.Window(0, 15_000)); err != nil {
		t.Fatal(err) // each paper alone is above half of the window, so they go one at a time
	}
	checkImported(t, s, papers)
}

func TestAnErrorOfTheIteratorEndsTheImportAfterWhatWasRead(t *testing.T) {
	s := akintest.Start(t)
	papers := samplePapers(25)
	broken := errors.New("the file ends in the middle")
	source := func(yield func(*client.Paper, error) bool) {
		for _, p := range papers {
			if !yield(p, nil) {
				return
			}
		}
		yield(nil, broken)
	}
	report, err := dial(t, s).Import(testContext(t), source)
	if !errors.Is(err, broken) || report.Written != 25 {
		t.Fatalf("%+v, %v", report, err)
	}
	checkImported(t, s, papers)
}

func TestACancelledImportEndsAtOnce(t *testing.T) {
	s := akintest.Start(t)
	ctx, cancel := context.WithCancel(testContext(t))
	s.Import.Received = func(_, items int) error {
		if items == 50 {
			cancel()
		}
		return nil
	}
	endless := func(yield func(*client.Paper, error) bool) {
		for i := 0; yield(&client.Paper{Id: samplePapers(1)[0].GetId(), Title: "again"}, nil); i++ {
		}
	}
	_, err := dial(t, s).Import(ctx, iter.Seq2[*client.Paper, error](endless))
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestAServerThatRefusesTheStreamIsNotAskedAgain(t *testing.T) {
	s := akintest.Start(t)
	s.Before = func(context.Context, string) error { return status.Error(codes.PermissionDenied, "read only token") }
	report, err := dial(t, s).Import(testContext(t), client.Papers(samplePapers(5)...))
	if !errors.Is(err, client.ErrPermission) || s.Calls("ImportPapers") != 1 || report.Done() != 0 {
		t.Fatalf("%v after %d streams, %+v", err, s.Calls("ImportPapers"), report)
	}
}

func TestAnItemThatBreaksEachStreamEndsTheImportWithItsNumber(t *testing.T) {
	s := akintest.Start(t)
	s.Import.AckEvery = 1
	s.Import.Received = func(stream, items int) error {
		if (stream == 1 && items == 4) || stream > 1 {
			return status.Error(codes.Internal, "a handler failed")
		}
		return nil
	}
	report, err := dial(t, s).Import(testContext(t), client.Papers(samplePapers(10)...))
	if status.Code(err) != codes.Internal || report.Written != 3 {
		t.Fatalf("%v, %+v", err, report)
	}
	if want := "before item 4 is stored"; !contains(err, want) {
		t.Errorf("%q does not say %q", err, want)
	}
}

func TestAnExportGoesStraightIntoAnImport(t *testing.T) {
	papers := samplePapers(101)
	from, to := akintest.Start(t, papers...), akintest.Start(t)
	ctx := testContext(t)
	report, err := dial(t, to).Import(ctx, dial(t, from).Export(ctx))
	if err != nil || report.Written != 101 {
		t.Fatalf("%+v, %v", report, err)
	}
	checkImported(t, to, papers)
}
