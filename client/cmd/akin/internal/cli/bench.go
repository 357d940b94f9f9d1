package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/cmd/akin/internal/queries"
)

// benchConfig says what is measured.
type benchConfig struct {
	queries string
	callers int
	n       int
	k       int
	warmup  int
	sample  int
	mode    string
	ef      int
	fields  []string
	profile string // file for a CPU profile of this process; empty: none
}

// benchResult is what a benchmark found. Times are in microseconds.
type benchResult struct {
	config             benchConfig
	papers             int64
	index              string
	distinct           int // queries
	seconds            float64
	qps                float64
	p50, p90, p99, max float64
	ceiling            ceiling
	serverCPU          float64 // of one search; 0: the server does not tell
	clientCPU          float64 // of one search
	errors             int64
	first              string // error
	recall             float64
	sample             int // queries that recall was measured on
}

// ceiling is what calls reach that ask nothing of the server: health checks over the same connections, half of them
// before the searches and half behind, so that what else goes on changes both. Times are in microseconds.
type ceiling struct {
	calls int
	qps   float64
	p50   float64
}

func (a *app) benchCommand() *cobra.Command {
	var cfg benchConfig
	cmd := &cobra.Command{
		Use: "bench [flags] --queries FILE", Short: "Measure searches end to end", Args: noArguments,
		Long: `Measure text searches end to end, over gRPC through the SDK: searches a second,
the times they take, and the share of the exact answer that they find (recall, by
the ids of the hits, on a sample that is searched again in exact mode). Each search
returns 10 hits with ids and titles, unless -k and --fields say otherwise.

The ceiling is what health checks reach in the same run, by as many callers over
the same connections: shares of it compare where machines differ. Processor time
is what the server and this program took while searches were measured, for each
search: it means little when others ask the server meanwhile.

FILE is BEIR's queries.jsonl, a BEIR corpus (whose titles are searched for), or
plain text with one query a line; .gz and .zst too. Queries are used in turn,
again from the first when there are fewer than -n.`,
		Example: `  akin bench --queries queries.jsonl -c 16 -n 20000
  akin bench --queries corpus.jsonl.gz -c 1 -n 5000 --json`,
	}
	f := cmd.Flags()
	f.StringVar(&cfg.queries, "queries", "", "file of queries")
	f.IntVarP(&cfg.callers, "callers", "c", 16, "searches on the way at a time")
	f.IntVarP(&cfg.n, "searches", "n", 20_000, "searches to measure")
	f.IntVarP(&cfg.k, "limit", "k", 10, "hits a search")
	f.IntVar(&cfg.warmup, "warmup", -1, "searches before measuring (default a tenth of -n, at most 1,000)")
	f.IntVar(&cfg.sample, "sample", 200, "queries to measure recall on; 0 for none")
	f.StringVar(&cfg.mode, "mode", "auto", "auto, exact or approximate")
	f.IntVar(&cfg.ef, "ef", 0, "width of the graph walk (default the server's)")
	f.StringSliceVar(&cfg.fields, "fields", []string{"id", "title"},
		"fields of the hits' papers to return; * for all with abstracts")
	f.StringVar(&cfg.profile, "cpu-profile", "", "write a CPU profile of this program, for go tool pprof")
	noFiles(cmd, "callers", "searches", "limit", "warmup", "sample", "ef", "fields")
	fixed(cmd, "mode", "auto", "exact", "approximate")
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, _ []string) error {
		result, err := a.bench(ctx, cfg)
		if err != nil {
			return err
		}
		if err := a.printBench(result); err != nil {
			return err
		}
		if result.errors > 0 {
			return partialError{fmt.Sprintf("%s of %s searches failed, the first with: %s",
				count(result.errors), count(int64(cfg.n)), result.first)}
		}
		return nil
	})
	return cmd
}

