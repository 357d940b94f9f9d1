package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/engine"
)

// What is sampled: so few queries, so rarely, that nobody feels it. A query is compared with a scan of everything,
// which takes some 10 ms at a million papers.
const (
	recallEvery   = 10 * time.Minute
	recallQueries = 50
	recallK       = 10
)

var (
	liveRecall = gauge("akin_recall", "Share of the 10 truly nearest papers that the live index finds for 50 papers "+
		"drawn at random, "+
		"sampled every 10 minutes. Absent before the first sample and while there are no papers.")
	liveRecallTime = gauge("akin_recall_timestamp_seconds",
		"When the recall was sampled, in Unix time. Absent before the first sample.")
)

// recall is the newest sample.
type recall struct {
	mu     sync.Mutex
	value  float64
	at     time.Time // zero: there is none
	seed   uint64
	ticker func() (tick <-chan time.Time, stop func()) // tests have their own
}

func newRecall() *recall {
	return &recall{ticker: func() (<-chan time.Time, func()) {
		t := time.NewTicker(recallEvery)
		return t.C, t.Stop
	}}
}

// sampleRecall measures the live recall now and then until ctx ends.
func (m *Metrics) sampleRecall(ctx context.Context, e *engine.Engine, log *slog.Logger) {
	tick, stop := m.recall.ticker()
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
		if err := m.recall.sample(ctx, e, m.gate.Load()); err != nil && ctx.Err() == nil {
			log.Warn("the live recall could not be sampled", "error", err)
		}
	}
}

// sample measures the recall once, in the turn of a heavy call where a gate admits.
func (r *recall) sample(ctx context.Context, e *engine.Engine, gate *admit.Gate) error {
	r.seed++ // each time other papers
	var report engine.RecallReport
	measure := func(ctx context.Context) (err error) {
		report, err = e.EvaluateRecall(ctx, engine.RecallQuery{Queries: recallQueries, K: recallK, Seed: r.seed})
		return err
	}
	run := measure
	if gate != nil {
		run = func(ctx context.Context) error { return gate.Background(ctx, measure) }
	}
	if err := run(ctx); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.value, r.at = report.Recall, time.Now()
	if report.Queries == 0 {
		r.at = time.Time{}
	}
	return nil
}

// Describe implements prometheus.Collector.
func (r *recall) Describe(out chan<- *prometheus.Desc) { describe(out, liveRecall, liveRecallTime) }

// Collect implements prometheus.Collector.
func (r *recall) Collect(out chan<- prometheus.Metric) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.at.IsZero() {
		liveRecall.send(out, r.value)
		liveRecallTime.send(out, unix(r.at))
	}
}
