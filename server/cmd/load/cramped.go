package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/admit"
)

// cramped is the run of a server with little memory under attack.
type cramped struct {
	target
	serving
	mebi    int64
	seconds float64
	data    string

	folder string // for what the run makes
	pid    int
	cage   *cage
}

func newCramped() *cobra.Command {
	c := &cramped{}
	cmd := &cobra.Command{
		Use:   "cramped",
		Short: "A server in a control group of little memory, attacked in turn",
		Long: `cramped runs a server on this machine in a control group of memory, as a container would, attacks it in turn in
ways that have ended servers, and says after each whether it lives, holds its papers, answers, and what it took. It
needs root and Linux. The papers are made first, by a server outside of the group, unless --data names a folder that has
them.`,
		Example: `  load cramped --memory 512`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	c.serving.addTo(f, 87_247)
	f.Int64Var(&c.mebi, "memory", 512, "MiB that the server may take, page cache included")
	f.Float64Var(&c.seconds, "seconds", 8, "seconds of each attack")
	f.StringVar(&c.data, "data", "", "folder with the papers, which is used as it is (default: a temporary one)")
	return cmd
}

func (c *cramped) run(ctx context.Context, out io.Writer) (err error) {
	if c.folder, err = workspace(ctx, "akin-cramped-", &c.server); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(c.folder)) }()
	corpus, err := openCorpus(c.papers)
	if err != nil {
		return err
	}
	c.texts = corpus.queries(20_000)
	if c.data == "" {
		c.data = filepath.Join(c.folder, "data")
		if err := c.prepare(ctx, corpus); err != nil {
			return fmt.Errorf("prepare the papers: %w", err)
		}
	}
	if c.cage, err = newCage(c.mebi << 20); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.cage.remove()) }()
	return c.attackAll(ctx, out)
}

// prepare imports the papers and waits until a model is learnt from them.
func (c *cramped) prepare(ctx context.Context, corpus *corpus) error {
	run := &scaleRun{cfg: scaleConfig{serving: c.serving, data: c.data}, corpus: corpus, log: c.log()}
	var err error
	if run.server, err = startServer(c.server, c.data, c.log()); err != nil {
		return err
	}
	run.began = time.Now()
	if err := run.load(ctx); err != nil {
		return errors.Join(err, run.server.kill())
	}
	_, err = run.server.stop()
	return err
}

// tokens writes a tokens file: the caller that the run is about, and one that abuses what it may.
func (c *cramped) tokens() (file, abuser string, err error) {
	var hash, abuserHash string
	c.token, hash = admit.NewToken()
	abuser, abuserHash = admit.NewToken()
	text := fmt.Sprintf("[[principal]]\nname = \"quiet\"\nhash = %q\nroles = [\"read\"]\n"+
		"[[principal]]\nname = \"abuser\"\nhash = %q\nroles = [\"read\", \"write\"]\n", hash, abuserHash)
	file = filepath.Join(c.folder, "tokens.toml")
	return file, abuser, os.WriteFile(file, []byte(text), 0o600)
}

// attackAll starts the server in the group and attacks it.
func (c *cramped) attackAll(ctx context.Context, out io.Writer) (err error) {
	file, abuser, err := c.tokens()
	if err != nil {
		return err
	}
	caged, err := c.cage.wrap(c.server, c.folder)
	if err != nil {
		return err
	}
	server, err := startServer(caged, c.data, c.log(), "--tokens-file", file,
		"--memory-limit", fmt.Sprintf("%dMiB", c.mebi*3/4))
	if err != nil {
		return err
	}
	c.pid = server.cmd.Process.Pid
	defer func() { err = errors.Join(err, server.kill()) }()
	c.addr = server.addr
	conn, err := dial(c.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	c.conns = append(c.conns, conn)
	fmt.Fprintf(out, "%d MiB, %d papers\n", c.mebi, c.papers)
	fmt.Fprintln(out, "after                   calls  answered  refused   late  failed  RSS MiB  highest  a search "+
		"then, ms")
	for i := range attacks {
		var loud tally
		if err := attacks[i].run(ctx, c, abuser, &loud); err != nil {
			return fmt.Errorf("%s: %w", attacks[i].name, err)
		}
		if err := c.survived(ctx, out, attacks[i].name, &loud); err != nil {
			return fmt.Errorf("after %s: %w", attacks[i].name, err)
		}
	}
	return nil
}

// survived checks that the server is the one that was started, and that it answers, and prints a line.
func (c *cramped) survived(ctx context.Context, out io.Writer, attack string, loud *tally) error {
	if killed, err := c.cage.killed(); err != nil || killed > 0 {
		return errors.Join(err, fmt.Errorf("the kernel ended the server %d times for want of memory", killed))
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	begin := time.Now()
	if err := c.search(ctx, 0); err != nil {
		return fmt.Errorf("a search: %w", err)
	}
	took := time.Since(begin)
	stats, err := akinv1.NewIndexServiceClient(c.conns[0]).GetIndexStats(as(ctx, c.token), &akinv1.GetIndexStatsRequest{})
	if err != nil {
		return err
	}
	if stats.GetPapers() != int64(c.papers) {
		return fmt.Errorf("the server has %d papers, want %d", stats.GetPapers(), c.papers)
	}
	u, err := usageOf(c.pid)
	if err != nil {
		return err
	}
	calls := len(loud.accepted) + loud.refused + loud.late + loud.failed
	fmt.Fprintf(out, "%-22s  %5d  %8d  %7d  %5d  %6d  %7d  %7d  %17.1f\n", attack, calls, len(loud.accepted),
		loud.refused, loud.late, loud.failed, u.resident>>20, u.peak>>20, milliseconds(took))
	if loud.cause != nil {
		fmt.Fprintln(out, "     ", loud.cause)
	}
	return nil
}
