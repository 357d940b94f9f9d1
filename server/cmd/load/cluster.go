package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

// clusterConfig are the flags of cluster.
type clusterConfig struct {
	serving
	rounds, turns, searches, callers int
	json                             bool
}

// clusterReport is what cluster measures. Rates are papers a second, times microseconds of processor time; all are
// medians, and ratios are of figures of one round or turn.
type clusterReport struct {
	Papers int `json:"papers"`
	Rounds int `json:"rounds"`
	Turns  int `json:"turns"`

	SingleRate  float64 `json:"single_papers_per_second"`
	ClusterRate float64 `json:"cluster_papers_per_second"`
	LogRate     float64 `json:"log_papers_per_second"` // the log alone, no engine behind it
	RateRatio   float64 `json:"cluster_rate_ratio"`
	LogRatio    float64 `json:"log_rate_ratio"`

	SinglePaper float64 `json:"single_us_per_paper"`
	AskedRatio  float64 `json:"asked_node_us_per_paper_ratio"`  // of the node that takes the import
	OthersRatio float64 `json:"other_nodes_us_per_paper_ratio"` // mean of the two others

	SingleQuery float64 `json:"single_us_per_search"`
	QueryRatio  float64 `json:"node_us_per_search_ratio"`
	QueryLow    float64 `json:"node_us_per_search_ratio_low"` // quartiles of the turns
	QueryHigh   float64 `json:"node_us_per_search_ratio_high"`

	Searches        int     `json:"searches"`
	MessagesDuring  int     `json:"messages_during_searches"` // that the asked node sent to the log
	MessagesAtRest  int     `json:"messages_at_rest"`         // in the same time without searches
	MessageSeconds  float64 `json:"message_seconds"`
	MessagesPerRead float64 `json:"messages_per_search"`
}

func newCluster() *cobra.Command {
	var cfg clusterConfig
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "What a cluster of three on this machine costs beside a single server",
		Long: `cluster imports the real abstracts in AKIN_DATA into a single server and into a cluster of three, by turns and
each time into empty folders, and compares the rates and the processor time that each server took for a paper until all
was visible on it. It writes the same papers into a log of three nodes with no engine behind it. Then it has the single
server and the nodes answer the same searches by turns and compares their processor time, and counts the messages that a
node sends to the log while it searches and while it rests.`,
		Example: `  go run ./server/cmd/load cluster --rounds 5`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cluster(cmd.Context(), cfg, cmd.OutOrStdout()) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	cfg.addTo(f, 20_000)
	f.IntVar(&cfg.rounds, "rounds", 3, "imports into each")
	f.IntVar(&cfg.turns, "turns", 15, "turns of searches of each")
	f.IntVar(&cfg.searches, "searches", 1000, "searches a turn")
	f.IntVar(&cfg.callers, "callers", 8, "searches on the way at a time")
	f.BoolVar(&cfg.json, "json", false, "print one JSON object")
	return cmd
}

func cluster(ctx context.Context, cfg clusterConfig, out io.Writer) (err error) {
	corpus, err := openCorpus(cfg.papers)
	if err != nil {
		return err
	}
	folder, err := workspace(ctx, "akin-cluster-", &cfg.server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	r := &clusterRun{cfg: cfg, corpus: corpus, folder: folder, log: cfg.log(), report: clusterReport{
		Papers: cfg.papers, Rounds: cfg.rounds, Turns: cfg.turns, Searches: cfg.searches,
	}}
	defer func() { err = errors.Join(err, r.end()) }()
	if err := r.imports(ctx); err != nil {
		return err
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	if err := r.queries(ctx); err != nil {
		return err
	}
	if err := r.messages(ctx); err != nil {
		return err
	}
	if err := r.end(); err != nil {
		return err
	}
	if err := r.logAlone(ctx, filepath.Join(folder, "logs")); err != nil {
		return err
	}
	if cfg.json {
		return json.NewEncoder(out).Encode(&r.report)
	}
	r.report.print(out)
	return nil
}

func (r *clusterReport) print(out io.Writer) {
	fmt.Fprintf(out, "%d papers, %d rounds\n", r.Papers, r.Rounds)
	fmt.Fprintf(out, "  import, single server     %8.0f papers/s\n", r.SingleRate)
	fmt.Fprintf(out, "  import, cluster           %8.0f papers/s  %.2f of it\n", r.ClusterRate, r.RateRatio)
	fmt.Fprintf(out, "  the log alone             %8.0f papers/s  %.2f of it\n", r.LogRate, r.LogRatio)
	fmt.Fprintf(out, "  processor time a paper    %8.1f us; the asked node %.2f of it, the others %.2f\n", r.SinglePaper,
		r.AskedRatio, r.OthersRatio)
	fmt.Fprintf(out, "%d turns of %d searches\n", r.Turns, r.Searches)
	fmt.Fprintf(out, "  processor time a search   %8.1f us; a node %.3f of it (%.3f to %.3f)\n", r.SingleQuery,
		r.QueryRatio, r.QueryLow, r.QueryHigh)
	fmt.Fprintf(out, "  messages to the log       %8d in %.1f s of searches, %d in as long a rest: %.4f a search\n",
		r.MessagesDuring, r.MessageSeconds, r.MessagesAtRest, r.MessagesPerRead)
}

// quantileOf is a value that a share of the values does not exceed; 0 of none.
func quantileOf(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(q*float64(len(sorted)-1)+.5)]
}

// microseconds of a time for each of a number of things.
func microseconds(d time.Duration, n int) float64 {
	return float64(d.Nanoseconds()) / 1000 / float64(n)
}
