package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/service"
)

// TracesConfig says where spans go and of how many calls. What OpenTelemetry's own variables say holds beside it:
// OTEL_EXPORTER_OTLP_*, OTEL_BSP_*, OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME, OTEL_SDK_DISABLED.
type TracesConfig struct {
	Endpoint string       // URL of a collector that speaks OTLP over gRPC; empty: what the variables name, or none
	Share    float64      // of calls, 0 to 1; below 0: what OTEL_TRACES_SAMPLER says, or DefaultShare
	Version  string       // of the server
	Logger   *slog.Logger // hears of spans that could not be delivered
}

// DefaultShare is the share of calls that are traced where nothing else is said.
const DefaultShare = .01

// asked is how many calls a second are traced beyond the share because their callers trace them: a caller may ask for
// that, and not for the server's time.
const asked = 50

// Variables of OpenTelemetry that this package reads itself.
const (
	disabledVariable = "OTEL_SDK_DISABLED"
	exporterVariable = "OTEL_TRACES_EXPORTER"
	samplerVariable  = "OTEL_TRACES_SAMPLER"
)

// Traced reports whether a configuration, with the environment's variables, traces at all, and what is wrong with it.
func (c *TracesConfig) Traced() (bool, error) {
	if !(c.Share <= 1) { // NaN too
		return false, fmt.Errorf("a share of %v is no share of calls: give 0 to 1", c.Share)
	}
	if strings.EqualFold(os.Getenv(disabledVariable), "true") {
		return false, nil
	}
	switch exporter := os.Getenv(exporterVariable); exporter {
	case "none":
		return false, nil
	case "", "otlp":
	default:
		return false, fmt.Errorf("%s=%s: only otlp and none are spoken here", exporterVariable, exporter)
	}
	endpoint, place := c.Endpoint, "the endpoint"
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		if endpoint == "" {
			endpoint, place = os.Getenv(name), name
		}
	}
	if endpoint == "" {
		return false, nil
	}
	if u, err := url.Parse(endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return false, fmt.Errorf("%s %q: give http://HOST:PORT of a collector that speaks OTLP over gRPC, "+
			"or https:// for an encrypted one",
			place, endpoint)
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if protocol := os.Getenv(name); protocol != "" {
			if protocol != "grpc" {
				return false, fmt.Errorf("%s=%s: only grpc is spoken here", name, protocol)
			}
			break
		}
	}
	switch sampler := os.Getenv(samplerVariable); sampler {
	case "", "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off",
		"parentbased_traceidratio":
	default:
		return false, fmt.Errorf("%s=%s: there is no such sampler here", samplerVariable, sampler)
	}
	return true, nil
}

// Traces makes spans of calls, of their stages and of background work, and sends those that are sampled to a collector.
// Nothing that a caller wrote is in them, apart from the ids of its trace and its request. Its methods may be called
// from many goroutines at once.
type Traces struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	parents  propagation.TraceContext
}

// NewTraces begins to trace; Close ends it. The collector need not be there yet: spans beyond what waits for it are
// dropped.
func NewTraces(ctx context.Context, c TracesConfig) (*Traces, error) {
	var options []otlptracegrpc.Option
	if c.Endpoint != "" {
		options = append(options, otlptracegrpc.WithEndpointURL(c.Endpoint))
	}
	exporter, err := otlptracegrpc.New(ctx, options...)
	if err != nil {
		return nil, err
	}
	complaints := rate.NewLimiter(rate.Every(time.Minute), 1)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		if complaints.Allow() {
			c.Logger.Warn("traces are not delivered; this is told once a minute at most", "error", err)
		}
	}))
	return newTraces(ctx, c, sdk.WithBatcher(exporter))
}

func newTraces(ctx context.Context, c TracesConfig, options ...sdk.TracerProviderOption) (*Traces, error) {
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "akin"), attribute.String("service.version", c.Version)),
		resource.WithTelemetrySDK(),
		resource.WithFromEnv()) // goes before
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	options = append(options, sdk.WithResource(about))
	switch {
	case c.Share >= 0:
		options = append(options, sdk.WithSampler(sampler(c.Share)))
	case os.Getenv(samplerVariable) == "":
		options = append(options, sdk.WithSampler(sampler(DefaultShare)))
	}
	t := &Traces{provider: sdk.NewTracerProvider(options...)}
	t.tracer = t.provider.Tracer("github.com/akin-search/akin/server")
	return t, nil
}

