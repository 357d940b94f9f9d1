package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/akin-search/akin/server/internal/alert"
)

var (
	subscriptions   = gauge("akin_alert_subscriptions", "Subscriptions of all principals.")
	unmatchedPapers = gauge("akin_alert_unmatched_papers",
		"Papers that are stored and not matched with the subscriptions yet.")
	matches        = counter("akin_alert_matches_total", "Papers that matched a subscription.")
	pendingMatches = gauge("akin_alert_pending_matches", "Matches that wait for delivery, over all sinks.")
	failingSinks   = gauge("akin_alert_failing_sinks", "Sinks whose last delivery failed and is tried again.")
	disabledSinks  = gauge("akin_alert_disabled_sinks", "Sinks that were given up.")
	droppedMatches = counter("akin_alert_dropped_matches_total",
		"Matches that were given up before they were delivered, over all sinks.")
	sentMatches = counter("akin_alert_delivered_matches_total", "Matches that were delivered, over all sinks.")
	deliveries  = counter("akin_alert_deliveries_total",
		"Attempts to deliver, by kind of sink (email, webhook) and outcome: delivered, failed (and tried again) or dropped.",
		"sink", "outcome")
	allAlerts = []fixed{
		subscriptions, unmatchedPapers, matches, pendingMatches, failingSinks, disabledSinks, droppedMatches, sentMatches,
		deliveries,
	}
)

// matching shows alerts.
type matching struct{ *Metrics }

// Describe implements prometheus.Collector.
func (matching) Describe(out chan<- *prometheus.Desc) { describe(out, allAlerts...) }

// Collect implements prometheus.Collector.
func (m matching) Collect(out chan<- prometheus.Metric) {
	a := m.alerts.Load()
	if a == nil {
		return
	}
	s := a.Stats()
	subscriptions.send(out, float64(s.Subscriptions))
	unmatchedPapers.send(out, float64(s.Unmatched))
	matches.send(out, float64(s.Matches))
	pendingMatches.send(out, float64(s.Pending))
	failingSinks.send(out, float64(s.Failing))
	disabledSinks.send(out, float64(s.Disabled))
	droppedMatches.send(out, float64(s.Dropped))
	sentMatches.send(out, float64(s.Delivered))
	for _, kind := range []alert.SinkKind{alert.Email, alert.Webhook} {
		for _, o := range alert.Outcomes {
			deliveries.send(out, float64(a.Attempts(kind, o)), kind.String(), o.String())
		}
	}
}

// WatchAlerts shows the alerts of the engine that is watched, until that ends: nil.
func (m *Metrics) WatchAlerts(a *alert.Alerts) { m.alerts.Store(a) }