func (a *app) bench(ctx context.Context, cfg benchConfig) (*benchResult, error) {
	mode, err := parseMode(cfg.mode)
	switch {
	case err != nil:
		return nil, err
	case cfg.queries == "":
		return nil, usagef("--queries FILE is missing")
	case !slices.Contains(cfg.fields, "id") && !slices.Contains(cfg.fields, "*"):
		return nil, usagef("--fields must have id, which recall is measured by")
	case cfg.callers < 1 || cfg.n < 1 || cfg.k < 1 || cfg.sample < 0:
		return nil, usagef("-c, -n and -k must be positive, and --sample not negative")
	}
	if cfg.warmup < 0 {
		cfg.warmup = min(cfg.n/10, 1000)
	}
	texts, err := queries.Read(cfg.queries, cfg.n)
	if err != nil {
		return nil, usageError{err}
	}
	stats, err := a.client.Stats(ctx)
	if err != nil {
		return nil, err
	}
	// The load shares the machine with the server: a larger heap spares most of the collector's work here.
	defer debug.SetGCPercent(debug.SetGCPercent(1000))
	requests := benchRequests(texts, cfg, mode)
	if warm := a.search(ctx, requests, cfg.callers, cfg.warmup); warm.failed == int64(cfg.warmup) && cfg.warmup > 0 {
		return nil, warm.first // nothing works: no use in measuring
	}
	stop, err := startProfile(cfg.profile)
	if err != nil {
		return nil, err
	}
	before := a.ping(ctx, cfg.callers, (cfg.n+1)/2)
	out, err := a.measure(ctx, requests, cfg)
	if err := errors.Join(stop(), err); err != nil {
		return nil, err
	}
	after := a.ping(ctx, cfg.callers, (cfg.n+1)/2)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	out.ceiling = before.with(after)
	out.config, out.distinct, out.papers, out.index = cfg, len(texts), stats.GetPapers(), stats.GetIndex().GetEngine()
	out.recall, out.sample, err = a.sampleRecall(ctx, texts, cfg, mode)
	return out, err
}

// measure runs the searches that count.
func (a *app) measure(ctx context.Context, requests []*client.SearchRequest, cfg benchConfig) (*benchResult, error) {
	before, err := a.client.Stats(ctx)
	if err != nil {
		return nil, err
	}
	own := cpuTime()
	measured := a.search(ctx, requests, cfg.callers, cfg.n)
	own = cpuTime() - own
	after, err := a.client.Stats(ctx)
	if err != nil {
		return nil, err
	}
	out := measured.summary()
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(cfg.n) }
	out.serverCPU = each(after.GetProcessorTime().AsDuration() - before.GetProcessorTime().AsDuration())
	out.clientCPU = each(own)
	return out, nil
}

// ping runs n health checks. A server that answers none has no ceiling.
func (a *app) ping(ctx context.Context, callers, n int) *loadResult {
	return load(ctx, callers, min(n, maxPings), func(int) error { return a.client.Ping(ctx) })
}

// maxPings bounds the health checks before and those behind the searches: a second of them on two cores.
const maxPings = 10_000

// with is the ceiling of two runs.
func (r *loadResult) with(other *loadResult) ceiling {
	times := append(r.times, other.times...)
	slices.Sort(times)
	return ceiling{
		calls: len(times), qps: rate(int64(len(times)), r.took+other.took), p50: percentile(times, .5),
	}
}

