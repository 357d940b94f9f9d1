package service

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/admit"
)

// requestIn is the id of the request that an error's details name.
func requestIn(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RequestInfo); ok {
			return info.GetRequestId()
		}
	}
	return ""
}

func TestEveryCallHasARequestID(t *testing.T) {
	keys, tokens := keyring(t,
		admit.Entry{Name: "reader", Roles: []string{"read"}},
		admit.Entry{Name: "writer", Roles: []string{"write"}})
	var mu sync.Mutex
	var logged []string
	r := newRig(t, Config{
		Admit: admit.Config{Keys: keys},
		Observe: func(ctx context.Context, _ Call) {
			mu.Lock()
			defer mu.Unlock()
			logged = append(logged, admit.CallOf(ctx).RequestID())
		},
	})
	base := testContext(t)
	reader := withToken(base, tokens[0])
	named := func(ctx context.Context) context.Context {
		return metadata.AppendToOutgoingContext(ctx, admit.RequestHeader, "my-request")
	}
	get := func(ctx context.Context, id string) (string, error) {
		var header metadata.MD
		_, err := r.papers.GetPaper(ctx, &akinv1.GetPaperRequest{Id: id}, grpc.Header(&header))
		if values := header.Get(admit.RequestHeader); len(values) == 1 {
			return values[0], err
		}
		return "", err
	}
	_, err := r.papers.UpsertPaper(withToken(base, tokens[1]),
		&akinv1.UpsertPaperRequest{Paper: testPaper("a", "graph", "networks")})
	if err != nil {
		t.Fatal(err)
	}
	if id, err := get(named(reader), "a"); err != nil || id != "my-request" {
		t.Errorf("a call that goes well is called %q, %v", id, err)
	}
	if id, err := get(reader, "a"); err != nil || len(id) != 16 {
		t.Errorf("a call without a name is called %q, %v", id, err)
	}
	if id, err := get(named(reader), "none"); id != "my-request" || requestIn(err) != id ||
		status.Code(err) != codes.NotFound {
		t.Errorf("a call that fails is called %q, %v", id, err)
	}
	for name, ctx := range map[string]context.Context{"without a token": base,
		"without the role": withToken(base, tokens[1])} {
		if _, err := get(named(ctx), "a"); requestIn(err) != "my-request" {
			t.Errorf("a call %s: %v names %q", name, err, requestIn(err))
		}
	}
	stream, err := r.papers.ExportPapers(named(reader), &akinv1.ExportPapersRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if header, err := stream.Header(); err != nil || len(header.Get(admit.RequestHeader)) != 1 {
		t.Errorf("a stream's headers are %v, %v", header, err)
	}
	if _, err := drained(stream.Recv); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	for i, id := range logged {
		if id == "" {
			t.Errorf("the observer is not told how call %d of %d is called", i, len(logged))
		}
	}
	if len(logged) < 6 {
		t.Errorf("%d calls were observed", len(logged))
	}
}

func TestTheLogHasAReasonAndNotWhatTheCallerWrote(t *testing.T) {
	r := newRig(t, Config{})
	_, err := r.papers.ListPapers(testContext(t), &akinv1.ListPapersRequest{Filter: `title = = "unspeakable"`})
	wantStatus(t, err, codes.InvalidArgument, "INVALID_FILTER")
	log := r.log.String()
	if !strings.Contains(log, "reason=INVALID_FILTER fields=[filter]") || strings.Contains(log, "unspeakable") {
		t.Errorf("the log says %s", log)
	}
	if levelOf(codes.InvalidArgument) != slog.LevelInfo {
		t.Error("a caller's fault is not of level info")
	}
}