// sampler takes a share of the calls whose callers do not trace, what callers trace as far as the bound lets them, and
// all background work, which is rare.
func sampler(share float64) sdk.Sampler {
	return sdk.ParentBased(byName{sdk.TraceIDRatioBased(share)},
		sdk.WithRemoteParentSampled(&bounded{rate.NewLimiter(asked, asked), sdk.TraceIDRatioBased(share)}))
}

// byName takes all background work, and of calls what the other takes.
type byName struct{ calls sdk.Sampler }

// ShouldSample implements sdk.Sampler.
func (s byName) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	if strings.HasPrefix(p.Name, backgroundPrefix) {
		return sdk.AlwaysSample().ShouldSample(p)
	}
	return s.calls.ShouldSample(p)
}

// Description implements sdk.Sampler.
func (s byName) Description() string { return "Background,Calls{" + s.calls.Description() + "}" }

// bounded takes everything up to a number a second, and then what the other takes.
type bounded struct {
	limit  *rate.Limiter
	beyond sdk.Sampler
}

// ShouldSample implements sdk.Sampler.
func (s *bounded) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	if s.limit.Allow() {
		return sdk.AlwaysSample().ShouldSample(p)
	}
	return s.beyond.ShouldSample(p)
}

// Description implements sdk.Sampler.
func (s *bounded) Description() string { return "Bounded{" + s.beyond.Description() + "}" }

// Close sends what has been traced and ends tracing. ctx bounds it.
func (t *Traces) Close(ctx context.Context) error {
	err := t.provider.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return errors.New("the last traces were not delivered in time")
	}
	return err
}

// incoming reads a caller's trace from the metadata of its call.
type incoming struct{ ctx context.Context }

// Get implements propagation.TextMapCarrier.
func (c incoming) Get(key string) string {
	if values := metadata.ValueFromIncomingContext(c.ctx, key); len(values) > 0 {
		return values[0]
	}
	return ""
}

// Set implements propagation.TextMapCarrier. Nothing is written to an incoming call.
func (incoming) Set(string, string) {}

// Keys implements propagation.TextMapCarrier. The propagator asks for keys that it knows.
func (incoming) Keys() []string { return nil }

// Begin begins the span of a call. It is service.Config.Begin.
func (t *Traces) Begin(ctx context.Context, method string, start time.Time) context.Context {
	ctx = t.parents.Extract(ctx, incoming{ctx})
	ctx, _ = t.tracer.Start(ctx, strings.TrimPrefix(method, "/"), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithTimestamp(start))
	return ctx
}

// Ended ends the span of a call.
func (t *Traces) Ended(ctx context.Context, c service.Call) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	full, name, _ := strings.Cut(strings.TrimPrefix(c.Method, "/"), "/")
	span.SetAttributes(
		attribute.String("rpc.system.name", "grpc"),
		attribute.String("rpc.service", full),
		attribute.String("rpc.method", name),
		attribute.String("rpc.response.status_code", c.Code.String()))
	if call := admit.CallOf(ctx); call != nil {
		span.SetAttributes(attribute.String("akin.request_id", call.ID))
		t.between(ctx, "receive", call.Arrived, call.Received)
		t.between(ctx, "wait", call.Received, call.Begun)
	}
	if c.Reason != "" {
		span.SetAttributes(attribute.String("error.type", c.Reason))
	}
	switch c.Code {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		span.SetStatus(otelcodes.Error, c.Reason)
	}
	span.End()
}

// between makes a span of a time that is over.
func (t *Traces) between(ctx context.Context, name string, begin, end time.Time) {
	if begin.IsZero() || end.IsZero() {
		return
	}
	_, span := t.tracer.Start(ctx, name, trace.WithTimestamp(begin))
	span.End(trace.WithTimestamp(end))
}

// StageEnded makes a span of a stage of a query that is traced. It is engine.Config.Observe.
func (t *Traces) StageEnded(ctx context.Context, stage string, begin time.Time) {
	if trace.SpanFromContext(ctx).IsRecording() {
		t.between(ctx, stage, begin, time.Now())
	}
}

const backgroundPrefix = "background "

// Worked makes a span of background work that has ended. It is engine.Config.Worked.
func (t *Traces) Worked(task string, begin time.Time, err error) {
	_, span := t.tracer.Start(context.Background(), backgroundPrefix+task, trace.WithNewRoot(), trace.WithTimestamp(begin))
	if err != nil {
		span.SetStatus(otelcodes.Error, "the log says more")
	}
	span.End()
}

// sampledTrace is the id of a context's trace where it is kept, or empty.
func sampledTrace(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.IsSampled() {
		return span.TraceID().String()
	}
	return ""
}
