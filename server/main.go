// Command server runs Akin: it keeps research papers, and finds the ones that are alike.
//
//	server                 serve on 127.0.0.1:7700, with the papers in the user's data folder
//	server demo            serve the bundled sample from a temporary folder, and show three queries
//	server cluster-keys    make the keys of a cluster
//	server health          ask the server on this machine whether it is healthy
//	server restore FILE    put the papers of a backup into a data folder
//	server token new NAME  make a token for a principal
//
// Every flag is told with its default by -h.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/akin-search/akin/server/internal/engine"
)

func main() { run(nil) }

// run is main. configure changes the engine's settings in tests that stop the process at a named point; nil: it does
// not.
func run(configure func(*engine.Config)) {
	if err := newCommand(configure).ExecuteContext(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "akin-server:", err)
		os.Exit(1)
	}
}

// newCommand is the command line. Its root serves. See run for configure.
func newCommand(configure func(*engine.Config)) *cobra.Command {
	s := settings{configure: configure}
	root := &cobra.Command{
		Use:   "akin-server",
		Short: "Find research papers that are alike",
		Long: `akin-server keeps research papers, learns what their words mean from them, and answers over gRPC which papers
are alike: to a text, to a paper, to what someone likes. It needs no model download, no GPU and no second service.

Papers are kept in one folder, which one server at a time has open. SIGTERM or SIGINT ends the server once running calls
are answered, a second one at once; what was acknowledged is on disk either way.

Each setting may be given by its flag, by its environment variable (told in brackets) or in the TOML file of --config,
under the flag's name; the first of these that gives it counts.`,
		Example: `  akin-server                                     serve on 127.0.0.1:7700
  akin-server --addr :7700 --tls-cert a.crt --tls-key a.key --token-file token
                                                  serve to the network, encrypted, for those who have the token
  akin-server token new reader --role read >> tokens.toml
                                                  make a token with a role, for --tokens-file tokens.toml
  akin-server demo                                see it work on the bundled papers`,
		Args:          cobra.NoArgs,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.fill(cmd.Flags(), os.LookupEnv); err != nil {
				return err
			}
			return serve(cmd.Context(), &s)
		},
	}
	s.register(root.Flags())
	root.AddCommand(newClusterKeys(), newDemo(), newHealth(), newRepair(), newRestore(configure), newTokens())
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}

// version is the release that the binary was built from, or the commit where there is no release.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return "devel"
}
