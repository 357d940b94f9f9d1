package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/cmd/akin/internal/term"
	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

func isNotFound(err error) bool { return errors.Is(err, client.ErrNotFound) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func attributeText(v *client.AttributeValue) string {
	switch value := v.GetValue().(type) {
	case *akinv1.AttributeValue_DoubleValue:
		return strconv.FormatFloat(value.DoubleValue, 'g', -1, 64)
	case *akinv1.AttributeValue_BoolValue:
		return strconv.FormatBool(value.BoolValue)
	default:
		return v.GetStringValue()
	}
}

// statsJSON is what `akin stats --json` prints; papers and the other counts are integers.
type statsJSON struct {
	Papers           int64     `json:"papers"`
	Revision         uint64    `json:"revision"`
	Model            modelJSON `json:"model"`
	Index            indexJSON `json:"index"`
	DiskBytes        int64     `json:"disk_bytes"`
	MemoryBytes      int64     `json:"memory_bytes"`
	Activity         string    `json:"activity"`
	ActivityProgress float64   `json:"activity_progress"`
	Version          string    `json:"version"`
	UptimeSeconds    float64   `json:"uptime_seconds"`
	ProcessorSeconds float64   `json:"processor_seconds"`

	Cluster       *clusterJSON `json:"cluster,omitempty"`        // of a node
	MissingShards []int32      `json:"missing_shards,omitempty"` // that did not answer, and are not counted
}

type modelJSON struct {
	Fingerprint string `json:"fingerprint"`
	Dims        int32  `json:"dims"`
	Trained     bool   `json:"trained"`
	Papers      int64  `json:"papers"`
	CreateTime  string `json:"create_time,omitempty"`
}

type indexJSON struct {
	Engine       string `json:"engine"`
	Vectors      int64  `json:"vectors"`
	GraphVectors int64  `json:"graph_vectors"`
	TailVectors  int64  `json:"tail_vectors"`
	Tombstones   int64  `json:"tombstones"`
	ZeroVectors  int64  `json:"zero_vectors"`
	MemoryBytes  int64  `json:"memory_bytes"`
}

func modelOf(m *client.ModelInfo) modelJSON {
	out := modelJSON{Fingerprint: m.GetFingerprint(), Dims: m.GetDims(), Trained: m.GetTrained(), Papers: m.GetPapers()}
	if t := m.GetCreateTime(); t.IsValid() {
		out.CreateTime = t.AsTime().Format("2006-01-02T15:04:05Z07:00")
	}
	return out
}

func modelText(m *client.ModelInfo) string {
	how := "not trained yet"
	if m.GetTrained() {
		how = "trained on " + things(m.GetPapers(), "paper", "papers")
	}
	return fmt.Sprintf("%d dimensions, %s, %s", m.GetDims(), how, m.GetFingerprint())
}

func (a *app) statsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "stats [flags]", Short: "Say what the server holds", Args: noArguments,
		Example: `  akin stats
  akin stats --json | jq .papers`,
		RunE: a.run(func(ctx context.Context, _ *cobra.Command, _ []string) error {
			s, err := a.client.Stats(ctx)
			if err != nil {
				return err
			}
			x := s.GetIndex()
			if a.json {
				return a.printJSON(statsJSON{
					Papers: s.GetPapers(), Revision: s.GetPosition().GetRevision(), Model: modelOf(s.GetModel()),
					Index: indexJSON{
						Engine: x.GetEngine(), Vectors: x.GetVectors(), GraphVectors: x.GetGraphVectors(),
						TailVectors: x.GetTailVectors(),
						Tombstones:  x.GetTombstones(), ZeroVectors: x.GetZeroVectors(), MemoryBytes: x.GetMemoryBytes(),
					},
					DiskBytes: s.GetDiskBytes(), MemoryBytes: s.GetMemoryBytes(), Activity: s.GetActivity(),
					ActivityProgress: s.GetActivityProgress(), Version: s.GetVersion(),
					UptimeSeconds:    s.GetUptime().AsDuration().Seconds(),
					ProcessorSeconds: s.GetProcessorTime().AsDuration().Seconds(),
					Cluster:          clusterOf(s.GetCluster()),
					MissingShards:    s.GetMissingShards(),
				})
			}
			vectors := things(x.GetVectors(), "vector", "vectors")
			for _, part := range []struct {
				n    int64
				name string
			}{{x.GetGraphVectors(), "in the graph"}, {x.GetTailVectors(), "in the tail"}, {x.GetTombstones(), "deleted"},
				{x.GetZeroVectors(), "papers without words"}} {
				if part.n > 0 {
					vectors += fmt.Sprintf(", %s %s", count(part.n), part.name)
				}
			}
			activity := "none"
			if s.GetActivity() != "" {
				activity = fmt.Sprintf("%s, %.0f%%", s.GetActivity(), 100*s.GetActivityProgress())
			}
			if reason := s.GetWriteRefusal(); reason != "" {
				a.note("writes are refused: %s", reason)
			}
			papers := count(s.GetPapers())
			if missing := s.GetMissingShards(); len(missing) > 0 {
				papers += ", without those of " + shardNames(missing) + ": no answer"
			}
			return a.pairs(append([][2]string{
				{"papers", papers},
				{"revision", count(int64(s.GetPosition().GetRevision()))},
				{"model", modelText(s.GetModel())},
				{"index", x.GetEngine() + ", " + vectors + ", " + size(x.GetMemoryBytes())},
				{"disk", size(s.GetDiskBytes())},
				{"memory", size(s.GetMemoryBytes())},
				{"activity", activity},
				{"alerts", alertText(s.GetAlerts())},
				{"server", strings.TrimSpace(a.settings.addr + " " + s.GetVersion() + ", up " +
					span(s.GetUptime().AsDuration()))},
			}, clusterRows(s.GetCluster())...)...)
		}),
	}
}

