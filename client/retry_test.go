package client_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/akintest"
)

// calls is one call of each unary method.
func calls(ctx context.Context, c *client.Client) map[string]func() error {
	first := func(err error) error { return err }
	return map[string]func() error{
		"UpsertPaper":       func() error { _, err := c.Upsert(ctx, samplePapers(1)[0]); return first(err) },
		"BatchUpsertPapers": func() error { _, err := c.UpsertBatch(ctx, samplePapers(2)); return err },
		"GetPaper":          func() error { _, err := c.Get(ctx, "paper-00000"); return err },
		"BatchGetPapers":    func() error { _, _, err := c.GetMany(ctx, []string{"paper-00000"}); return err },
		"ListPapers": func() error {
			for _, err := range c.List(ctx) {
				return err
			}
			return nil
		},
		"DeletePaper":  func() error { _, err := c.Delete(ctx, "paper-00001"); return err },
		"PurgePapers":  func() error { _, _, err := c.Purge(ctx, "*", true); return err },
		"SearchPapers": func() error { _, err := c.Search(ctx, "topic"); return err },
		"BatchSearchPapers": func() error {
			_, err := c.QueryBatch(ctx, []*client.SearchRequest{client.TextQuery("x")})
			return err
		},
		"RecommendPapers": func() error {
			_, err := c.Recommend(ctx, client.Taste{Likes: []*client.Preference{client.FromText("topic")}})
			return err
		},
		"ExplainSimilarity": func() error { _, err := c.Explain(ctx, "topic", "paper-00000", 0); return err },
		"FindDuplicates": func() error {
			for _, err := range c.Duplicates(ctx) {
				return err
			}
			return nil
		},
		"EmbedTexts":     func() error { _, _, err := c.EmbedTexts(ctx, "a"); return err },
		"GetIndexStats":  func() error { _, err := c.Stats(ctx); return err },
		"GetMap":         func() error { _, err := c.Map(ctx, client.MapConfig{}); return err },
		"EvaluateRecall": func() error { _, err := c.EvaluateRecall(ctx, client.RecallConfig{}); return err },
	}
}

var sentOnce = map[string]bool{"DeletePaper": true, "PurgePapers": true}

func TestOnlyCallsThatAreSafeToRepeatAreRepeated(t *testing.T) {
	for method := range calls(t.Context(), nil) {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s := akintest.Start(t, samplePapers(3)...)
			var attempts atomic.Int64
			s.Before = func(context.Context, string) error {
				if attempts.Add(1) == 1 {
					return status.Error(codes.Unavailable, "going away")
				}
				return nil
			}
			err := calls(testContext(t), dial(t, s))[method]()
			if sentOnce[method] {
				if !errors.Is(err, client.ErrUnavailable) || attempts.Load() != 1 {
					t.Errorf("%d attempts, error %v; it must be sent once", attempts.Load(), err)
				}
			} else if err != nil || attempts.Load() != 2 {
				t.Errorf("%d attempts, error %v", attempts.Load(), err)
			}
		})
	}
}

func TestOtherErrorsAreNotRepeated(t *testing.T) {
	for _, code := range []codes.Code{codes.InvalidArgument, codes.NotFound, codes.Internal, codes.ResourceExhausted,
		codes.Aborted} {
		s := akintest.Start(t)
		s.Before = func(context.Context, string) error { return status.Error(code, "no") }
		if _, err := dial(t, s).Search(testContext(t), "x"); status.Code(err) != code {
			t.Errorf("%v became %v", code, err)
		}
		if n := s.Calls("SearchPapers"); n != 1 {
			t.Errorf("%v: %d attempts", code, n)
		}
	}
}

func TestAWaitTheServerAsksForIsKept(t *testing.T) {
	const wait = 120 * time.Millisecond
	s := akintest.Start(t)
	var times []time.Time
	s.Before = func(context.Context, string) error {
		if times = append(times, time.Now()); len(times) < 3 {
			return akintest.Fail(codes.ResourceExhausted, "busy", "OVERLOADED", akintest.After(wait))
		}
		return nil
	}
	if _, err := dial(t, s).Search(testContext(t), "x"); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(times); i++ {
		if gap := times[i].Sub(times[i-1]); gap < wait {
			t.Errorf("attempt %d came after %v, before the %v asked for", i+1, gap, wait)
		}
	}
}

func TestAWaitBeyondTheDeadlineFailsAtOnce(t *testing.T) {
	s := akintest.Start(t)
	s.Before = func(context.Context, string) error {
		return akintest.Fail(codes.ResourceExhausted, "busy", "OVERLOADED", akintest.After(time.Hour))
	}
	_, err := dial(t, s).Search(testContext(t), "x")
	if !errors.Is(err, client.ErrOverloaded) || !strings.Contains(err.Error(), "busy") {
		t.Fatal(err)
	}
	if n := s.Calls("SearchPapers"); n != 1 {
		t.Errorf("%d attempts", n)
	}
}

