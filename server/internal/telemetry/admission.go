package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/akin-search/akin/server/internal/admit"
)

var (
	callsRunning   = gauge("akin_calls_running", "Calls that run now, by class.", "class")
	callsQueued    = gauge("akin_calls_queued", "Calls that wait for their turn now, by class.", "class")
	admissionSlots = gauge("akin_admission_slots", "Interactive calls that may run at a time, as the limiter has found.")
	messageBytes   = gauge("akin_messages_in_flight_bytes",
		"Bytes of the messages that are being received or worked on.")
	messageBytesMost = gauge("akin_messages_in_flight_most_bytes", "The most bytes of messages there have been at a time.")
	connections      = gauge("akin_connections", "Connections that are open.")
	connectionsShed  = counter("akin_connections_shed_total",
		"Connections closed at once because there was no room for them.")
	receivedBytes = counter("akin_network_receive_bytes_total", "Bytes received from clients, encryption included.")
	sentBytes     = counter("akin_network_transmit_bytes_total", "Bytes sent to clients, encryption included.")
)

// admission shows who runs and who waits.
type admission struct{ *Metrics }

// Describe implements prometheus.Collector.
func (admission) Describe(out chan<- *prometheus.Desc) {
	describe(out, callsRunning, callsQueued, admissionSlots, messageBytes, messageBytesMost,
		connections, connectionsShed, receivedBytes, sentBytes)
}

// Collect implements prometheus.Collector.
func (a admission) Collect(out chan<- prometheus.Metric) {
	if g := a.gate.Load(); g != nil {
		state := g.Limiter().State()
		for class, n := range state.Running {
			name := admit.Class(class).String()
			callsRunning.send(out, float64(n), name)
			callsQueued.send(out, float64(state.Queued[class]), name)
		}
		admissionSlots.send(out, float64(state.Slots))
		now, most := g.Budget().Used()
		messageBytes.send(out, float64(now))
		messageBytesMost.send(out, float64(most))
	}
	if l := a.listener.Load(); l != nil {
		t := l.Traffic()
		connections.send(out, float64(t.Open))
		connectionsShed.send(out, float64(t.Shed))
		receivedBytes.send(out, float64(t.Received))
		sentBytes.send(out, float64(t.Sent))
	}
}