func (a *app) recallCommand() *cobra.Command {
	var cfg client.RecallConfig
	var ef int
	var filter string
	cmd := &cobra.Command{
		Use: "recall [flags]", Short: "Measure the recall of the live index", Args: noArguments,
		Long: `Compare the live index with an exact scan, on queries drawn from the stored
papers: the mean share of the true nearest that the index returned.`,
		Example: `  akin recall
  akin recall --queries 1000 --ef 64`,
	}
	cmd.Flags().IntVarP(&cfg.Queries, "queries", "n", 200, "queries to draw, 1 to 10,000")
	cmd.Flags().IntVarP(&cfg.K, "depth", "k", 10, "depth of the comparison, 1 to 1,000")
	cmd.Flags().Uint64Var(&cfg.Seed, "seed", 1, "seed of the draw")
	cmd.Flags().IntVar(&ef, "ef", 0, "width of the graph walk (default the server's)")
	cmd.Flags().StringVar(&filter, "filter", "", "only papers that this AIP-160 filter accepts")
	noFiles(cmd, "queries", "depth", "seed", "ef", "filter")
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, _ []string) error {
		r, err := a.client.EvaluateRecall(ctx, cfg, client.Ef(ef), client.Filter(filter))
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(map[string]any{
				"recall": r.Recall, "min_recall": r.MinRecall, "queries": r.Queries, "k": cfg.K,
				"mean_latency_us": r.MeanLatency.Microseconds(), "exact_latency_us": r.ExactLatency.Microseconds(),
			})
		}
		return a.pairs(
			[2]string{fmt.Sprintf("recall@%d", cfg.K), fixedPoint(r.Recall)},
			[2]string{"least", fixedPoint(r.MinRecall)},
			[2]string{"queries", count(int64(r.Queries))},
			[2]string{"index", span(r.MeanLatency) + " a search"},
			[2]string{"exact", span(r.ExactLatency) + " a scan"},
		)
	})
	return cmd
}

func (a *app) duplicatesCommand() *cobra.Command {
	var least float64
	var filter string
	var limit int
	cmd := &cobra.Command{
		Use: "duplicates [flags]", Short: "Find papers that are nearly the same", Args: noArguments,
		Example: `  akin duplicates
  akin duplicates --min-cosine .9 --json | jq -r '.paper_ids | join(" ")'`,
	}
	cmd.Flags().Float64Var(&least, "min-cosine", .95, "least cosine of a pair, .5 to 1")
	cmd.Flags().StringVar(&filter, "filter", "", "only papers that this AIP-160 filter accepts")
	cmd.Flags().IntVarP(&limit, "limit", "k", 0, "groups to show (default all)")
	noFiles(cmd, "min-cosine", "filter", "limit")
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, _ []string) error {
		table := term.NewTable(term.Column{Title: "COSINE", Right: true, Style: term.Green},
			term.Column{Title: "PAPERS", Least: 16, Style: term.Cyan})
		n := 0
		waiting := a.newMeter("groups", false) // all papers are compared before the first group is known
		stop := sync.OnceFunc(waiting.stop)
		defer stop()
		waiting.update(func(s *state) { s.note = "comparing all papers with each other" })
		for g, err := range a.client.Duplicates(ctx, client.MinCosine(least), client.Filter(filter)) {
			stop()
			if err != nil {
				return err
			}
			if a.json {
				if err := a.printJSON(map[string]any{"paper_ids": g.GetPaperIds(), "min_cosine": g.GetMinCosine()}); err != nil {
					return err
				}
			} else if table.Row(fixedPoint(g.GetMinCosine()), strings.Join(g.GetPaperIds(), " ")); table.Len() == listPiece {
				if err := table.Write(a.out, a.screen); err != nil {
					return err
				}
			}
			if n++; n == limit {
				break
			}
		}
		stop()
		if n == 0 && !a.json {
			a.note("no duplicates")
			return nil
		}
		return table.Write(a.out, a.screen)
	})
	return cmd
}
