package telemetry

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/sample"
	"github.com/akin-search/akin/server/internal/service"
	"github.com/akin-search/akin/server/internal/telemetry/telemetrytest"
)

// BenchmarkWatching is a search of the sample over gRPC as nobody watches it, as metrics do, and as traces do beside
// them, of 1 call in 100 and of all. What watching costs is the difference; it does not depend on the corpus.
func BenchmarkWatching(b *testing.B) {
	log := slog.New(slog.DiscardHandler)
	collector := telemetrytest.NewCollector(b)
	traced := func(share float64) *Traces {
		t, err := NewTraces(b.Context(), TracesConfig{Endpoint: collector.URL, Share: share, Logger: log})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			if err := t.Close(context.Background()); err != nil {
				b.Error(err)
			}
		})
		return t
	}
	for _, way := range []struct {
		name  string
		watch Watch
	}{
		{"nobody", Join(nil, nil)},
		{"metrics", Join(New(), nil)},
		{"traces-1-in-100", Join(nil, traced(.01))},
		{"metrics-and-traces-1-in-100", Join(New(), traced(.01))},
		{"metrics-and-all-traces", Join(New(), traced(1))},
	} {
		b.Run(way.name, func(b *testing.B) { benchmarkSearch(b, way.watch) })
	}
}

func benchmarkSearch(b *testing.B, watch Watch) {
	log := slog.New(slog.DiscardHandler)
	e, err := engine.Open(b.Context(), engine.Config{
		Dir: b.TempDir(), TrainAt: -1, Observe: watch.StageEnded, Logger: log,
	})
	if err != nil {
		b.Fatal(err)
	}
	papers, err := sample.Papers()
	if err == nil {
		_, err = e.Upsert(b.Context(), papers)
	}
	if err != nil {
		b.Fatal(err)
	}
	server := service.New(service.Config{Logger: log, Begin: watch.Begin, Observe: watch.Ended})
	server.Ready(e)
	listener := bufconn.Listen(1 << 20)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///watched", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		b.Fatal(err)
	}
	client := akinv1.NewSimilarityServiceClient(conn)
	request := &akinv1.SearchPapersRequest{Query: &akinv1.SearchPapersRequest_Text{Text: "graph neural networks"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.SearchPapers(b.Context(), request); err != nil {
			b.Fatal(err)
		}
	}
	conn.Close()
	server.Drain(context.Background())
	if err := <-served; err != nil {
		b.Error(err)
	}
	if err := e.Close(context.Background()); err != nil {
		b.Error(err)
	}
}
