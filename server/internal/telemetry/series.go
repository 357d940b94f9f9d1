package telemetry

import (
	"context"
	"maps"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// histograms are those of a vector with two labels, each looked up by its labels once: the vector would hash them for
// every observation. Their number is bounded by what methods, codes and stages there are.
type histograms struct {
	*prometheus.HistogramVec
	known atomic.Pointer[map[[2]string]prometheus.Observer] // replaced, never changed
}

// of returns the histogram with these values of the labels.
func (h *histograms) of(first, second string) prometheus.Observer {
	labels := [2]string{first, second}
	for {
		known := h.known.Load()
		if known != nil {
			if o, ok := (*known)[labels]; ok {
				return o
			}
		}
		more := make(map[[2]string]prometheus.Observer)
		if known != nil {
			maps.Copy(more, *known)
		}
		more[labels] = h.WithLabelValues(first, second)
		h.known.CompareAndSwap(known, &more)
	}
}

// observe counts a duration, with the trace that it belongs to as an exemplar.
func (m *Metrics) observe(ctx context.Context, h *histograms, first, second string, d time.Duration) {
	o := h.of(first, second)
	if m.traced {
		if id := sampledTrace(ctx); id != "" {
			o.(prometheus.ExemplarObserver).ObserveWithExemplar(d.Seconds(), prometheus.Labels{"trace_id": id}) // a histogram
			return
		}
	}
	o.Observe(d.Seconds())
}
