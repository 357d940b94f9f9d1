package telemetry

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/alert"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/service"
)

// Metrics are the metrics of one server. Its methods may be called from many goroutines at once.
type Metrics struct {
	registry *prometheus.Registry
	calls    *calls
	stages   histograms
	commits  prometheus.Histogram
	disk     prometheus.Histogram
	work     *prometheus.HistogramVec
	recall   *recall
	traced   bool // whether calls may belong to a trace; set by Join

	gate     atomic.Pointer[admit.Gate]
	listener atomic.Pointer[admit.Listener]
	engine   atomic.Pointer[engine.Engine]
	alerts   atomic.Pointer[alert.Alerts]
	cluster  atomic.Pointer[func() service.Standing]
}

// New makes the metrics of a server that is loading.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), recall: newRecall()}
	m.calls = newCalls(m.registry)
	m.stages.HistogramVec = newStages(m.registry)
	m.commits, m.disk = newCommits(m.registry)
	m.work = newWork(m.registry)
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.recall,
		admission{m},
		vitals{m},
		matching{m},
		standing{m},
	)
	return m
}

// WatchAdmission shows a gate and, where connections are limited, its listener; nil: none is.
func (m *Metrics) WatchAdmission(g *admit.Gate, l *admit.Listener) {
	m.gate.Store(g)
	m.listener.Store(l)
}

// Watch shows an engine and samples its recall, until stop is called, which comes before the engine is closed and
// waits. Without an engine the server is loading.
func (m *Metrics) Watch(e *engine.Engine, log *slog.Logger) (stop func()) {
	m.engine.Store(e)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.sampleRecall(ctx, e, log)
	}()
	return func() {
		m.engine.Store(nil)
		m.alerts.Store(nil)
		m.cluster.Store(nil)
		cancel()
		<-done
	}
}

// fixed is a metric whose value is read when it is asked for.
type fixed struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func gauge(name, help string, labels ...string) fixed {
	return fixed{prometheus.NewDesc(name, help, labels, nil), prometheus.GaugeValue}
}

func counter(name, help string, labels ...string) fixed {
	return fixed{prometheus.NewDesc(name, help, labels, nil), prometheus.CounterValue}
}

// send gives the value, and those of the labels in their order.
func (f fixed) send(out chan<- prometheus.Metric, value float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(f.desc, f.kind, value, labels...)
}

func describe(out chan<- *prometheus.Desc, all ...fixed) {
	for _, f := range all {
		out <- f.desc
	}
}
