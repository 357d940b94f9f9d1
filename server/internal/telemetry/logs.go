package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/akin-search/akin/server/internal/admit"
)

// NewLogger writes a log as text or as JSON. Each line of a call has the call's request_id, and trace_id where it is
// traced. Durations are in seconds, by name, in JSON, and have their unit behind the figure in text.
func NewLogger(w io.Writer, format string, level slog.Level) (*slog.Logger, error) {
	options := &slog.HandlerOptions{Level: level}
	switch format {
	case "text":
		return slog.New(logs{slog.NewTextHandler(w, options)}), nil
	case "json":
		options.ReplaceAttr = withUnit
		return slog.New(logs{slog.NewJSONHandler(w, options)}), nil
	}
	return nil, fmt.Errorf("%q is no format of logs: use text or json", format)
}

// withUnit writes durations as slog's JSON does not: by a name that says the unit.
func withUnit(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		return slog.Float64(a.Key+"_seconds", a.Value.Duration().Seconds())
	}
	return a
}

// logs adds what the context of a line knows.
type logs struct{ slog.Handler }

// Handle implements slog.Handler.
func (h logs) Handle(ctx context.Context, r slog.Record) error {
	if call := admit.CallOf(ctx); call != nil {
		r.AddAttrs(slog.String("request_id", call.ID))
	}
	if id := sampledTrace(ctx); id != "" {
		r.AddAttrs(slog.String("trace_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h logs) WithAttrs(attributes []slog.Attr) slog.Handler {
	return logs{h.Handler.WithAttrs(attributes)}
}

// WithGroup implements slog.Handler.
func (h logs) WithGroup(name string) slog.Handler { return logs{h.Handler.WithGroup(name)} }
