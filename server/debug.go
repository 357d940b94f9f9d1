package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/akin-search/akin/server/internal/service"
)

// serveDebug serves profiles and metrics over HTTP. It returns how to stop, and the observer that counts calls.
func serveDebug(addr string, log *slog.Logger) (stop func(), observe func(service.Call), err error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, nil, fmt.Errorf("--debug-addr: %w", err)
	}
	registry := prometheus.NewRegistry()
	calls := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "akin_call_duration_seconds",
		Help:    "Duration of calls that have ended, by method and outcome.",
		Buckets: prometheus.ExponentialBuckets(100e-6, 2.5, 14), // 100 us to 15 s
	}, []string{"method", "code"})
	registry.MustRegister(calls, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("profiles and metrics are no longer served", "error", err)
		}
	}()
	log.Info("profiles and metrics", "address", "http://"+listener.Addr().String())
	return func() { _ = server.Close() }, func(c service.Call) {
		calls.WithLabelValues(c.Method, c.Code).Observe(c.Duration.Seconds())
	}, nil
}
