package service

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/store"
)

// testService has one unary and one streaming method that do what the test says.
func testService(fn func(ctx context.Context) error) *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: "test.Test",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "Unary",
			Handler: func(
				_ any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor,
			) (any, error) {
				in := &emptypb.Empty{}
				if err := decode(in); err != nil {
					return nil, err
				}
				return interceptor(ctx, in, &grpc.UnaryServerInfo{FullMethod: "/test.Test/Unary"},
					func(ctx context.Context, _ any) (any, error) {
						return in, fn(ctx)
					})
			},
		}},
		Streams: []grpc.StreamDesc{{
			StreamName:    "Stream",
			ServerStreams: true,
			ClientStreams: true,
			Handler:       func(_ any, ss grpc.ServerStream) error { return fn(ss.Context()) },
		}},
	}
}

func (r *rig) callUnary(ctx context.Context) error {
	return r.conn.Invoke(ctx, "/test.Test/Unary", &emptypb.Empty{}, &emptypb.Empty{})
}

func (r *rig) callStream(ctx context.Context) error {
	stream, err := r.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/test.Test/Stream")
	if err != nil {
		return err
	}
	if err := stream.RecvMsg(&emptypb.Empty{}); err != io.EOF {
		return err
	}
	return nil
}

func TestCallsAreRefusedWhileLoading(t *testing.T) {
	r := newLoadingRig(t, Config{})
	_, err := r.papers.GetPaper(testContext(t), &akinv1.GetPaperRequest{Id: "a"})
	st := wantStatus(t, err, codes.Unavailable, "LOADING")
	found := false
	for _, detail := range st.Details() {
		retry, ok := detail.(*errdetails.RetryInfo)
		found = found || ok && retry.GetRetryDelay().AsDuration() > 0
	}
	if !found {
		t.Error("nothing says when to try again")
	}
	stream, err := r.papers.ExportPapers(testContext(t), &akinv1.ExportPapersRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	wantStatus(t, err, codes.Unavailable, "LOADING")
}

func TestHealthFollowsTheLifeOfTheServer(t *testing.T) {
	r := newLoadingRig(t, Config{})
	ctx := testContext(t)
	want := func(status healthv1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		for _, name := range everyService {
			got, err := r.health.Check(ctx, &healthv1.HealthCheckRequest{Service: name})
			if err != nil || got.GetStatus() != status {
				t.Errorf("health of %q is %v (%v), want %v", name, got.GetStatus(), err, status)
			}
		}
	}
	want(healthv1.HealthCheckResponse_NOT_SERVING)
	watch, err := r.health.Watch(ctx, &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	next := func(status healthv1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		if got, err := watch.Recv(); err != nil || got.GetStatus() != status {
			t.Fatalf("watch says %v (%v), want %v", got.GetStatus(), err, status)
		}
	}
	next(healthv1.HealthCheckResponse_NOT_SERVING)

	live, err := engine.Open(ctx, engine.Config{Dir: t.TempDir(), Index: "flat"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { live.Close(context.Background()) })
	r.server.Ready(live)
	next(healthv1.HealthCheckResponse_SERVING)
	want(healthv1.HealthCheckResponse_SERVING)

	drained := make(chan struct{})
	go func() {
		r.server.Drain(ctx)
		close(drained)
	}()
	next(healthv1.HealthCheckResponse_NOT_SERVING)
	if _, err := watch.Recv(); status.Code(err) != codes.Canceled {
		t.Errorf("the watch ends with %v, want it ended by the server", err)
	}
	select {
	case <-drained: // the watch did not hold it up
	case <-ctx.Done():
		t.Fatal("the drain does not end")
	}
}

func TestAPanicIsInternalAndTheServerGoesOn(t *testing.T) {
	r := newLoadingRig(t, Config{}, testService(func(context.Context) error { panic("secret of the heap") }))
	ctx := testContext(t)
	for name, call := range map[string]func(context.Context) error{"unary": r.callUnary, "stream": r.callStream} {
		st := wantStatus(t, call(ctx), codes.Internal, "INTERNAL")
		if strings.Contains(st.Message(), "secret") {
			t.Errorf("%s: the panic's text reached the client: %s", name, st.Message())
		}
	}
	if log := r.log.String(); strings.Count(log, "secret of the heap") != 2 || !strings.Contains(log, "life_test.go") {
		t.Errorf("the log lacks the panics or their stacks: %s", log)
	}
	if _, err := r.health.Check(ctx, &healthv1.HealthCheckRequest{}); err != nil {
		t.Errorf("after the panics: %v", err)
	}
}

func TestUnknownErrorsStayInside(t *testing.T) {
	r := newLoadingRig(t, Config{}, testService(func(context.Context) error {
		return errors.New("open /srv/akin/store: disk on fire")
	}))
	for name, call := range map[string]func(context.Context) error{"unary": r.callUnary, "stream": r.callStream} {
		st := wantStatus(t, call(testContext(t)), codes.Internal, "INTERNAL")
		if strings.Contains(st.Message(), "/srv") {
			t.Errorf("%s: internals reached the client: %s", name, st.Message())
		}
	}
	if !strings.Contains(r.log.String(), "disk on fire") {
		t.Error("the log does not say what happened")
	}
}

func TestTheDrainWaitsForRunningCalls(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	r := newLoadingRig(t, Config{}, testService(func(context.Context) error {
		close(entered)
		<-release
		return nil
	}))
	ctx := testContext(t)
	outcome := make(chan error, 1)
	go func() { outcome <- r.callUnary(ctx) }()
	<-entered
	drained := make(chan struct{})
	go func() {
		r.server.Drain(ctx)
		close(drained)
	}()
	<-r.server.draining
	select {
	case <-drained:
		t.Fatal("drained while a call ran")
	default:
	}
	close(release)
	if err := <-outcome; err != nil {
		t.Errorf("the running call failed: %v", err)
	}
	<-drained
}

func TestTheDrainCutsOffCallsAtItsDeadline(t *testing.T) {
	entered := make(chan struct{})
	var ended error
	r := newLoadingRig(t, Config{}, testService(func(ctx context.Context) error {
		close(entered)
		<-ctx.Done()
		ended = ctx.Err()
		return ended
	}))
	outcome := make(chan error, 1)
	go func() { outcome <- r.callUnary(testContext(t)) }()
	<-entered
	cut, cancel := context.WithCancel(context.Background())
	cancel()
	r.server.Drain(cut)
	if ended == nil { // Drain returned, so the handler has
		t.Error("the handler's context did not end")
	}
	if err := <-outcome; status.Code(err) != codes.Unavailable && status.Code(err) != codes.Canceled {
		t.Errorf("the call ended with %v", err)
	}
}

func TestTheTokenIsAskedForEverywhereButInHealth(t *testing.T) {
	keys, err := admit.NewKeyring("", " s3cret\n", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r := newLoadingRig(t, Config{Admit: admit.Config{Keys: keys}}, testService(func(context.Context) error { return nil }))
	ctx := testContext(t)
	for _, header := range []string{"", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3crett", "Basic s3cret", "s3cret"} {
		with := ctx
		if header != "" {
			with = metadata.AppendToOutgoingContext(ctx, "authorization", header)
		}
		wantStatus(t, r.callUnary(with), codes.Unauthenticated, "UNAUTHENTICATED")
		wantStatus(t, r.callStream(with), codes.Unauthenticated, "UNAUTHENTICATED")
	}
	for _, header := range []string{"Bearer s3cret", "bearer s3cret", " Bearer  s3cret "} {
		if err := r.callUnary(metadata.AppendToOutgoingContext(ctx, "authorization", header)); err != nil {
			t.Errorf("%s: %v", header, err)
		}
	}
	if _, err := r.health.Check(ctx, &healthv1.HealthCheckRequest{}); err != nil {
		t.Errorf("health: %v", err)
	}
}

func TestADeadlineIsToldAsOne(t *testing.T) {
	r := newLoadingRig(t, Config{}, testService(func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}))
	ctx, cancel := context.WithTimeout(testContext(t), 200*time.Millisecond)
	defer cancel()
	if err := r.callUnary(ctx); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
}

// TestHealthTellsOfRefusedWrites has a disk that fails.
func TestHealthTellsOfRefusedWrites(t *testing.T) {
	defer func(d time.Duration) { writeWatch = d }(writeWatch)
	writeWatch = time.Millisecond
	for needed, want := range map[bool]healthv1.HealthCheckResponse_ServingStatus{
		true: healthv1.HealthCheckResponse_NOT_SERVING, false: healthv1.HealthCheckResponse_SERVING,
	} {
		r, ctx := newLoadingRig(t, Config{HealthNeedsWrites: needed}), testContext(t)
		live, err := engine.Open(ctx, engine.Config{Dir: t.TempDir(), Index: "flat", NoCheckpoints: true,
			Hook: func(point string) error {
				if point == store.PointCommitBefore {
					return errors.New("the disk is gone")
				}
				return nil
			}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { live.Close(context.Background()) })
		r.server.Ready(live)
		watch, err := r.health.Watch(ctx, &healthv1.HealthCheckRequest{Service: akinv1.PaperService_ServiceDesc.ServiceName})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.papers.UpsertPaper(ctx, &akinv1.UpsertPaperRequest{Paper: testPaper("a", "Title", "")}); err == nil {
			t.Fatal("a write went well")
		}
		for {
			if now, err := watch.Recv(); err != nil {
				t.Fatal(err)
			} else if now.GetStatus() == healthv1.HealthCheckResponse_NOT_SERVING {
				break
			}
		}
		readers := &healthv1.HealthCheckRequest{Service: akinv1.SimilarityService_ServiceDesc.ServiceName}
		if got, err := r.health.Check(ctx, readers); err != nil ||
			got.GetStatus() != healthv1.HealthCheckResponse_SERVING {
			t.Errorf("searches are %v, %v", got.GetStatus(), err)
		}
		if got, err := r.health.Check(ctx, &healthv1.HealthCheckRequest{}); err != nil || got.GetStatus() != want {
			t.Errorf("needed %v: the server is %v, %v", needed, got.GetStatus(), err)
		}
		stats, err := r.index.GetIndexStats(ctx, &akinv1.GetIndexStatsRequest{})
		if err != nil || stats.GetWriteRefusal() != string(engine.Fault) {
			t.Errorf("statistics say %q, %v", stats.GetWriteRefusal(), err)
		}
		if log := r.log.String(); !strings.Contains(log, "reason=fault") {
			t.Errorf("the log does not say why: %s", log)
		}
	}
}

func TestTheObserverHearsOfEveryCall(t *testing.T) {
	calls := make(chan Call, 4)
	r := newLoadingRig(t, Config{Observe: func(_ context.Context, c Call) { calls <- c }},
		testService(func(context.Context) error { return nil }))
	ctx := testContext(t)
	if err := r.callUnary(ctx); err != nil {
		t.Fatal(err)
	}
	if c := <-calls; c.Method != "/test.Test/Unary" || c.Code != codes.OK {
		t.Errorf("got %+v", c)
	}
	_, err := r.papers.GetPaper(ctx, &akinv1.GetPaperRequest{})
	wantStatus(t, err, codes.Unavailable, "LOADING")
	if c := <-calls; c.Method != akinv1.PaperService_GetPaper_FullMethodName || c.Code != codes.Unavailable ||
		c.Reason != "LOADING" {
		t.Errorf("got %+v", c)
	}
}

func TestABrokenClientCannotFillTheLog(t *testing.T) {
	r := newLoadingRig(t, Config{})
	ctx := testContext(t)
	for range 1000 {
		_, err := r.papers.GetPaper(ctx, &akinv1.GetPaperRequest{})
		wantStatus(t, err, codes.Unavailable, "LOADING")
	}
	// A hundred at once, and twenty for each second that the loop took; far below a thousand on any machine.
	if lines := strings.Count(r.log.String(), "GetPaper"); lines < 100 || lines > 900 {
		t.Errorf("%d of 1000 failed calls are in the log", lines)
	}
}
