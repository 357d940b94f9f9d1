package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/server/internal/paper/wire"
	"github.com/akin-search/akin/server/internal/sample"
	"github.com/akin-search/akin/server/internal/service"
)

func newDemo() *cobra.Command {
	var exit bool
	var addr string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Serve the bundled papers and show three queries",
		Long: `demo starts a real server on a temporary folder, imports the papers that ship with Akin, trains a model on
them, and asks three things over gRPC: papers near to a text, papers related to a paper, and a recommendation. Then it
goes on serving, for you to try from the command line and in a browser. The folder is removed at the end.`,
		Example: `  akin-server demo
  akin-server demo --exit`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo(cmd.Context(), cmd.OutOrStdout(), addr, exit)
		},
	}
	cmd.Flags().BoolVar(&exit, "exit", false, "stop after the three queries")
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:0", "address to listen on; port 0 picks a free one")
	return cmd
}

// demo runs a server on a temporary folder, and the three queries against it.
func demo(ctx context.Context, out io.Writer, addr string, exit bool) (err error) {
	folder, err := os.MkdirTemp("", "akin-demo-")
	if err != nil {
		return fmt.Errorf("a folder for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()

	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	shown := make(chan error, 1)
	r := &runner{
		addr:    addr,
		data:    folder,
		index:   "auto",
		drain:   2 * time.Second,
		cfg:     service.Config{Logger: log, Version: version()},
		log:     log,
		page:    true,
		signals: signals,
		ready: func(addr net.Addr) {
			err := show(ctx, out, addr.String())
			shown <- err
			if err == nil && !exit {
				fmt.Fprintf(out, tryIt, addr)
			} else {
				stop()
			}
		},
	}
	if err := r.run(ctx); err != nil {
		return err
	}
	stop() // a signal may have ended the server while the queries ran
	select {
	case err := <-shown:
		return err
	default:
		return nil
	}
}

// tryIt is what a newcomer can do with the demo while it serves.
const tryIt = `
The server goes on, until Ctrl-C. In another terminal:

  go run ./client/cmd/akin search --addr %[1]s "sparse attention for long sequences"
  go run ./client/cmd/akin stats  --addr %[1]s

In a browser:

  http://%[1]s/
`

// The queries of the demo. Their papers are in the sample, which a test holds.
const (
	demoText    = "making large language models smaller by pruning weights"
	demoRelated = "fourier-transformer"
	demoDislike = "equivariant-polynomials-gnn"
	demoHits    = 5
)

var demoLikes = []string{"moefication", "wanda"}

// show imports the sample and prints the three answers.
func show(ctx context.Context, out io.Writer, addr string) error {
	papers, err := sample.Papers()
	if err != nil {
		return err
	}
	c, err := client.Dial(addr)
	if err != nil {
		return err
	}
	defer c.Close()

	messages := make([]*client.Paper, len(papers))
	titles := make(map[string]string, len(papers))
	for i, p := range papers {
		messages[i] = wire.ToProto(p)
		titles[p.ID] = p.Title
	}
	start := time.Now()
	report, err := c.Import(ctx, client.Papers(messages...))
	if err != nil {
		return err
	}
	if report.Failed > 0 {
		return fmt.Errorf("%d of the bundled papers were refused", report.Failed)
	}
	imported := time.Since(start)
	if err := train(ctx, c); err != nil {
		return err
	}
	fmt.Fprintf(out, "Akin serves on %s. %d papers imported in %d ms, a model learnt from them in %.1f s.\n",
		addr, report.Done(), imported.Milliseconds(), (time.Since(start) - imported).Seconds())

	found, err := c.Search(ctx, demoText, client.Limit(demoHits))
	if err != nil {
		return err
	}
	printHits(out, fmt.Sprintf("Papers near to the text %q", demoText), found.Hits)

	found, err = c.SimilarTo(ctx, demoRelated, client.Limit(demoHits))
	if err != nil {
		return err
	}
	printHits(out, fmt.Sprintf("Papers related to %s, %q", demoRelated, titles[demoRelated]), found.Hits)

	taste := client.Taste{Dislikes: []*client.Preference{client.FromPaper(demoDislike)}}
	for _, id := range demoLikes {
		taste.Likes = append(taste.Likes, client.FromPaper(id))
	}
	found, err = c.Recommend(ctx, taste, client.Limit(demoHits))
	if err != nil {
		return err
	}
	printHits(out, fmt.Sprintf("Recommended to someone who likes %s and %s, and not %s", demoLikes[0], demoLikes[1],
		demoDislike), found.Hits)
	return nil
}

// train trains a model on the papers. The server may be learning from them of its own accord just then: that is waited
// for.
func train(ctx context.Context, c *client.Client) error {
	for {
		_, err := c.Train(ctx, client.TrainConfig{})
		if !errors.Is(err, client.ErrTrainingRuns) {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// titleWidth is how many characters of a title the tables show.
const titleWidth = 72

// printHits prints one answer as a table.
func printHits(out io.Writer, heading string, hits []*client.Hit) {
	fmt.Fprintf(out, "\n%s:\n", heading)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  score\tid\ttitle")
	for _, hit := range hits {
		title := hit.GetPaper().GetTitle()
		if utf8.RuneCountInString(title) > titleWidth {
			title = string([]rune(title)[:titleWidth-1]) + "…"
		}
		fmt.Fprintf(table, "  %.3f\t%s\t%s\n", hit.GetScore(), hit.GetPaper().GetId(), title)
	}
	_ = table.Flush() // fails only where printing fails, and then no one reads it
}
