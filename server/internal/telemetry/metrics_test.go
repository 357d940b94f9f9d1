package telemetry

import (
	"context"
	"log/slog"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/grpc/codes"

	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/alert"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/replog"
	"github.com/akin-search/akin/server/internal/sample"
	"github.com/akin-search/akin/server/internal/service"
)

// watched is the metrics of an engine that has papers, a checkpoint, one search behind it and a sample of its recall.
func watched(t *testing.T) (*Metrics, *engine.Engine) {
	t.Helper()
	m := New()
	tick := make(chan time.Time)
	m.recall.ticker = func() (<-chan time.Time, func()) { return tick, func() {} }
	folder := t.TempDir()
	open := func() *engine.Engine {
		e, err := engine.Open(t.Context(), engine.Config{
			Dir: folder, TrainAt: -1, Observe: m.StageEnded, Committed: m.Committed, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	papers, err := sample.Papers()
	if err != nil {
		t.Fatal(err)
	}
	e := open()
	if _, err := e.Upsert(t.Context(), papers); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(t.Context()); err != nil { // writes a checkpoint
		t.Fatal(err)
	}
	e = open()
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if _, err := e.Search(t.Context(), &engine.Query{Text: "graph neural networks", PageSize: 10}); err != nil {
		t.Fatal(err)
	}
	stop := m.Watch(e, slog.New(slog.DiscardHandler))
	tick <- time.Time{}
	tick <- time.Time{} // the first sample has been taken
	t.Cleanup(stop)     // before the engine's end
	matching, err := alert.Open(e, alert.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(matching.Close)
	m.WatchAlerts(matching)
	m.WatchCluster(func() service.Standing {
		return service.Standing{Cluster: "c", Node: "n1", Lag: time.Second, Members: []replog.Member{
			{Node: "n1", Applied: 7, Leads: true, Model: "f"}, {Node: "n2", Never: true, Silent: time.Hour},
		}}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	m.WatchAdmission(admit.New(admit.Config{Logger: slog.New(slog.DiscardHandler)}),
		admit.Listen(listener, 1, slog.New(slog.DiscardHandler)))
	m.Ended(t.Context(), service.Call{
		Method: "/akin.v1.PaperService/GetPaper", Code: codes.OK, Duration: time.Millisecond,
	})
	m.Worked("checkpoint", time.Now(), nil)
	m.calls.waited.WithLabelValues(admit.Interactive.String()).Observe(0)
	return m, e
}

// gather is every metric by name.
func gather(t *testing.T, m *Metrics) map[string]*dto.MetricFamily {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]*dto.MetricFamily, len(families))
	for _, f := range families {
		byName[f.GetName()] = f
	}
	return byName
}

// conditional are metrics that an idle engine does not have.
var conditional = []string{"akin_activity_began_timestamp_seconds"}

func TestThePageDescribesEveryMetric(t *testing.T) {
	m, _ := watched(t)
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(akin_[a-z_]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		described[row[1]] = true
	}
	metrics := gather(t, m)
	for name := range metrics {
		if strings.HasPrefix(name, "akin_") && !described[name] {
			t.Errorf("%s is not in metrics.md", name)
		}
	}
	for name := range described {
		if metrics[name] == nil && !slices.Contains(conditional, name) {
			t.Errorf("metrics.md describes %s, which there is not", name)
		}
	}
}

func TestNamesFollowTheConventions(t *testing.T) {
	m, _ := watched(t)
	var own []*dto.MetricFamily
	for name, family := range gather(t, m) {
		if strings.HasPrefix(name, "akin_") {
			own = append(own, family)
		}
	}
	problems, err := promlint.NewWithMetricFamilies(own).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, problems %v", err, problems)
	}
}

func TestLabelsAreNothingThatACallerChooses(t *testing.T) {
	m, _ := watched(t)
	known := []string{"method", "code", "class", "reason", "stage", "part", "task", "sink", "outcome", "cluster",
		"node", "fingerprint"}
	for name, family := range gather(t, m) {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if strings.HasPrefix(name, "akin_") && !slices.Contains(known, label.GetName()) {
					t.Errorf("%s has the label %s", name, label.GetName())
				}
			}
		}
	}
}

func TestTheEngineIsShownAsItIs(t *testing.T) {
	m, e := watched(t)
	stats, err := e.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	metrics := gather(t, m)
	for name, want := range map[string]float64{
		"akin_ready":    1,
		"akin_writable": 1,
		"akin_papers":   float64(stats.Papers),
		"akin_revision": float64(stats.Position.Revision),
		"akin_recall":   1, // a corpus so small is scanned
		"akin_activity": 0,
	} {
		if got := metrics[name].GetMetric()[0].GetGauge().GetValue(); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if at := metrics["akin_checkpoint_timestamp_seconds"].GetMetric()[0].GetGauge().GetValue(); at < 1e9 {
		t.Errorf("the checkpoint is of %v", at)
	}
	if n := metrics["akin_store_sync_duration_seconds"].GetMetric()[0].GetHistogram(); n.GetSampleCount() == 0 ||
		n.GetSampleSum() <= 0 {
		t.Errorf("%d commits, %v s", n.GetSampleCount(), n.GetSampleSum())
	}
	stages := map[string]bool{}
	for _, metric := range metrics["akin_stage_duration_seconds"].GetMetric() {
		for _, label := range metric.GetLabel() {
			stages[label.GetValue()] = true
		}
	}
	for _, stage := range []string{"embed", "walk", "words", "fuse", "heads"} {
		if !stages[stage] {
			t.Errorf("stage %s was not seen", stage)
		}
	}
}

func TestALoadingServerIsShown(t *testing.T) {
	metrics := gather(t, New())
	if got := metrics["akin_ready"].GetMetric()[0].GetGauge().GetValue(); got != 0 {
		t.Errorf("akin_ready is %v", got)
	}
	if metrics["akin_papers"] != nil {
		t.Error("papers are shown before they are loaded")
	}
}
