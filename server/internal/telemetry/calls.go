package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"

	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/service"
	"github.com/akin-search/akin/server/internal/store"
)

// calls are the metrics of calls that have ended.
type calls struct {
	duration histograms
	waited   *prometheus.HistogramVec
	shed     *prometheus.CounterVec
}

func newCalls(registry prometheus.Registerer) *calls {
	c := &calls{
		duration: histograms{HistogramVec: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "akin_call_duration_seconds",
			Help:    "Duration of calls that have ended, by method and outcome.",
			Buckets: prometheus.ExponentialBuckets(100e-6, 2.5, 14), // 100 us to 15 s
		}, []string{"method", "code"})},
		waited: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "akin_call_wait_seconds",
			Help:    "How long calls that came to their turn had waited for it, by class.",
			Buckets: prometheus.ExponentialBuckets(10e-6, 4, 10), // 10 us to 2.6 s
		}, []string{"class"}),
		shed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "akin_calls_shed_total",
			Help: "Calls refused because the server or the caller had too much going on, by reason.",
		}, []string{"reason"}),
	}
	registry.MustRegister(c.duration.HistogramVec, c.waited, c.shed)
	// Rates are of use only when counting begins at 0.
	for _, reason := range []string{admit.ReasonOverloaded, admit.ReasonTooManyCalls, admit.ReasonRateLimited} {
		c.shed.WithLabelValues(reason)
	}
	return c
}

// Ended counts a call that has ended. It is service.Config.Observe.
func (m *Metrics) Ended(ctx context.Context, c service.Call) {
	m.observe(ctx, &m.calls.duration, c.Method, c.Code.String(), c.Duration)
	if call := admit.CallOf(ctx); call != nil && !call.Begun.IsZero() {
		m.calls.waited.WithLabelValues(call.Cost.Class.String()).Observe(c.Waited.Seconds())
	}
	if c.Code == codes.ResourceExhausted {
		m.calls.shed.WithLabelValues(c.Reason).Inc()
	}
}

func newStages(registry prometheus.Registerer) *prometheus.HistogramVec {
	stages := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "akin_stage_duration_seconds",
		Help: "Duration of the stages of searches and recommendations, by method: " +
			"embed (the query becomes a vector and words), " +
			"walk (candidates by cosine), words (candidates by BM25), fuse (scores), heads (papers read from the store).",
		Buckets: prometheus.ExponentialBuckets(5e-6, 3, 12), // 5 us to 0.9 s
	}, []string{"method", "stage"})
	registry.MustRegister(stages)
	return stages
}

// StageEnded counts a stage of a query. It is engine.Config.Observe.
func (m *Metrics) StageEnded(ctx context.Context, stage string, begin time.Time) {
	method := "background"
	if call := admit.CallOf(ctx); call != nil {
		method = call.Method
	}
	m.observe(ctx, &m.stages, method, stage, time.Since(begin))
}

func newWork(registry prometheus.Registerer) *prometheus.HistogramVec {
	work := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "akin_background_duration_seconds",
		Help:    "Duration of background work that has ended, by task.",
		Buckets: prometheus.ExponentialBuckets(1e-3, 4, 11), // 1 ms to 17 minutes
	}, []string{"task"})
	registry.MustRegister(work)
	return work
}

// Worked counts background work that has ended. It is engine.Config.Worked.
func (m *Metrics) Worked(task string, begin time.Time, _ error) {
	m.work.WithLabelValues(task).Observe(time.Since(begin).Seconds())
}

func newCommits(registry prometheus.Registerer) (commits, disk prometheus.Histogram) {
	commits = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "akin_store_commit_duration_seconds",
		Help:    "Duration of the store's transactions, which writers share.",
		Buckets: prometheus.ExponentialBuckets(250e-6, 2.5, 12), // 250 us to 6 s
	})
	disk = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "akin_store_sync_duration_seconds",
		Help:    "Of each transaction of the store, how long writing its pages and waiting for the disk to have them took.",
		Buckets: prometheus.ExponentialBuckets(250e-6, 2.5, 12),
	})
	registry.MustRegister(commits, disk)
	return commits, disk
}

// Committed counts a transaction of the store. It is engine.Config.Committed.
func (m *Metrics) Committed(c store.Commit) {
	m.commits.Observe(c.Took.Seconds())
	m.disk.Observe(c.Disk.Seconds())
}
