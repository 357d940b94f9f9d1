package client_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/akintest"
)

func TestErrorsOfCallsMatchTheSentinels(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer error
		want   error
	}{
		{"not found", akintest.Fail(codes.NotFound, "no paper", "PAPER_NOT_FOUND"), client.ErrNotFound},
		{"invalid", akintest.Invalid("paper.id", "is required"), client.ErrInvalid},
		{"other model", akintest.Fail(codes.FailedPrecondition, "other model", "MODEL_MISMATCH"), client.ErrModelMismatch},
		{"page expired", akintest.Fail(codes.Aborted, "gone", "PAGE_EXPIRED"), client.ErrPageExpired},
		{"training runs", akintest.Fail(codes.FailedPrecondition, "runs", "TRAINING_RUNS"), client.ErrTrainingRuns},
		{"overloaded", akintest.Fail(codes.ResourceExhausted, "too many", "OVERLOADED"), client.ErrOverloaded},
		{"unauthenticated", status.Error(codes.Unauthenticated, "no token"), client.ErrUnauthenticated},
		{"permission", status.Error(codes.PermissionDenied, "no"), client.ErrPermission},
		{"unimplemented", status.Error(codes.Unimplemented, "no"), client.ErrUnimplemented},
		{"canceled", status.Error(codes.Canceled, "stop"), context.Canceled},
		{"deadline", status.Error(codes.DeadlineExceeded, "late"), context.DeadlineExceeded},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := akintest.Start(t)
			s.Before = func(context.Context, string) error { return tc.answer }
			c := dial(t, s)
			_, err := c.Delete(testContext(t), "x") // sent once, so the answer comes through as it is
			if !errors.Is(err, tc.want) {
				t.Fatalf("errors.Is(%v, %v) is false", err, tc.want)
			}
			for _, other := range []error{client.ErrUnavailable, io.EOF} {
				if errors.Is(err, other) {
					t.Errorf("%v is also %v", err, other)
				}
			}
			var typed *client.Error
			if !errors.As(err, &typed) || typed.Op != "delete" {
				t.Fatalf("errors.As gives %+v", typed)
			}
			if status.Code(err) != status.Code(tc.answer) {
				t.Errorf("status.Code is %v", status.Code(err))
			}
		})
	}
}

func TestAnErrorNamesItsRequest(t *testing.T) {
	s := akintest.Start(t)
	s.Before = func(context.Context, string) error {
		st, err := status.New(codes.Internal, "internal error").WithDetails(&errdetails.RequestInfo{RequestId: "request-7"})
		if err != nil {
			return err
		}
		return st.Err()
	}
	_, err := dial(t, s).Delete(testContext(t), "x")
	var failed *client.Error
	if !errors.As(err, &failed) || failed.RequestID != "request-7" {
		t.Errorf("%+v", failed)
	}
}

func TestAnInvalidFieldIsNamed(t *testing.T) {
	c := dial(t, akintest.Start(t))
	_, err := c.Upsert(testContext(t), &client.Paper{Title: "no id"})
	var typed *client.Error
	if !errors.As(err, &typed) {
		t.Fatal(err)
	}
	want := client.FieldViolation{Field: "paper.id", Description: "is required"}
	if f := typed.Fields(); len(f) != 1 || f[0] != want {
		t.Errorf("Fields() = %v", f)
	}
	if typed.Reason != "INVALID_FIELD" {
		t.Errorf("Reason = %q", typed.Reason)
	}
	if got := err.Error(); got != "upsert: paper.id is required" {
		t.Errorf("Error() = %q", got)
	}
}

func TestTheWaitAskedForIsInTheError(t *testing.T) {
	s := akintest.Start(t)
	s.Before = func(context.Context, string) error {
		return akintest.Fail(codes.ResourceExhausted, "busy", "OVERLOADED", akintest.After(7*time.Second))
	}
	_, err := dial(t, s).Delete(testContext(t), "x")
	var typed *client.Error
	if !errors.As(err, &typed) || typed.RetryAfter != 7*time.Second {
		t.Fatalf("RetryAfter of %+v", typed)
	}
}

func TestInvalidUTF8IsAnInvalidArgumentAndNotAnInternalError(t *testing.T) {
	_, err := dial(t, akintest.Start(t)).Search(testContext(t), "caf\xe9")
	if !errors.Is(err, client.ErrInvalid) || !strings.Contains(err.Error(), "UTF-8") {
		t.Fatal(err)
	}
}

func TestAWrongAddressIsUnavailable(t *testing.T) {
	s := akintest.Start(t)
	s.Kill()
	_, err := dial(t, s).Stats(testContext(t))
	if !errors.Is(err, client.ErrUnavailable) {
		t.Fatal(err)
	}
}

func TestACallWithoutADeadlineGetsTheDefaultOne(t *testing.T) {
	s := akintest.Start(t)
	s.Before = func(ctx context.Context, _ string) error {
		<-ctx.Done() // only a deadline ends this call
		return ctx.Err()
	}
	c := dial(t, s, client.WithTimeout(50*time.Millisecond))
	if _, err := c.Search(context.Background(), "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	// A deadline of the caller's own is not cut.
	s = akintest.Start(t)
	s.Before = func(ctx context.Context, _ string) error {
		if d, ok := ctx.Deadline(); !ok || time.Until(d) < 10*time.Second {
			return status.Error(codes.Internal, "the deadline was cut")
		}
		return nil
	}
	if _, err := dial(t, s, client.WithTimeout(50*time.Millisecond)).Search(testContext(t), "x"); err != nil {
		t.Fatal(err)
	}
}
