package service

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/alert"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/filter"
)

// rig is a server and a generated client of it, over a connection in memory.
type rig struct {
	server     *Server
	conn       *grpc.ClientConn
	papers     akinv1.PaperServiceClient
	similarity akinv1.SimilarityServiceClient
	index      akinv1.IndexServiceClient
	health     healthv1.HealthClient
	log        *logBuffer
}

// newLoadingRig serves without an engine. extra is registered beside the server's own services.
func newLoadingRig(t testing.TB, cfg Config, extra ...*grpc.ServiceDesc) *rig {
	t.Helper()
	log := &logBuffer{}
	cfg.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg.Admit.Rules = maps.Clone(admit.Rules)
	for _, desc := range extra { // for everyone who has any role
		for _, m := range desc.Methods {
			cfg.Admit.Rules["/"+desc.ServiceName+"/"+m.MethodName] = admit.Rule{Role: admit.Read, Class: admit.Interactive}
		}
		for _, d := range desc.Streams {
			cfg.Admit.Rules["/"+desc.ServiceName+"/"+d.StreamName] = admit.Rule{
				Role: admit.Read, Class: admit.Heavy, Streams: true,
			}
		}
	}
	r := &rig{server: New(cfg), log: log}
	for _, desc := range extra {
		chained{r.server}.RegisterService(desc, nil)
	}
	listener := bufconn.Listen(1 << 20)
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///rig",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		cut, cancel := context.WithCancel(context.Background())
		cancel()
		r.server.Drain(cut)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	r.conn = conn
	r.papers = akinv1.NewPaperServiceClient(conn)
	r.similarity = akinv1.NewSimilarityServiceClient(conn)
	r.index = akinv1.NewIndexServiceClient(conn)
	r.health = healthv1.NewHealthClient(conn)
	return r
}

// newRig serves a new engine on an empty folder.
func newRig(t testing.TB, cfg Config) *rig {
	t.Helper()
	live, err := engine.Open(t.Context(), engine.Config{
		Dir: t.TempDir(), Index: "flat", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // runs after the rig's own, so no handler is left
		if err := live.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	r := newLoadingRig(t, cfg)
	r.server.Ready(live)
	r.server.ReadyAlerts(openAlerts(t, live, cfg))
	return r
}

// openAlerts begins the alerts of an engine; they end before it.
func openAlerts(t testing.TB, live *engine.Engine, cfg Config) *alert.Alerts {
	t.Helper()
	alerts, err := alert.Open(live, alert.Config{
		Logger: slog.New(slog.DiscardHandler),
		Filter: func(owner string) (*filter.Filter, bool) {
			if p := cfg.Admit.Keys.Known(owner); p != nil {
				return p.Filter, true
			}
			return nil, false
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(alerts.Close)
	return alerts
}

// testContext ends long before the test binary's own limit, so that what hangs is told with its place.
func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// wantStatus checks code and reason of an error, and that it has a message.
func wantStatus(t testing.TB, err error, code codes.Code, reason string) *status.Status {
	t.Helper()
	st := status.Convert(err)
	if st.Code() != code || reasonOf(st) != reason {
		t.Fatalf("got %v %q (%s), want %v %q", st.Code(), reasonOf(st), st.Message(), code, reason)
	}
	if st.Message() == "" {
		t.Fatalf("%v has no message", code)
	}
	return st
}

// metadataOf is the ErrorInfo's metadata, or nil.
func metadataOf(err error) map[string]string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetMetadata()
		}
	}
	return nil
}

// reasonOf is the ErrorInfo's reason, or empty.
func reasonOf(st *status.Status) string {
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == "akin" {
			return info.GetReason()
		}
	}
	return ""
}

// violationsOf lists "field: description".
func violationsOf(st *status.Status) []string {
	var out []string
	for _, detail := range st.Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				out = append(out, v.GetField()+": "+v.GetDescription())
			}
		}
	}
	return out
}

// wantViolation checks for INVALID_ARGUMENT with one violation of a field whose description holds a text.
func wantViolation(t testing.TB, err error, reason, field, text string) {
	t.Helper()
	st := wantStatus(t, err, codes.InvalidArgument, reason)
	for _, v := range violationsOf(st) {
		if strings.HasPrefix(v, field+": ") && strings.Contains(v, text) {
			return
		}
	}
	t.Fatalf("no violation of %s with %q among %q", field, text, violationsOf(st))
}

// logBuffer is a log that tests can read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// testPaper is a valid paper.
func testPaper(id, title, abstract string) *akinv1.Paper {
	return &akinv1.Paper{Id: id, Title: title, Abstract: abstract}
}

// drained reads a stream to its end.
func drained[T any](recv func() (T, error)) ([]T, error) {
	var out []T
	for {
		m, err := recv()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, m)
	}
}

// statusProto turns the contract's status into gRPC's, which has the same fields.
func statusProto(s *akinv1.Status) *spb.Status {
	return &spb.Status{Code: s.GetCode(), Message: s.GetMessage(), Details: s.GetDetails()}
}
