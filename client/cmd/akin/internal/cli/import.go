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
	replace  bool
	patience time.Duration
}

func (a *app) importCommand() *cobra.Command {
	var flags importFlags
	cmd := &cobra.Command{
		Use:   "import [flags] FILE...",
		Short: "Put papers from files into the server",
		Long: "Put papers from files into the server. - is standard input. The format of each\n" +
			"file is found by its content, through gzip and Zstandard:\n\n" + formatList() + `
Ids that a register gives out are kept: arXiv, PubMed, OpenAlex, Semantic Scholar,
Web of Science, DOIs of Crossref; so are those of akin and beir files and of a
table's or JSON file's id field, and BibTeX keys and RIS IDs. A RIS ID that is a
number counts the records of one library and is none. Papers without an id take
their DOI, or else title, year and first author.

A paper is replaced by another record of it: its id is the same, and neither DOI
nor title says that it is a different one. A different paper is never replaced.
One under a BibTeX key, RIS ID or made id gets a suffix made from its content; one
under the id of a table or JSON file is reported and not stored; --replace lets it
replace what is stored. The same files in any order give the same papers.

Papers that fail are reported, and the others go in. When the server goes away in
the middle, import waits and goes on where the server left off; when import itself
is stopped, run it again: nothing is lost and nothing is doubled.`,
		Example: `  akin import papers.jsonl.gz
  akin import --errors failed.jsonl arxiv-metadata.json more.bib
  akin import --column abstract=Summary --column attributes.country=Country table.csv
  curl -s 'https://api.crossref.org/works?query=moss' | akin import -`,
		Args: atLeast(1, "a file"),
	}
	f := cmd.Flags()
	f.StringVar(&flags.source.Format, "format", "", "format of all files, when the content does not tell")
	f.StringArrayVar(&flags.columns, "column", nil, "FIELD=HEADER of a CSV or TSV file; repeat for more")
	f.StringVar(&flags.source.ListSeparator, "list-separator", "",
		"parts authors and categories in a CSV or TSV cell (default | or ;)")
	f.StringVar(&flags.source.Encoding, "encoding", "", "of the text, such as windows-1252 (default found by content)")
	f.BoolVar(&flags.replace, "replace", false, "let records replace stored papers that are different ones")
	f.StringVar(&flags.errors, "errors", "", "write what fails to this file, one JSON object a line")
	f.DurationVar(&flags.patience, "patience", client.DefaultPatience, "how long to wait for a server that is away")
	fixed(cmd, "format", source.FormatNames()...)
	noFiles(cmd, "column", "list-separator", "encoding", "patience")
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
	Copies       int64    `json:"copies"`   // records left out for a fuller one of the same paper in this import
	Versions     int64    `json:"versions"` // of written and unchanged: records of a paper that this import had before
	Renamed      int64    `json:"renamed"`  // of written and unchanged: papers that got another id than their own
	Notes        []string `json:"notes"`
	FailedFiles  []string `json:"failed_files"`
	Reconnects   int      `json:"reconnects"`
	Seconds      float64  `json:"seconds"`
	PapersPerSec float64  `json:"papers_per_second"`
}

// formatList is the list of formats in help.
func formatList() string {
	var b strings.Builder
	for _, f := range source.Formats() {
		fmt.Fprintf(&b, "  %-17s %s\n", f.Name, f.About)
	}
	return b.String()
}

// lookUpPause is the time between attempts to compare ids with a server that is away.
const lookUpPause = 500 * time.Millisecond

// storedPapers compares ids with what is stored. A server that is away is waited for as long as an import would.
func (a *app) storedPapers(patience time.Duration) func(context.Context, []string) ([]*client.Paper, error) {
	return func(ctx context.Context, ids []string) ([]*client.Paper, error) {
		for began := time.Now(); ; {
			papers, _, err := a.client.GetMany(ctx, ids, client.Fields("id", "title", "abstract", "doi"))
			if !errors.Is(err, client.ErrUnavailable) || time.Since(began) > patience {
				return papers, err
			}
			pause := time.NewTimer(lookUpPause)
			select {
			case <-pause.C:
			case <-ctx.Done():
				pause.Stop()
				return nil, err
			}
		}
	}
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
	stats, err := a.client.Stats(ctx)
	if err != nil {
		return err
	}
	if missing := stats.GetMissingShards(); len(missing) > 0 {
		a.note("no answer from %s: papers that belong there wait until it is back", shardNames(missing))
	}
	faults, err := openFaults(a, flags.errors)
	if err != nil {
		return err
	}
	in := &inputs{
		files: files, opts: flags.source, faults: faults, replace: flags.replace, stored: a.storedPapers(flags.patience),
	}
	in.measure()
	m := a.newMeter("papers", in.total > 0)
	began := time.Now()
	report, err := a.client.Import(ctx, in.papers(ctx), client.Patience(flags.patience),
		client.OnItemError(func(e *client.ItemError) { faults.item(in.place(e.Item), e) }),
		client.OnProgress(func(r client.ImportReport) { m.update(func(s *state) { in.progress(s, r) }) }))
	took := time.Since(began)
	m.stop()
	if closeErr := faults.close(); err == nil {
		err = closeErr
	}
	summary := importJSON{
		Read: report.Read + in.rejected + in.copies, Written: report.Written, Unchanged: report.Unchanged,
		Failed: report.Failed + in.rejected,
		Copies: in.copies, Versions: in.versions, Renamed: in.renamed, Notes: append([]string{}, in.notes...),
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
	if s.Copies > 0 {
		line += ", " + things(s.Copies, "copy", "copies") + " of them left out"
	}
	if s.Versions > 0 {
		line += ", " + things(s.Versions, "record", "records") + " more of papers read before"
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
