package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
)

// scaleConfig are the flags of scale.
type scaleConfig struct {
	serving
	seconds float64 // of each search load
	json    bool
	data    string // data folder; empty: a temporary one
}

func newScale() *cobra.Command {
	var cfg scaleConfig
	cmd := &cobra.Command{
		Use:   "scale",
		Short: "Load a large corpus into an empty server and measure all of it",
		Long: `scale makes a corpus of the real abstracts in AKIN_DATA, starts a server on an empty folder, imports the corpus
through the SDK, waits until a model is learnt and every paper is in the graph, searches, and restarts the server
cleanly and after SIGKILL. It prints times, rates, memory and bytes on disk, as a table or as JSON. Everything runs on
this machine: importer, searchers and server share its cores.`,
		Example: `  go run ./server/cmd/load scale --papers 200000
  go run ./server/cmd/load scale --json > scale.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return scale(cmd.Context(), cfg, cmd.OutOrStdout()) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	cfg.addTo(flags, 1_000_000)
	flags.Float64Var(&cfg.seconds, "seconds", 10, "length of each search load")
	flags.StringVar(&cfg.data, "data", "", "empty folder for the papers (default: a temporary one, removed at the end)")
	flags.BoolVar(&cfg.json, "json", false, "print one JSON object")
	return cmd
}

// scale runs everything and prints the report.
func scale(ctx context.Context, cfg scaleConfig, out io.Writer) (err error) {
	corpus, err := openCorpus(cfg.papers)
	if err != nil {
		return err
	}
	folder, err := workspace(ctx, "akin-scale-", &cfg.server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if cfg.data == "" {
		cfg.data = folder + "/data"
	}
	run := &scaleRun{cfg: cfg, corpus: corpus, log: cfg.log()}
	if err := run.all(ctx); err != nil {
		return err
	}
	if cfg.json {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(&run.report)
	}
	run.report.print(out)
	return nil
}

// progress tells one line on standard error, when asked to.
func (r *scaleRun) progress(format string, args ...any) {
	if r.cfg.verbose {
		fmt.Fprintf(r.log, "%6.1f s  %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
	}
}
