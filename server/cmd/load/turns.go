package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

// turns is the run of several servers by turns.
type turns struct {
	overload
	servers []string
	rounds  int
}

// turnsRow is what one server reached.
type turnsRow struct {
	Server string  `json:"server"`
	Rate   float64 `json:"searches_per_second"` // median of the rounds
	Ratio  float64 `json:"ratio"`               // to the first server's in the same round, mean of the middle half
	Error  float64 `json:"standard_error"`      // of the ratio
}

func newTurns() *cobra.Command {
	t := &turns{}
	cmd := &cobra.Command{
		Use:   "turns --queries FILE --servers A,B",
		Short: "Compare servers that run at the same time, by turns",
		Long: `turns has each of several servers answer a closed loop for a moment, in an order that changes from round to
round, and prints the searches a second of each and their ratio to the first one's in the same round. What else the
machine does meets all of them alike. Servers with the same papers and other flags, or of another release, tell what a
flag or a change costs.`,
		Example: `  load turns --queries corpus.jsonl.gz --servers 127.0.0.1:7700,127.0.0.1:7701`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return t.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringSliceVar(&t.servers, "servers", nil, "addresses of the servers, on this machine and without TLS")
	f.StringVar(&t.queries, "queries", "", "file of queries: one JSON object a line with a title or a text, also gzipped")
	f.StringVar(&t.token, "token", "", "token of the caller")
	f.IntVar(&t.overload.conns, "connections", 4, "connections to each server")
	f.IntVar(&t.callers, "callers", 16, "callers of the closed loop")
	f.Float64Var(&t.seconds, "seconds", .5, "seconds of each turn")
	f.IntVar(&t.rounds, "rounds", 40, "turns of each server")
	f.BoolVar(&t.asJSON, "json", false, "print JSON")
	return cmd
}

func (t *turns) run(ctx context.Context, out io.Writer) error {
	var err error
	if t.texts, err = readQueries(t.queries, 20_000); err != nil {
		return err
	}
	loops := make([]*overload, len(t.servers))
	for i, addr := range t.servers {
		o := t.overload
		o.addr, o.deadline = addr, 10*time.Second
		closeAll, err := o.dialWires()
		if err != nil {
			return err
		}
		defer closeAll()
		if err := o.warmUp(ctx); err != nil {
			return err
		}
		loops[i] = &o
	}
	rates := make([][]float64, len(loops))
	for range t.rounds {
		for _, i := range rand.Perm(len(loops)) {
			rates[i] = append(rates[i], loops[i].closedLoop(ctx, time.Duration(t.seconds*float64(time.Second))))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	rows := compare(t.servers, rates)
	if t.asJSON {
		return json.NewEncoder(out).Encode(rows)
	}
	fmt.Fprintln(out, "server                searches/s   ratio  standard error")
	for _, r := range rows {
		fmt.Fprintf(out, "%-20s  %10.0f  %6.3f  %14.3f\n", r.Server, r.Rate, r.Ratio, r.Error)
	}
	return nil
}

// compare sets the rates of each round against the first server's. A round in which something else took a core is an
// outlier, so that the mean is of the middle half.
func compare(servers []string, rates [][]float64) []turnsRow {
	rows := make([]turnsRow, len(servers))
	for i, server := range servers {
		ratios := make([]float64, 0, len(rates[i]))
		for round, rate := range rates[i] {
			ratios = append(ratios, rate/max(1, rates[0][round]))
		}
		slices.Sort(ratios)
		middle := ratios[len(ratios)/4 : max(len(ratios)/4+1, len(ratios)*3/4)]
		sum, squares := 0., 0.
		for _, r := range middle {
			sum += r
			squares += r * r
		}
		n := float64(len(middle))
		mean := sum / n
		sorted := slices.Sorted(slices.Values(rates[i]))
		// The middle half of a normal distribution has .38 of its deviation, and its mean 1.1 times the error of the mean.
		deviation := math.Sqrt(max(0, squares/n-mean*mean)) / .38
		rows[i] = turnsRow{server, sorted[len(sorted)/2], mean, 1.1 * deviation / math.Sqrt(float64(len(ratios)))}
	}
	return rows
}
