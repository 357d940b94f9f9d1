package cli

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/cmd/akin/internal/term"
	"github.com/akin-search/akin/client/export"
)

func (a *app) exportCommand() *cobra.Command {
	var filter, format string
	var force, profiles bool
	cmd := &cobra.Command{
		Use: "export [flags] [FILE]", Short: "Write stored papers to a file",
		Long: `Write all stored papers, or those a filter accepts, to FILE or standard output: as
JSON lines, or in a format that reference managers open. The format is that of
--format or of FILE's ending: .jsonl, .bib, .ris, .csv, .json (CSL-JSON), each
perhaps with .gz, which compresses. FILE appears only when it is complete. The
import command reads all of them back; JSON lines hold everything.`,
		Example: `  akin export papers.jsonl.gz
  akin export --filter 'categories:"cs.CL"' papers.bib
  akin export --format csl-json | pandoc --citeproc paper.md -o paper.pdf`,
		Args: atMostOneFile,
	}
	cmd.Flags().StringVar(&filter, "filter", "", "only papers that this AIP-160 filter accepts")
	cmd.Flags().StringVar(&format, "format", "",
		strings.Join(export.Formats(), ", ")+" (default by FILE's ending, else jsonl)")
	cmd.Flags().BoolVar(&force, "force", false, "replace FILE if it exists")
	cmd.Flags().BoolVar(&profiles, "profiles", false, "write the events of all profiles instead, for akin profile import")
	noFiles(cmd, "filter")
	fixed(cmd, "format", export.Formats()...)
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, args []string) error {
		if profiles && (format != "" || filter != "") {
			return usageError{errFormatOfProfiles}
		}
		if format == "" && len(args) == 1 && !profiles {
			format = export.ForFile(args[0])
		}
		if format == "" {
			format = "jsonl"
		}
		if err := checkFormat(format); err != nil {
			return err
		}
		what, write := "paper", func(w io.Writer, m *meter) (int64, error) { return a.export(ctx, w, format, filter, m) }
		if profiles {
			what, write = "event", func(w io.Writer, _ *meter) (int64, error) { return a.exportEvents(ctx, w) }
		}
		if len(args) == 0 {
			_, err := write(a.out, nil)
			return err
		}
		m := a.newMeter(what+"s", false)
		defer m.stop()
		var n int64
		err := toFile(args[0], force, func(w io.Writer) (err error) {
			if strings.HasSuffix(args[0], ".gz") {
				z := gzip.NewWriter(w)
				defer func() { err = errors.Join(err, z.Close()) }()
				w = z
			}
			n, err = write(w, m)
			return err
		})
		if err == nil {
			a.note("%s in %s", things(n, what, what+"s"), args[0])
		}
		return err
	})
	return cmd
}

// checkFormat refuses a --format that there is none of.
func checkFormat(format string) error {
	if !slices.Contains(export.Formats(), format) {
		return usagef("--format is %q; it must be one of %s", format, strings.Join(export.Formats(), ", "))
	}
	return nil
}

func atMostOneFile(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usagef("%q is too much: give one file, or none for standard output", args[1])
	}
	return nil
}

func (a *app) export(ctx context.Context, w io.Writer, format, filter string, m *meter) (n int64, err error) {
	to, err := export.New(format, w)
	if err != nil {
		return 0, err
	}
	for p, err := range a.client.Export(ctx, client.Filter(filter)) {
		if err != nil {
			return n, err
		}
		if err := to.Write(p); err != nil {
			return n, err
		}
		if n++; m != nil && n%500 == 0 {
			m.update(func(s *state) { s.items = n })
		}
	}
	return n, to.Close()
}

func (a *app) backupCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use: "backup [flags] FILE", Short: "Write a consistent copy of everything stored",
		Long: `Write a consistent copy of everything stored, while the server goes on. FILE
appears only when it is complete; the server's restore command takes it. - is
standard output.`,
		Example: `  akin backup akin-2026-01-31.backup
  akin backup - | ssh elsewhere 'cat > akin.backup'`,
		Args: exactly(1, "one file"),
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace FILE if it exists")
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, args []string) error {
		if args[0] == "-" {
			if a.env.OutWidth > 0 {
				return usagef("a backup is binary: name a file, or redirect standard output")
			}
			_, err := a.client.Backup(ctx, a.out, nil)
			return err
		}
		m := a.newMeter("KiB", false)
		defer m.stop()
		var n int64
		err := toFile(args[0], force, func(w io.Writer) (err error) {
			n, err = a.client.Backup(ctx, w, func(written, _ int64) { m.update(func(s *state) { s.items = written >> 10 }) })
			return err
		})
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(map[string]any{"file": args[0], "bytes": n})
		}
		a.note("%s in %s", size(n), term.Clean(args[0]))
		return nil
	})
	return cmd
}

// toFile writes a file that appears under its name only when it is complete and on disk.
func toFile(path string, replace bool, write func(io.Writer) error) (err error) {
	if _, err := os.Lstat(path); err == nil && !replace {
		return usagef("%s exists; --force replaces it", path)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".part-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreClosed(part.Close()), os.Remove(part.Name()))
		}
	}()
	w := bufio.NewWriterSize(part, 64<<10)
	if err := write(w); err != nil {
		return err
	}
	if err := errors.Join(w.Flush(), part.Sync(), part.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.Rename(part.Name(), path)
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

func (a *app) trainCommand() *cobra.Command {
	var cfg client.TrainConfig
	cmd := &cobra.Command{
		Use: "train [flags]", Short: "Learn a new model from the stored papers", Args: noArguments,
		Long: `Learn a new model from the stored papers and put it in place, while queries and
writes go on. The server also trains by itself when it has grown; this is for now.
Interrupting the command cancels the training.`,
		Example: `  akin train
  akin train --epochs 10 --seed 2`,
	}
	cmd.Flags().IntVar(&cfg.Epochs, "epochs", 0,
		"passes over the papers for each table of the model, 1 to 100 (default by their number, 6 to 30)")
	cmd.Flags().Uint64Var(&cfg.Seed, "seed", 1, "seed of every random choice")
	noFiles(cmd, "epochs", "seed")
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, _ []string) error {
		m := a.newMeter("", true)
		cfg.Progress = func(p *client.TrainProgress) {
			m.update(func(s *state) { s.fraction, s.note = p.GetProgress(), trainNote(p) })
		}
		model, err := a.client.Train(ctx, cfg)
		m.stop()
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(modelOf(model))
		}
		return a.pairs([2]string{"model", modelText(model)})
	})
	return cmd
}

func trainNote(p *client.TrainProgress) string {
	note := fmt.Sprintf("%.0f%% %s", 100*p.GetProgress(), p.GetStage())
	if p.GetStage() == "training" {
		note += fmt.Sprintf(", epoch %d, loss %.3f", p.GetEpoch(), p.GetLoss())
	}
	if left := p.GetEta().AsDuration(); left > 0 {
		note += ", " + clock(left) + " left"
	}
	return note
}
