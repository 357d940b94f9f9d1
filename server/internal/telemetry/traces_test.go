package telemetry

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/sample"
	"github.com/akin-search/akin/server/internal/service"
	"github.com/akin-search/akin/server/internal/telemetry/telemetrytest"
)

// tracedServer serves the sample's papers, with metrics and traces. What it returns sends the spans made so far.
func tracedServer(
	t *testing.T, collector *telemetrytest.Collector, share float64,
) (akinv1.SimilarityServiceClient, *Metrics, func()) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	traces, err := NewTraces(t.Context(), TracesConfig{
		Endpoint: collector.URL, Share: share, Version: "test", Logger: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	metrics := New()
	watch := Join(metrics, traces)
	e, err := engine.Open(t.Context(), engine.Config{
		Dir: t.TempDir(), TrainAt: -1, Observe: watch.StageEnded, Committed: watch.Committed, Worked: watch.Worked,
		Logger: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	papers, err := sample.Papers()
	if err == nil {
		_, err = e.Upsert(t.Context(), papers)
	}
	if err != nil {
		t.Fatal(err)
	}
	server := service.New(service.Config{Logger: log, Begin: watch.Begin, Observe: watch.Ended})
	server.Ready(e)
	listener := bufconn.Listen(1 << 20)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///traced", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		conn.Close()
		server.Drain(ctx)
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := e.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := traces.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return akinv1.NewSimilarityServiceClient(conn), metrics, func() {
		if err := traces.provider.ForceFlush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	callersTrace  = "0af7651916cd43dd8448eb211c80319c"
	callersSpan   = "b7ad6b7169203331"
	searchRequest = "akin.v1.SimilarityService/SearchPapers"
)

func search(ctx context.Context, t *testing.T, c akinv1.SimilarityServiceClient) {
	t.Helper()
	_, err := c.SearchPapers(ctx, &akinv1.SearchPapersRequest{
		Query: &akinv1.SearchPapersRequest_Text{Text: "graph neural networks"},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// spansOf are the spans of a name, and of the trace that the first of them belongs to.
func spansOf(all []*tracev1.Span, name string) (*tracev1.Span, []*tracev1.Span) {
	i := slices.IndexFunc(all, func(s *tracev1.Span) bool { return s.GetName() == name })
	if i < 0 {
		return nil, nil
	}
	var same []*tracev1.Span
	for _, s := range all {
		if bytes.Equal(s.GetTraceId(), all[i].GetTraceId()) {
			same = append(same, s)
		}
	}
	return all[i], same
}

func TestATraceShowsACallsStages(t *testing.T) {
	collector := telemetrytest.NewCollector(t)
	c, metrics, flush := tracedServer(t, collector, 1)
	search(metadata.AppendToOutgoingContext(t.Context(), admit.RequestHeader, "request-7"), t, c)
	_, err := c.SearchPapers(t.Context(), &akinv1.SearchPapersRequest{})
	if err == nil {
		t.Fatal("a search for nothing is answered")
	}
	flush()
	call, trace := spansOf(collector.Spans(), searchRequest)
	if call == nil || call.GetKind() != tracev1.Span_SPAN_KIND_SERVER || len(call.GetParentSpanId()) > 0 {
		t.Fatalf("the call's span is %v", call)
	}
	var names []string
	for _, s := range trace {
		names = append(names, s.GetName())
		if s != call && !bytes.Equal(s.GetParentSpanId(), call.GetSpanId()) {
			t.Errorf("%s is not within the call", s.GetName())
		}
		if s.GetStartTimeUnixNano() > s.GetEndTimeUnixNano() || s.GetEndTimeUnixNano() > uint64(time.Now().UnixNano()) {
			t.Errorf("%s took from %d to %d", s.GetName(), s.GetStartTimeUnixNano(), s.GetEndTimeUnixNano())
		}
	}
	for _, stage := range []string{"receive", "wait", "embed", "walk", "words", "fuse", "heads"} {
		if !slices.Contains(names, stage) {
			t.Errorf("%s is not among the spans %v", stage, names)
		}
	}
	attributes := map[string]string{}
	for _, a := range call.GetAttributes() {
		attributes[a.GetKey()] = a.GetValue().GetStringValue()
	}
	if attributes["akin.request_id"] != "request-7" || attributes["rpc.method"] != "SearchPapers" ||
		attributes["rpc.response.status_code"] != "OK" {
		t.Errorf("the call's attributes are %v", attributes)
	}
	if about := collector.About(); !slices.Contains(about, "service.name=akin") ||
		!slices.Contains(about, "service.version=test") {
		t.Errorf("the spans are of %v", about)
	}
	page := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	metrics.Handler().ServeHTTP(page, request)
	for _, metric := range []string{"akin_call_duration_seconds_bucket", "akin_stage_duration_seconds_bucket"} {
		found := false
		for line := range strings.Lines(page.Body.String()) {
			found = found || strings.HasPrefix(line, metric) && strings.Contains(line, `# {trace_id="`)
		}
		if !found {
			t.Errorf("%s has no exemplar", metric)
		}
	}
}

func TestACallersTraceIsContinued(t *testing.T) {
	collector := telemetrytest.NewCollector(t)
	c, _, flush := tracedServer(t, collector, 0)
	search(t.Context(), t, c) // the share is 0
	search(metadata.AppendToOutgoingContext(t.Context(), "traceparent", "00-"+callersTrace+"-"+callersSpan+"-00"), t, c)
	flush()
	if call, _ := spansOf(collector.Spans(), searchRequest); call != nil {
		t.Errorf("what nobody asked to trace is traced: %v", call)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "traceparent", "00-"+callersTrace+"-"+callersSpan+"-01")
	for range 2 * asked {
		search(ctx, t, c)
	}
	flush()
	call, trace := spansOf(collector.Spans(), searchRequest)
	if call == nil {
		t.Fatal("the call is not traced")
	}
	got := hex.EncodeToString(call.GetTraceId()) + "-" + hex.EncodeToString(call.GetParentSpanId())
	if got != callersTrace+"-"+callersSpan {
		t.Errorf("the call is within %s", got)
	}
	calls := 0
	for _, s := range trace {
		if s.GetName() == searchRequest {
			calls++
		}
	}
	if calls < asked {
		t.Errorf("%d of %d calls are traced, want %d", calls, 2*asked, asked)
	}
}

func TestCallersDoNotDecideHowMuchIsTraced(t *testing.T) {
	collector := telemetrytest.NewCollector(t)
	log := slog.New(slog.DiscardHandler)
	traces, err := NewTraces(t.Context(), TracesConfig{Endpoint: collector.URL, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx := metadata.NewIncomingContext(t.Context(),
		metadata.Pairs("traceparent", "00-"+callersTrace+"-"+callersSpan+"-01"))
	const burst = 100 * asked
	kept := 0
	begin := time.Now()
	for range burst {
		if sampledTrace(traces.Begin(ctx, "/akin.v1.PaperService/GetPaper", begin)) != "" {
			kept++
		}
	}
	if most := asked * (2 + int(time.Since(begin).Seconds())); kept < asked || kept > most {
		t.Errorf("%d of %d calls are traced, want %d to %d", kept, burst, asked, most)
	}
	if err := traces.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestBackgroundWorkIsTraced(t *testing.T) {
	collector := telemetrytest.NewCollector(t)
	traces, err := NewTraces(t.Context(), TracesConfig{
		Endpoint: collector.URL, Share: 0, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	traces.Worked("checkpoint", time.Now().Add(-time.Second), nil)
	traces.Worked("train", time.Now(), context.DeadlineExceeded)
	if err := traces.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	written, _ := spansOf(collector.Spans(), "background checkpoint")
	if written == nil || written.GetEndTimeUnixNano()-written.GetStartTimeUnixNano() < 1e9 {
		t.Errorf("the checkpoint's span is %v", written)
	}
	failed, _ := spansOf(collector.Spans(), "background train")
	if failed.GetStatus().GetCode() != tracev1.Status_STATUS_CODE_ERROR {
		t.Errorf("the failed training's span is %v", failed)
	}
}

func TestTracesAreOffUnlessSomethingNamesACollector(t *testing.T) {
	for _, c := range []struct {
		config  TracesConfig
		env     map[string]string
		traced  bool
		faulty  bool
		because string
	}{
		{because: "nothing is named"},
		{config: TracesConfig{Endpoint: "http://127.0.0.1:4317"}, traced: true, because: "the setting names one"},
		{env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"}, traced: true,
			because: "the variable names one"},
		{env: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://collector:4317"}, traced: true,
			because: "the traces' variable does"},
		{config: TracesConfig{Endpoint: "http://a:1"}, env: map[string]string{"OTEL_SDK_DISABLED": "true"},
			because: "all is off"},
		{config: TracesConfig{Endpoint: "http://a:1"}, env: map[string]string{"OTEL_TRACES_EXPORTER": "none"},
			because: "traces are off"},
		{config: TracesConfig{Endpoint: "collector:4317"}, faulty: true, because: "the scheme is missing"},
		{config: TracesConfig{Endpoint: "ftp://collector"}, faulty: true, because: "of the scheme"},
		{config: TracesConfig{Endpoint: "http://a:1", Share: math.NaN()}, faulty: true, because: "it is no number"},
		{config: TracesConfig{Endpoint: "http://a:1", Share: 1.5}, faulty: true, because: "of the share"},
		{config: TracesConfig{Endpoint: "http://a:1"}, env: map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
			faulty: true, because: "of the protocol"},
		{config: TracesConfig{Endpoint: "http://a:1"}, env: map[string]string{"OTEL_TRACES_SAMPLER": "jaeger_remote"},
			faulty: true, because: "of the sampler"},
	} {
		t.Run(c.because, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			traced, err := c.config.Traced()
			if traced != c.traced || (err != nil) != c.faulty {
				t.Errorf("traced %v, %v", traced, err)
			}
		})
	}
}

func TestTheLogSaysWhichCallAndWhichUnit(t *testing.T) {
	collector := telemetrytest.NewCollector(t)
	var lines bytes.Buffer
	log, err := NewLogger(&lines, "json", slog.LevelInfo)
	if err != nil {
		t.Fatal(err)
	}
	traces, err := NewTraces(t.Context(), TracesConfig{Endpoint: collector.URL, Share: 1, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx := traces.Begin(t.Context(), "/akin.v1.PaperService/GetPaper", time.Now())
	log.With("room", "test").InfoContext(ctx, "call", "took", 1500*time.Millisecond)
	if err := traces.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var line map[string]any
	if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line["took_seconds"] != 1.5 || line["trace_id"] != sampledTrace(ctx) || line["room"] != "test" {
		t.Errorf("the line is %v", line)
	}
	if _, err := NewLogger(&lines, "xml", slog.LevelInfo); err == nil {
		t.Error("a log in XML is written")
	}
}
