package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/cmd/akin/internal/source"
)

// importFlags say how files are read and where faults go.
type importFlags struct {
	source   source.Options
	columns  []string
	errors   string
	patience time.Duration
}

func (a *app) importCommand() *cobra.Command {
	var flags importFlags
	cmd := &cobra.Command{
		Use:   "import [flags] FILE...",
		Short: "Put papers from files into the server",
		Long: `Put papers from files into the server. - is standard input. The format of each
file is found by its content, through gzip and Zstandard:

  ` + strings.Join(source.FormatNames(), ", ") + `

Papers that fail are reported, and the others go in. A paper is replaced when its
id is stored already; the same content again is a no-op. When the server goes
away in the middle, import waits and goes on where the server left off; when
import itself is stopped, run it again: nothing is lost and nothing is doubled.`,
		Example: `  akin import papers.jsonl.gz
  akin import --errors failed.jsonl arxiv-metadata.json more.bib
  akin import --column abstract=Summary --column attributes.venue=Journal table.csv
  zcat works.gz | akin import --format openalex -`,
		Args: atLeast(1, "a file"),
	}
	f := cmd.Flags()
	f.StringVar(&flags.source.Format, "format", "", "format of all files, when the content does not tell")
	f.StringArrayVar(&flags.columns, "column", nil, "FIELD=HEADER of a CSV or TSV file; repeat for more")
	f.StringVar(&flags.source.ListSeparator, "list-separator", "", "parts authors and categories in a CSV or TSV cell (default | or ;)")
	f.StringVar(&flags.errors, "errors", "", "write what fails to this file, one JSON object a line")
	f.DurationVar(&flags.patience, "patience", client.DefaultPatience, "how long to wait for a server that is away")
	fixed(cmd, "format", source.FormatNames()...)
	noFiles(cmd, "column", "list-separator", "patience")
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, files []string) error {
		return a.importFiles(ctx, &flags, files)
	})
	return cmd
}

// importJSON is the summary that --json prints.
type importJSON struct {
	Read         int64    `json:"read"`
	Written      int64    `json:"written"`
	Unchanged    int64    `json:"unchanged"`
	Failed       int64    `json:"failed"`
	FailedFiles  []string `json:"failed_files"`
	Reconnects   int      `json:"reconnects"`
	Seconds      float64  `json:"seconds"`
	PapersPerSec float64  `json:"papers_per_second"`
}

func (a *app) importFiles(ctx context.Context, flags *importFlags, files []string) error {
	columns, err := parseColumns(flags.columns)
	if err != nil {
		return err
	}
	flags.source.Columns = columns
	if f := flags.source.Format; f != "" && !slices.Contains(source.FormatNames(), f) {
		return usagef("--format is %q; it must be one of %s", f, strings.Join(source.FormatNames(), ", "))
	}
	// A wrong address or token shows now, rather than after files were opened.
	if _, err := a.client.Stats(ctx); err != nil {
		return err
	}
	faults, err := openFaults(a, flags.errors)
	if err != nil {
		return err
	}
	in := &inputs{files: files, opts: flags.source, faults: faults}
	in.measure()
	m := a.newMeter("papers", in.total > 0)
	began := time.Now()
	report, err := a.client.Import(ctx, in.papers(ctx), client.Patience(flags.patience),
		client.OnItemError(func(e *client.ItemError) { faults.item(in.fileOf(e.Item), e) }),
		client.OnProgress(func(r client.ImportReport) { m.update(func(s *state) { in.progress(s, r) }) }))
	took := time.Since(began)
	m.stop()
	if closeErr := faults.close(); err == nil {
		err = closeErr
	}
	summary := importJSON{
		Read: report.Read, Written: report.Written, Unchanged: report.Unchanged, Failed: report.Failed + in.rejected,
		FailedFiles: append([]string{}, in.failedFiles...), Reconnects: report.Reconnects,
		Seconds: took.Seconds(), PapersPerSec: rate(report.Done(), took),
	}
	if printErr := a.printImport(summary, took); err == nil {
		err = printErr
	}
	if err != nil {
		return err
	}
	return in.outcome(summary)
}

// outcome is the error that a finished import ends with: partial when something went in and something did not.
func (in *inputs) outcome(s importJSON) error {
	if s.Failed == 0 && len(s.FailedFiles) == 0 {
		return nil
	}
	var parts []string
	if s.Failed > 0 {
		parts = append(parts, things(s.Failed, "paper", "papers"))
	}
	if n := len(s.FailedFiles); n > 0 {
		parts = append(parts, things(int64(n), "file", "files"))
	}
	text := strings.Join(parts, " and ") + " failed"
	if s.Written+s.Unchanged == 0 {
		return errors.New("nothing went in: " + text)
	}
	return partialError{text + "; everything else is stored"}
}

func (a *app) printImport(s importJSON, took time.Duration) error {
	if a.json {
		return a.printJSON(s)
	}
	line := things(s.Written, "paper", "papers") + " written"
	if s.Unchanged > 0 {
		line += ", " + count(s.Unchanged) + " unchanged"
	}
	if s.Failed > 0 {
		line += ", " + count(s.Failed) + " failed"
	}
	line += fmt.Sprintf(" in %s (%s/s)", span(took), count(int64(s.PapersPerSec)))
	if s.Reconnects > 0 {
		line += ", " + things(int64(s.Reconnects), "attempt", "attempts") + " to reconnect"
	}
	_, err := fmt.Fprintln(a.out, line)
	return err
}

func parseColumns(flags []string) (map[string]string, error) {
	columns := map[string]string{}
	for _, f := range flags {
		field, header, ok := strings.Cut(f, "=")
		if !ok || field == "" || header == "" {
			return nil, usagef("--column is %q; it must be FIELD=HEADER, such as abstract=Summary", f)
		}
		if _, twice := columns[field]; twice {
			return nil, usagef("--column gives %s twice", field)
		}
		columns[field] = header
	}
	return columns, nil
}