func TestACallGoesOnTryingWhileTheServerIsAway(t *testing.T) {
	s := akintest.Start(t, samplePapers(3)...)
	var attempts atomic.Int64
	away := make(chan struct{})
	s.Before = func(context.Context, string) error {
		select {
		case <-away:
			if attempts.Add(1) <= 9 { // gRPC itself tries four times
				return status.Error(codes.Unavailable, "restarts")
			}
		default:
		}
		return nil
	}
	c := dial(t, s)
	if _, err := c.Search(context.Background(), "topic"); err != nil {
		t.Fatal(err)
	}
	close(away)
	if _, err := c.Search(context.Background(), "topic"); err != nil {
		t.Errorf("after %d attempts: %v", attempts.Load(), err)
	}
}

func TestAServerThatHasNeverAnsweredIsNotWaitedFor(t *testing.T) {
	s := akintest.Start(t)
	s.Before = func(context.Context, string) error { return status.Error(codes.Unavailable, "not here") }
	_, err := dial(t, s).Search(testContext(t), "topic")
	if !errors.Is(err, client.ErrUnavailable) || err.Error() != "search: not here" {
		t.Error(err)
	}
	if n := s.Calls("SearchPapers"); n > 4 {
		t.Errorf("%d attempts", n)
	}
}

func TestADeadlineThatPassesIsToldAsOne(t *testing.T) {
	s := akintest.Start(t)
	s.Before = func(ctx context.Context, _ string) error {
		<-ctx.Done()
		return status.Error(codes.Canceled, "stream terminated by RST_STREAM with error code: CANCEL")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := dial(t, s).Search(ctx, "topic")
	if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "RST_STREAM") {
		t.Error(err)
	}
}

func TestAWriteIsRepeatedUnderOneRequestID(t *testing.T) {
	s := akintest.Start(t)
	var mu sync.Mutex
	var sent []string
	s.Before = func(ctx context.Context, _ string) error {
		md, _ := metadata.FromIncomingContext(ctx)
		mu.Lock()
		defer mu.Unlock()
		sent = append(sent, md.Get("x-request-id")...)
		if len(sent)%3 != 0 {
			return akintest.Fail(codes.ResourceExhausted, "busy", "OVERLOADED", akintest.After(time.Millisecond))
		}
		return nil
	}
	c := dial(t, s)
	for range 2 {
		if _, err := c.Upsert(testContext(t), samplePapers(1)[0]); err != nil {
			t.Fatal(err)
		}
	}
	named := metadata.AppendToOutgoingContext(testContext(t), "x-request-id", "mine")
	if _, err := c.Upsert(named, samplePapers(1)[0]); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(sent) != 9 || sent[0] != sent[2] || sent[3] != sent[5] || sent[0] == sent[3] || sent[6] != "mine" ||
		sent[8] != "mine" {
		t.Errorf("request ids %v", sent)
	}
}

func TestWhoeverWaitsIsToldWhy(t *testing.T) {
	const asked = 3 * time.Millisecond
	s := akintest.Start(t)
	var attempts atomic.Int64
	s.Before = func(context.Context, string) error {
		if attempts.Add(1) <= 2 {
			return akintest.Fail(codes.ResourceExhausted, "busy", "OVERLOADED", akintest.After(asked))
		}
		return nil
	}
	var waits []client.Wait // by the goroutine of the call
	c := dial(t, s, client.OnWait(func(w client.Wait) { waits = append(waits, w) }))
	if _, err := c.Search(testContext(t), "x"); err != nil {
		t.Fatal(err)
	}
	if len(waits) != 2 {
		t.Fatalf("told of %d waits: %+v", len(waits), waits)
	}
	for i, w := range waits {
		var why *client.Error
		if !errors.As(w.Err, &why) || why.Reason != "OVERLOADED" || !errors.Is(w.Err, client.ErrOverloaded) {
			t.Errorf("wait %d is because of %v", i+1, w.Err)
		}
		if w.Attempt != i+1 || w.Delay < asked || !strings.HasSuffix(w.Method, "/SearchPapers") {
			t.Errorf("wait %d: %+v", i+1, w)
		}
	}
	if before := waits[0].Waited + waits[0].Delay; waits[1].Waited < before {
		t.Errorf("the second wait began after %v, the first had ended after %v", waits[1].Waited, before)
	}
}

func TestADeadlineNamesWhyTheAttemptBeforeFailed(t *testing.T) {
	s := akintest.Start(t)
	var attempts atomic.Int64
	s.Before = func(context.Context, string) error {
		if attempts.Add(1) == 1 {
			return akintest.Fail(codes.ResourceExhausted, "too much to do", "OVERLOADED", akintest.After(time.Millisecond))
		}
		return status.Error(codes.DeadlineExceeded, "the time is over")
	}
	_, err := dial(t, s).Search(testContext(t), "x")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the time is over") ||
		!strings.Contains(err.Error(), "too much to do") {
		t.Error(err)
	}
}
