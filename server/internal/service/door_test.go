package service

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/admit"
)

// told is the status of a call without its request's name, and that name.
func told(t *testing.T, err error) (rest *errdetails.ErrorInfo, message, id string, retry bool) {
	t.Helper()
	st := status.Convert(err)
	for _, detail := range st.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			rest = d
		case *errdetails.RequestInfo:
			id = d.GetRequestId()
		case *errdetails.RetryInfo:
			retry = d.GetRetryDelay().AsDuration() > 0
		}
	}
	return rest, st.Message(), id, retry
}

// TestADoorSaysWhatGRPCSays makes calls over one connection: of a caller who is at its rate's end, first refused by
// gRPC and then by the door, and of another between them, whose headers the door writes anew.
func TestADoorSaysWhatGRPCSays(t *testing.T) {
	keys, tokens := keyring(t, admit.Entry{Name: "poor", Roles: []string{"read"}, Rate: 1e-3},
		admit.Entry{Name: "rich", Roles: []string{"read", "write"}})
	observed := make(chan Call, 1000)
	r := newRig(t, Config{
		Admit:   admit.Config{Keys: keys},
		Observe: func(_ context.Context, c Call) { observed <- c },
	})
	ctx := testContext(t)
	poor, rich := withToken(ctx, tokens[0]), withToken(ctx, tokens[1])
	search := func(ctx context.Context, id string) error {
		ctx = metadata.AppendToOutgoingContext(ctx, admit.RequestHeader, id)
		_, err := r.similarity.SearchPapers(ctx, &akinv1.SearchPapersRequest{
			Query: &akinv1.SearchPapersRequest_Text{Text: "graphs"}})
		return err
	}
	_, err := r.papers.UpsertPaper(rich, &akinv1.UpsertPaperRequest{Paper: testPaper("a", "Graphs", "Of graphs.")})
	if err != nil {
		t.Fatal(err)
	}
	if err := search(poor, "first"); err != nil {
		t.Fatal(err)
	}
	byGRPC := search(poor, "by-grpc")
	wantStatus(t, byGRPC, codes.ResourceExhausted, admit.ReasonRateLimited)
	info, message, _, _ := told(t, byGRPC)
	for i := range 50 {
		id := "by-door-" + strings.Repeat("x", i)
		err := search(poor, id)
		wantStatus(t, err, codes.ResourceExhausted, admit.ReasonRateLimited)
		also, same, named, retry := told(t, err)
		if !proto.Equal(also, info) || same != message || named != id || !retry {
			t.Fatalf("the door says %v", err)
		}
		var header metadata.MD
		named = "rich-" + id
		got, err := r.papers.GetPaper(metadata.AppendToOutgoingContext(rich, admit.RequestHeader, named),
			&akinv1.GetPaperRequest{Id: "a"}, grpc.Header(&header))
		if err != nil || got.GetPaper().GetTitle() != "Graphs" {
			t.Fatalf("%v, %v", got, err)
		}
		if list := header.Get(admit.RequestHeader); len(list) != 1 || list[0] != named {
			t.Fatalf("the call is named %q, want %q", list, named)
		}
	}
	stream, err := r.papers.ExportPapers(rich, &akinv1.ExportPapersRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if papers, err := drained(stream.Recv); err != nil || len(papers) != 1 {
		t.Errorf("exported %d papers, %v", len(papers), err)
	}
	// What the door refused is counted like everything else, soon.
	for refused := 0; refused < 51; {
		select {
		case c := <-observed:
			if c.Reason == admit.ReasonRateLimited {
				refused++
			}
		case <-ctx.Done():
			t.Fatalf("the observer heard of %d refusals of 51", refused)
		}
	}
}
