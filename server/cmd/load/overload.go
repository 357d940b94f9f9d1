package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

// overload is the run of one curve.
type overload struct {
	target
	conns     int
	callers   int
	rate      float64
	deadline  time.Duration
	seconds   float64
	multiples []float64
	asJSON    bool
}

// overloadStep is one point of the curve.
type overloadStep struct {
	Multiple float64 `json:"multiple"`
	Offered  float64 `json:"offered_per_second"` // asked for
	Started  float64 `json:"started_per_second"` // as far as this program came
	Goodput  float64 `json:"goodput_per_second"` // answered within the deadline
	OfPeak   float64 `json:"goodput_of_peak"`
	Refused  float64 `json:"refused_share"`
	Late     float64 `json:"late_share"` // ended by their deadline
	Failed   float64 `json:"failed_share"`
	P50      float64 `json:"accepted_p50_ms"`
	P99      float64 `json:"accepted_p99_ms"`
	Lag      float64 `json:"start_lag_ms"` // largest delay of a start
	Memory   int64   `json:"peak_memory_bytes"`
	Error    string  `json:"error,omitempty"` // of a call that failed otherwise
}

func newOverload() *cobra.Command {
	o := &overload{}
	cmd := &cobra.Command{
		Use:   "overload --queries FILE",
		Short: "Goodput at multiples of the rate that the server sustains",
		Long: `overload searches in an open loop: calls start when they are due, whether or not earlier ones have come back,
and their times count from when they were due (no coordinated omission). The sustainable rate is what a closed loop
reaches first, unless --rate names it. Goodput counts the answers that came within the deadline.`,
		Example: `  load overload --queries corpus.jsonl.gz --multiples 1,2,5,10 --deadline 1s`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	o.register(f)
	f.IntVar(&o.conns, "connections", 16, "connections to spread calls over")
	f.IntVar(&o.callers, "callers", 16, "callers of the closed loop that finds the sustainable rate")
	f.Float64Var(&o.rate, "rate", 0, "sustainable rate in searches a second (default: measured)")
	f.DurationVar(&o.deadline, "deadline", time.Second, "deadline of a call")
	f.Float64Var(&o.seconds, "seconds", 6, "seconds of each step")
	f.Float64SliceVar(&o.multiples, "multiples", []float64{.5, 1, 2, 5, 10}, "multiples of the sustainable rate to offer")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
	return cmd
}

func (o *overload) run(ctx context.Context, out io.Writer) error {
	closeAll, err := o.open(o.conns)
	if err != nil {
		return err
	}
	defer closeAll()
	if o.rate == 0 {
		o.closedLoop(ctx, time.Second) // connects, and warms the server up
		if o.rate = o.closedLoop(ctx, time.Duration(o.seconds*float64(time.Second))); o.rate == 0 {
			return fmt.Errorf("the server at %s answers no search", o.addr)
		}
	}
	var steps []overloadStep
	peak := 0.0
	for _, multiple := range o.multiples {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		step := o.step(ctx, multiple)
		peak = max(peak, step.Goodput)
		steps = append(steps, step)
	}
	for i := range steps {
		steps[i].OfPeak = steps[i].Goodput / max(1, peak)
	}
	if o.asJSON {
		return json.NewEncoder(out).Encode(map[string]any{"sustainable_per_second": o.rate, "steps": steps})
	}
	fmt.Fprintf(out, "sustainable %.0f searches/s, deadline %v\n", o.rate, o.deadline)
	fmt.Fprintln(out,
		"   x  offered/s  started/s  goodput/s  of peak  refused   late  failed   p50 ms   p99 ms  memory MiB")
	for _, s := range steps {
		fmt.Fprintf(out, "%4g  %9.0f  %9.0f  %9.0f  %7.2f  %6.1f%%  %4.1f%%  %5.1f%%  %7.1f  %7.1f  %10d\n", s.Multiple,
			s.Offered, s.Started, s.Goodput, s.OfPeak, 100*s.Refused, 100*s.Late, 100*s.Failed, s.P50, s.P99, s.Memory>>20)
		if s.Error != "" {
			fmt.Fprintln(out, "      failed:", s.Error)
		}
	}
	return nil
}

// closedLoop returns the searches a second that callers reach who each wait for their answers.
func (o *overload) closedLoop(ctx context.Context, d time.Duration) float64 {
	var counts tally
	var wait sync.WaitGroup
	begin := time.Now()
	for c := range o.callers {
		wait.Go(func() {
			for i := c; time.Since(begin) < d && ctx.Err() == nil; i += o.callers {
				call, cancel := context.WithTimeout(ctx, o.deadline)
				start := time.Now()
				counts.add(time.Since(start), o.search(call, i))
				cancel()
			}
		})
	}
	wait.Wait()
	return float64(len(counts.accepted)) / time.Since(begin).Seconds()
}

// step offers one multiple of the sustainable rate.
func (o *overload) step(ctx context.Context, multiple float64) overloadStep {
	rate := multiple * o.rate
	var counts tally
	var wait sync.WaitGroup
	peak := o.watchMemory(ctx)
	begin := time.Now()
	n := 0
	lag := arrivals(ctx, rate, time.Duration(o.seconds*float64(time.Second)), func(i int, at time.Time) {
		n++
		wait.Go(func() {
			call, cancel := context.WithDeadline(ctx, at.Add(o.deadline))
			defer cancel()
			err := o.search(call, i)
			counts.add(time.Since(at), err)
		})
	})
	took := time.Since(begin)
	wait.Wait()
	s := overloadStep{
		Multiple: multiple,
		Offered:  rate,
		Started:  float64(n) / took.Seconds(),
		Goodput:  float64(len(counts.accepted)) / took.Seconds(),
		Refused:  float64(counts.refused) / float64(max(1, n)),
		Late:     float64(counts.late) / float64(max(1, n)),
		Failed:   float64(counts.failed) / float64(max(1, n)),
		P50:      milliseconds(counts.quantile(.5)),
		P99:      milliseconds(counts.quantile(.99)),
		Lag:      milliseconds(lag),
		Memory:   peak(),
	}
	if counts.cause != nil {
		s.Error = counts.cause.Error()
	}
	return s
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
