// Package telemetrytest has a collector of traces for tests: a server of OTLP on a free port of this machine, which
// keeps the spans that come in, so that a test sees what an operator's collector would.
package telemetrytest

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	tracesv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
)

// Collector takes spans over OTLP on this machine. Its methods may be called from many goroutines at once.
type Collector struct {
	tracesv1.UnimplementedTraceServiceServer

	// URL is its endpoint.
	URL string

	mu    sync.Mutex
	spans []*tracev1.Span
	about []string // attributes of the resources
}

// NewCollector serves until the test ends.
func NewCollector(t testing.TB) *Collector {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &Collector{URL: "http://" + listener.Addr().String()}
	server := grpc.NewServer()
	tracesv1.RegisterTraceServiceServer(server, c)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return c
}

// Export implements tracesv1.TraceServiceServer.
func (c *Collector) Export(
	_ context.Context, req *tracesv1.ExportTraceServiceRequest,
) (*tracesv1.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range req.GetResourceSpans() {
		for _, a := range r.GetResource().GetAttributes() {
			c.about = append(c.about, fmt.Sprintf("%s=%s", a.GetKey(), a.GetValue().GetStringValue()))
		}
		for _, s := range r.GetScopeSpans() {
			c.spans = append(c.spans, s.GetSpans()...)
		}
	}
	return &tracesv1.ExportTraceServiceResponse{}, nil
}

// Spans are those that have come.
func (c *Collector) Spans() []*tracev1.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// About are the attributes of what sent them, each as key=value.
func (c *Collector) About() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.about)
}
