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

	"github.com/akin-search/akin/client"
	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// alertsConfig are the flags of alerts.
type alertsConfig struct {
	serving
	subscriptions, runs int
	json                bool
}

// alertsReport is what alerts prints. Rates are papers a second until acknowledged, the median of the runs.
type alertsReport struct {
	Papers         int     `json:"papers"`
	Subscriptions  int     `json:"subscriptions"`
	Without        float64 `json:"papers_per_second_without"`
	With           float64 `json:"papers_per_second_with"`
	Ratio          float64 `json:"ratio"`           // the median of the runs' ratios
	CatchUpSeconds float64 `json:"catchup_seconds"` // from the last paper acknowledged until all are matched, the median
	Matches        int64   `json:"matches"`
}

func newAlerts() *cobra.Command {
	var cfg alertsConfig
	cmd := &cobra.Command{
		Use:   "alerts",
		Short: "Measure what subscriptions cost an import",
		Long: `alerts imports real abstracts of AKIN_DATA into an empty server, without subscriptions and with many to titles
of the corpus, in turns, and prints both rates, their ratio, and how long the matching goes on afterwards.`,
		Example: `  go run ./server/cmd/load alerts --subscriptions 1000`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return alerts(cmd.Context(), cfg, cmd.OutOrStdout()) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	cfg.addTo(flags, 40_000)
	flags.IntVar(&cfg.subscriptions, "subscriptions", 1000, "subscriptions to make")
	flags.IntVar(&cfg.runs, "runs", 3, "runs of each kind")
	flags.BoolVar(&cfg.json, "json", false, "print one JSON object")
	return cmd
}

func alerts(ctx context.Context, cfg alertsConfig, out io.Writer) (err error) {
	corpus, err := openCorpus(cfg.papers)
	if err != nil {
		return err
	}
	folder, err := workspace(ctx, "akin-alerts-", &cfg.server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	report := alertsReport{Papers: cfg.papers, Subscriptions: cfg.subscriptions}
	var without, with, ratios, catchups []float64
	for run := range cfg.runs {
		plain, err := alertsRun(ctx, cfg, corpus, filepath.Join(folder, fmt.Sprint("plain", run)), 0, &report)
		if err != nil {
			return err
		}
		loaded, err := alertsRun(ctx, cfg, corpus, filepath.Join(folder, fmt.Sprint("alerts", run)), cfg.subscriptions,
			&report)
		if err != nil {
			return err
		}
		without, with = append(without, plain), append(with, loaded)
		ratios, catchups = append(ratios, loaded/plain), append(catchups, report.CatchUpSeconds)
	}
	median := func(list []float64) float64 { slices.Sort(list); return list[len(list)/2] }
	report.Without, report.With, report.Ratio, report.CatchUpSeconds = median(without), median(with), median(ratios),
		median(catchups)
	if cfg.json {
		return json.NewEncoder(out).Encode(&report)
	}
	fmt.Fprintf(out, "%d papers: %.0f/s without subscriptions, %.0f/s with %d (ratio %.3f); "+
		"matched %.1f s later, %d matches\n",
		report.Papers, report.Without, report.With, report.Subscriptions, report.Ratio, report.CatchUpSeconds, report.Matches)
	return nil
}

// alertsRun imports the corpus into an empty server with so many subscriptions, and returns the papers a second.
func alertsRun(ctx context.Context, cfg alertsConfig, corpus *corpus, data string, subscriptions int,
	report *alertsReport) (
	rate float64, err error) {
	server, err := startServer(cfg.server, data, cfg.log())
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, server.kill(), os.RemoveAll(data)) }()
	for i := range subscriptions {
		title := corpus.paper(i * corpus.papers / subscriptions).GetTitle()
		_, err := server.client.Subscribe(ctx, &client.Subscription{Subject: &akinv1.Subscription_Text{Text: title}})
		if err != nil {
			return 0, fmt.Errorf("subscribe to %q: %w", title, err)
		}
	}
	var bytes int64
	begin := time.Now()
	imported, err := server.client.Import(ctx, corpus.all(&bytes))
	if err == nil && imported.Failed > 0 {
		err = fmt.Errorf("%d papers were refused", imported.Failed)
	}
	if err != nil {
		return 0, err
	}
	rate = float64(corpus.papers) / time.Since(begin).Seconds()
	acknowledged := time.Now()
	for subscriptions > 0 {
		stats, err := server.client.Stats(ctx)
		if err != nil {
			return 0, err
		}
		if report.Matches = stats.GetAlerts().GetMatches(); stats.GetAlerts().GetUnmatchedPapers() == 0 {
			report.CatchUpSeconds = time.Since(acknowledged).Seconds()
			break
		}
		time.Sleep(pollEvery)
	}
	return rate, nil
}
