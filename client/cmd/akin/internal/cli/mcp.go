package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/akin-search/akin/client/cmd/akin/internal/mcp"
)

func (a *app) mcpCommand() *cobra.Command {
	maxTokens := mcp.DefaultMaxTokens
	cmd := &cobra.Command{
		Use:   "mcp [flags]",
		Short: "Serve the papers to a language model (Model Context Protocol)",
		Long: `Serve the papers to a language model over standard input and output, by the Model
Context Protocol. An application that speaks it starts this command by itself; its
configuration names it so:

  {"mcpServers": {"akin": {"command": "akin", "args": ["mcp"]}}}

The tools read and never write: search, similar, recommend, get, export_bibtex and
stats. What papers say is marked as data. That is no protection: a paper written to
mislead a model may still do so, so give a model that reads papers you do not trust
no tool that could do harm.`,
		Example: `  akin mcp
  akin mcp --addr akin.example.org:7700 --max-tokens 8000`,
		Args: noArguments, ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().IntVar(&maxTokens, "max-tokens", maxTokens,
		"length of one answer in tokens, 500 to 50,000; what is longer comes in parts")
	noFiles(cmd, "max-tokens")
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, _ []string) error {
		if maxTokens < mcp.LeastMaxTokens || maxTokens > mcp.MostMaxTokens {
			return usagef("--max-tokens is %d; it must be 500 to 50,000", maxTokens)
		}
		return mcp.Serve(ctx, a.client, a.env.In, a.env.Out, mcp.Options{Version: version(), MaxTokens: maxTokens})
	})
	return cmd
}
