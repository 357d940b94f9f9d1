// Package telemetry shows an operator what the server does: metrics in the format of Prometheus, traces by
// OpenTelemetry, and logs.
//
// It looks at the other packages and they do not know it: service, engine and store tell functions of what has ended,
// and the rest is read when the metrics are asked for.
//
//	calls.go      calls, stages of queries, transactions: told by service, engine and store
//	admission.go  who runs, who waits, connections: read from admit
//	engine.go     what is held and how it fares: read from engine
//	recall.go     what the live index finds, sampled in the background
//	watch.go      what service, engine and store call
//	serve.go      the page over HTTP
//	traces.go     spans of calls, stages and background work, sent to a collector
//	logs.go       the log's formats, and what each line of a call says of it
//
// No metric has a label that a caller chooses: ids, texts and names of principals never become one. Every metric is
// described in server/docs/metrics.md; a test holds the two together.
package telemetry
