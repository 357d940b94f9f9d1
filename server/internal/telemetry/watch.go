package telemetry

import (
	"context"
	"time"

	"github.com/akin-search/akin/server/internal/service"
	"github.com/akin-search/akin/server/internal/store"
)

// Watch is what service and engine tell. A function that nobody listens to is nil, and then costs nothing.
type Watch struct {
	Begin      func(ctx context.Context, method string, start time.Time) context.Context
	Ended      func(context.Context, service.Call)
	StageEnded func(ctx context.Context, stage string, begin time.Time)
	Committed  func(store.Commit)
	Worked     func(task string, begin time.Time, err error)
}

// Join listens for metrics and traces, each of which may be nil. It comes before what they are told.
func Join(m *Metrics, t *Traces) Watch {
	if m != nil {
		m.traced = t != nil
	}
	switch {
	case m == nil && t == nil:
		return Watch{}
	case t == nil:
		return Watch{Ended: m.Ended, StageEnded: m.StageEnded, Committed: m.Committed, Worked: m.Worked}
	case m == nil:
		return Watch{Begin: t.Begin, Ended: t.Ended, StageEnded: t.StageEnded, Worked: t.Worked}
	}
	return Watch{
		Begin: t.Begin,
		Ended: func(ctx context.Context, c service.Call) {
			m.Ended(ctx, c)
			t.Ended(ctx, c)
		},
		StageEnded: func(ctx context.Context, stage string, begin time.Time) {
			m.StageEnded(ctx, stage, begin)
			t.StageEnded(ctx, stage, begin)
		},
		Committed: m.Committed,
		Worked: func(task string, begin time.Time, err error) {
			m.Worked(task, begin, err)
			t.Worked(task, begin, err)
		},
	}
}
