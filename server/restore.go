package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/store"
)

func newRestore(configure func(*engine.Config)) *cobra.Command {
	var data string
	var replace bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put the papers of a backup into a data folder",
		Long: `restore reads a backup, which the Backup call streams, from a file or, for "-", from standard input. The backup
is verified as a whole before anything is replaced: a damaged or incomplete one leaves the folder as it was. No server
may run on the folder. The model and the index are made from the papers at the next start.`,
		Example: `  akin-server restore papers.backup
  akin-server restore --data /srv/akin --replace papers.backup`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if data == "" {
				folder, err := dataFolder()
				if err != nil {
					return err
				}
				data = folder
			}
			backup := cmd.InOrStdin()
			if args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer file.Close()
				backup = file
			}
			options := store.RestoreOptions{Replace: replace}
			if configure != nil {
				var cfg engine.Config
				configure(&cfg)
				options.Hook = cfg.Hook
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			return restore(ctx, cmd.OutOrStdout(), backup, data, options)
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "folder of the papers (default "+describeDataFolder()+")")
	cmd.Flags().BoolVar(&replace, "replace", false, "replace the papers that are in the folder already")
	return cmd
}

// restore puts a backup into a folder.
func restore(ctx context.Context, out io.Writer, backup io.Reader, data string, options store.RestoreOptions) error {
	info, err := store.Restore(ctx, backup, data, options)
	switch {
	case errors.Is(err, store.ErrExists):
		return fmt.Errorf("%s holds papers already: name another folder with --data, or give --replace to lose them", data)
	case err != nil:
		return fmt.Errorf("restore: %w", err)
	}
	fmt.Fprintf(out, "%s holds the backup now: papers %d, revision %d.\n", data, info.Papers, info.Revision)
	return nil
}
