// Command akin talks to an Akin service: it imports papers, finds the nearest ones, recommends, explains, and measures.
//
//	akin import papers.jsonl.gz
//	akin search "sequence models without recurrence"
//	akin help
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/akin-search/akin/client/cmd/akin/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A closed pipe is to come back as an error of the write, which ends the command quietly, and not as a signal.
	signal.Ignore(syscall.SIGPIPE)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once
	os.Exit(cli.Run(ctx, cli.System(), os.Args[1:]))
}