// startProfile writes a CPU profile until stop is called; with an empty path both do nothing.
func startProfile(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, usagef("--cpu-profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// benchRequests makes each request once; a request is never changed, so all callers share them.
func benchRequests(texts []string, cfg benchConfig, mode client.SearchMode) []*client.SearchRequest {
	opts := []client.SearchOption{client.Limit(cfg.k), client.Fields(cfg.fields...)}
	if mode != client.ModeAuto {
		opts = append(opts, client.Mode(mode))
	}
	if cfg.ef > 0 {
		opts = append(opts, client.Ef(cfg.ef))
	}
	requests := make([]*client.SearchRequest, len(texts))
	for i, text := range texts {
		requests[i] = client.TextQuery(text, opts...)
	}
	return requests
}

// sampleRecall searches some queries in the measured mode and in exact mode, and returns the mean share of the exact
// hits that were found. Queries without any exact hit do not count.
func (a *app) sampleRecall(
	ctx context.Context, texts []string, cfg benchConfig, mode client.SearchMode,
) (recall float64, measured int, err error) {
	n := min(cfg.sample, len(texts))
	sample := make([]string, n)
	for i := range sample {
		sample[i] = texts[i*len(texts)/n] // evenly spread over the file
	}
	asked := benchRequests(sample, cfg, mode)
	exact := benchRequests(sample, cfg, client.ModeExact)
	sum := 0.0
	for i := range sample {
		want, err := a.client.Query(ctx, exact[i])
		if err != nil {
			return 0, 0, fmt.Errorf("exact search of the sample: %w", err)
		}
		got, err := a.client.Query(ctx, asked[i])
		if err != nil {
			return 0, 0, fmt.Errorf("search of the sample: %w", err)
		}
		if len(want.Hits) == 0 {
			continue
		}
		found := map[string]bool{}
		for _, h := range got.Hits {
			found[h.GetPaper().GetId()] = true
		}
		hits := 0
		for _, h := range want.Hits {
			if found[h.GetPaper().GetId()] {
				hits++
			}
		}
		sum += float64(hits) / float64(len(want.Hits))
		measured++
	}
	if measured == 0 {
		return 0, 0, nil
	}
	return sum / float64(measured), measured, nil
}

// share is a over b; 0 where there is no b.
func share(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func (a *app) printBench(r *benchResult) error {
	cfg := r.config
	recallName := fmt.Sprintf("recall@%d", cfg.k)
	if a.json {
		out := map[string]any{
			"qps": r.qps, "p50_us": r.p50, "p90_us": r.p90, "p99_us": r.p99, "max_us": r.max, "errors": r.errors,
			"searches": cfg.n, "callers": cfg.callers, "warmup": cfg.warmup, "distinct_queries": r.distinct,
			"seconds": r.seconds,
			"papers":  r.papers, "index": r.index, "recall_sample": r.sample,
			"fields": cfg.fields, "ceiling_qps": r.ceiling.qps, "ceiling_p50_us": r.ceiling.p50,
			"qps_of_ceiling": share(r.qps, r.ceiling.qps), "p50_over_ceiling": share(r.p50, r.ceiling.p50),
			"client_cpu_us": r.clientCPU,
		}
		if r.serverCPU > 0 {
			out["server_cpu_us"] = r.serverCPU
		}
		if r.sample > 0 {
			out[recallName] = r.recall
		}
		if r.first != "" {
			out["first_error"] = r.first
		}
		return a.printJSON(out)
	}
	recall := "not measured"
	if r.sample > 0 {
		recall = fmt.Sprintf("%.4f against exact search, on %s", r.recall, things(int64(r.sample), "query", "queries"))
	}
	us := func(f float64) string { return span(time.Duration(f * 1e3)) }
	server := "unknown"
	if r.serverCPU > 0 {
		server = us(r.serverCPU)
	}
	return a.pairs(
		[2]string{"searches", fmt.Sprintf("%s of %s, %s, %s papers, index %s", count(int64(cfg.n)),
			things(int64(r.distinct), "query", "queries"), things(int64(cfg.callers), "caller", "callers"), count(r.papers),
			r.index)},
		[2]string{"QPS", fmt.Sprintf("%s, %.3f of the ceiling", count(int64(r.qps)), share(r.qps, r.ceiling.qps))},
		[2]string{"p50", fmt.Sprintf("%s, %.1f times the ceiling's", us(r.p50), share(r.p50, r.ceiling.p50))},
		[2]string{"p90", us(r.p90)},
		[2]string{"p99", us(r.p99)},
		[2]string{"max", us(r.max)},
		[2]string{"ceiling", fmt.Sprintf("%s/s, p50 %s, of %s health checks", count(int64(r.ceiling.qps)),
			us(r.ceiling.p50), count(int64(r.ceiling.calls)))},
		[2]string{"processor", fmt.Sprintf("%s a search of the server, %s of the client", server, us(r.clientCPU))},
		[2]string{"errors", count(r.errors)},
		[2]string{recallName, recall},
	)
}
