// Load puts a real server under load and prints how it bears it.
//
//	go run ./server/cmd/load scale --papers 1000000
//	go run ./server/cmd/load overload --addr 127.0.0.1:7700 --queries corpus.jsonl.gz
//	go run ./server/cmd/load turns --servers 127.0.0.1:7700,127.0.0.1:7701 --queries corpus.jsonl.gz
//	go run ./server/cmd/load beside --addr 127.0.0.1:7700 --queries corpus.jsonl.gz
//	go run ./server/cmd/load profiles
//	go run ./server/cmd/load alerts
//	go run ./server/cmd/load cramped --memory 512
//	go run ./server/cmd/load cluster
//
// Each subcommand is told with its flags by -h.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1) //nolint:gocritic // stop only unregisters the signals
	}
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "load",
		Short:         "Put a server under load and see how it bears it",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newScale(), newOverload(), newTurns(), newBeside(), newProfiles(), newAlerts(), newCramped(),
		newCluster())
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}
