package cli

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/akin-search/akin/client"
)

// loadResult is the outcome of a run of calls.
type loadResult struct {
	times  []time.Duration // of the calls that succeeded, ascending
	took   time.Duration
	n      int
	failed int64
	first  error
}

// search runs n searches.
func (a *app) search(ctx context.Context, requests []*client.SearchRequest, callers, n int) *loadResult {
	return load(ctx, callers, n, func(i int) error {
		_, err := a.client.Query(ctx, requests[i%len(requests)])
		return err
	})
}

// load makes n calls with so many callers, each making its next when its last is answered.
func load(ctx context.Context, callers, n int, call func(i int) error) *loadResult {
	r := &loadResult{n: n}
	times := make([]time.Duration, n) // each caller writes its own places
	var next, failed atomic.Int64
	var once sync.Once
	var callersDone sync.WaitGroup
	began := time.Now()
	for range callers {
		callersDone.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || ctx.Err() != nil {
					return
				}
				sent := time.Now()
				if err := call(i); err != nil {
					failed.Add(1)
					once.Do(func() { r.first = err })
					continue
				}
				times[i] = time.Since(sent)
			}
		})
	}
	callersDone.Wait()
	r.took, r.failed = time.Since(began), failed.Load()
	r.times = slices.DeleteFunc(times, func(d time.Duration) bool { return d == 0 })
	slices.Sort(r.times)
	return r
}

func (r *loadResult) summary() *benchResult {
	out := &benchResult{
		errors: r.failed, seconds: r.took.Seconds(), qps: rate(int64(len(r.times)), r.took),
		p50: percentile(r.times, .5), p90: percentile(r.times, .9), p99: percentile(r.times, .99),
		max: percentile(r.times, 1),
	}
	if r.first != nil {
		out.first = r.first.Error()
	}
	return out
}

// percentile is the time, in microseconds, that a share of ascending times does not exceed (nearest rank).
func percentile(times []time.Duration, share float64) float64 {
	if len(times) == 0 {
		return 0
	}
	rank := int(share*float64(len(times)) + .999999)
	return float64(times[min(max(rank, 1), len(times))-1].Nanoseconds()/100) / 10
}
