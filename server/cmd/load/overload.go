package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/akin-search/akin/server/internal/cputime"
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

	wires    []*wire
	requests [][]byte
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
	Busy     float64 `json:"load_cores"`   // that this program took itself
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
	closeAll, err := o.open(1) // to ask for statistics
	if err != nil {
		return err
	}
	defer closeAll()
	closeWires, err := o.dialWires()
	if err != nil {
		return err
	}
	defer closeWires()
	if o.rate == 0 {
		if err := o.warmUp(ctx); err != nil {
			return err
		}
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
		"   x  offered/s  started/s  goodput/s  of peak  refused   late  failed   p50 ms   p99 ms  load's cores  memory MiB")
	for _, s := range steps {
		fmt.Fprintf(out, "%4g  %9.0f  %9.0f  %9.0f  %7.2f  %6.1f%%  %4.1f%%  %5.1f%%  %7.1f  %7.1f  %12.2f  %10d\n",
			s.Multiple, s.Offered, s.Started, s.Goodput, s.OfPeak, 100*s.Refused, 100*s.Late, 100*s.Failed, s.P50, s.P99,
			s.Busy, s.Memory>>20)
		if s.Error != "" {
			fmt.Fprintln(out, "      failed:", s.Error)
		}
	}
	return nil
}

// dialWires makes the connections by which searches come, and encodes these.
func (o *overload) dialWires() (closeAll func(), err error) {
	closeAll = func() {
		for _, w := range o.wires {
			w.close()
		}
	}
	if o.requests, err = shots(o.texts); err != nil {
		return nil, err
	}
	for range o.conns {
		w, err := dialWire(o.addr, o.token)
		if err != nil {
			closeAll()
			return nil, err
		}
		o.wires = append(o.wires, w)
	}
	return closeAll, nil
}

// warmUp runs the closed loop until its rate settles: until a second is no faster than the best two before it by more
// than settled. A server that was idle has caches to fill, and a governor of the processor to wake.
func (o *overload) warmUp(ctx context.Context) error {
	best := [2]float64{}
	for range warmUpMost {
		rate := o.closedLoop(ctx, time.Second)
		if rate == 0 {
			return fmt.Errorf("the server at %s answers no search", o.addr)
		}
		if rate < (1+settled)*best[1] {
			return nil
		}
		best[0], best[1] = max(best[0], rate), max(best[1], min(best[0], rate))
	}
	return nil
}

// Bounds of the warm-up.
const (
	warmUpMost = 15 // seconds
	settled    = .02
)

// closedLoop returns the searches a second that callers reach who each wait for their answers.
func (o *overload) closedLoop(ctx context.Context, d time.Duration) float64 {
	var answered atomic.Int64
	var wait sync.WaitGroup
	begin := time.Now()
	for c := range o.callers {
		w := o.wires[c%len(o.wires)]
		wait.Add(1)
		i := c
		var ask func()
		ask = func() {
			now := time.Now()
			w.add(&shot{request: o.requests[i%len(o.requests)], due: now, deadline: now.Add(o.deadline),
				done: func(_ time.Duration, err error) {
					if err == nil {
						answered.Add(1)
					}
					if i += o.callers; time.Since(begin) >= d || ctx.Err() != nil || w.broken() {
						wait.Done()
						return
					}
					ask()
				}})
			_ = w.flush() // an error ends the call
		}
		ask()
	}
	o.attend(&wait)
	return float64(answered.Load()) / time.Since(begin).Seconds()
}

// attend waits for calls and ends late ones meanwhile.
func (o *overload) attend(wait *sync.WaitGroup) {
	ended := make(chan struct{})
	go func() {
		wait.Wait()
		close(ended)
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
			o.flush()
		}
	}
}

func (o *overload) flush() {
	for _, w := range o.wires {
		_ = w.flush() // an error ends its calls
	}
}

// offer starts searches at a rate and counts how they end.
func (o *overload) offer(ctx context.Context, rate float64, counts *tally) (started int, lag time.Duration) {
	var wait sync.WaitGroup
	lag = bursts(ctx, rate, time.Duration(o.seconds*float64(time.Second)), func(i int, at time.Time) {
		started++
		wait.Add(1)
		o.wires[i%len(o.wires)].add(&shot{
			request: o.requests[i%len(o.requests)], due: at, deadline: at.Add(o.deadline),
			done: func(took time.Duration, err error) {
				counts.add(took, err)
				wait.Done()
			},
		})
	}, o.flush)
	o.attend(&wait)
	return started, lag
}

// step offers one multiple of the sustainable rate.
func (o *overload) step(ctx context.Context, multiple float64) overloadStep {
	rate := multiple * o.rate
	var counts tally
	peak := o.watchMemory(ctx)
	begin, used := time.Now(), cputime.Used()
	n, lag := o.offer(ctx, rate, &counts)
	busy := (cputime.Used() - used).Seconds() / time.Since(begin).Seconds()
	took := max(o.seconds, (time.Since(begin) - o.deadline).Seconds()) // the last calls are waited for
	s := overloadStep{
		Multiple: multiple,
		Offered:  rate,
		Started:  float64(n) / took,
		Goodput:  float64(len(counts.accepted)) / took,
		Refused:  float64(counts.refused) / float64(max(1, n)),
		Late:     float64(counts.late) / float64(max(1, n)),
		Failed:   float64(counts.failed) / float64(max(1, n)),
		P50:      milliseconds(counts.quantile(.5)),
		P99:      milliseconds(counts.quantile(.99)),
		Lag:      milliseconds(lag),
		Busy:     busy,
		Memory:   peak(),
	}
	if counts.cause != nil {
		s.Error = counts.cause.Error()
	}
	return s
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
