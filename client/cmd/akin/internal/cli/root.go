package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/cmd/akin/internal/term"
)

const rootHelp = `akin talks to an Akin service, which keeps research papers and finds the nearest ones.

Start a server, put papers in, and look around:

  akin import papers.jsonl.gz
  akin search "sequence models without recurrence"
  akin similar 1706.03762
  akin recommend --like 1706.03762 --dislike 1512.03385

Settings come from flags, then the environment, then the config file; the first
that gives a value counts. The file is akin/config.toml in your configuration
folder (on Linux ~/.config), for example

  addr = "akin.example.org:7700"
  token = "..."

On a terminal, output is a table fitted to its width. Elsewhere it is one row a
line with tabs between whole cells and no header. --json prints JSON.

Exit codes: 0 done; 1 error; 2 the command line, a setting or a field of the
request is wrong; 3 some items failed and the others were done; 4 the server
cannot be reached or does not answer in time; 5 no such paper; 130 interrupted.`

// app is one run of the program.
type app struct {
	env      *Env
	out      *bufio.Writer
	settings settings
	screen   term.Screen // of out
	client   *client.Client
	json     bool
	waits    waits
}

// Run runs one command line and returns the exit code.
func Run(ctx context.Context, env *Env, args []string) int {
	a := &app{env: env, out: bufio.NewWriter(env.Out)}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(env.In)
	root.SetOut(a.out)
	root.SetErr(env.Err)
	cmd, err := root.ExecuteContextC(ctx)
	if a.client != nil {
		_ = a.client.Close() // nothing runs any more
	}
	if flushErr := a.out.Flush(); err == nil {
		err = flushErr
	}
	a.complain(ctx, cmd, err)
	return exitCode(ctx, err)
}

// complain says on standard error what went wrong.
func (a *app) complain(ctx context.Context, cmd *cobra.Command, err error) {
	if err == nil || closedPipe(err) {
		return
	}
	errScreen := term.Screen{Colour: a.colour(a.env.ErrWidth)}
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(a.env.Err, "akin: interrupted")
		return
	default:
		fmt.Fprintln(a.env.Err, errScreen.Paint(term.Red, "akin:"), cleanError(err))
	}
	var usage usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(a.env.Err, "Run '%s --help' for usage.\n", cmd.CommandPath())
	} else if tip := advice(err, a.settings.addr); tip != "" {
		fmt.Fprintln(a.env.Err, tip)
	}
}

// init keeps the order in which root adds the commands, which teaches.
func init() { cobra.EnableCommandSorting = false }

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use: "akin", Short: "Find research papers by what they say", Long: rootHelp,
		SilenceErrors: true, SilenceUsage: true, Version: version(),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
					return usagef("there is no command %q; did you mean %s?", args[0], strings.Join(near, " or "))
				}
				return usagef("there is no command %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.SetVersionTemplate("akin {{.Version}}\n")
	addSettings(root)
	root.AddGroup(&cobra.Group{ID: "papers", Title: "Papers:"}, &cobra.Group{ID: "find", Title: "Finding:"},
		&cobra.Group{ID: "index", Title: "The index:"})
	for _, group := range []struct {
		id       string
		commands []*cobra.Command
	}{
		{"papers", []*cobra.Command{a.importCommand(), a.getCommand(), a.listCommand(), a.deleteCommand(), a.purgeCommand(),
			a.exportCommand()}},
		{"find", []*cobra.Command{a.searchCommand(), a.similarCommand(), a.recommendCommand(), a.profileCommand(),
			a.alertCommand(), a.risingCommand(),
			a.explainCommand(), a.duplicatesCommand(), a.mcpCommand()}},
		{"index", []*cobra.Command{a.statsCommand(), a.trainCommand(), a.recallCommand(),
			a.backupCommand(), a.benchCommand()}},
	} {
		for _, c := range group.commands {
			c.GroupID = group.id
			c.DisableFlagsInUseLine = true
			root.AddCommand(c)
		}
	}
	noFiles(root, "addr", "token", "timeout")
	fixed(root, "tls", "auto", "on", "off")
	fixed(root, "color", "auto", "always", "never")
	return root
}

// noFiles and fixed say what completion offers for the values of flags.
func noFiles(cmd *cobra.Command, flags ...string) {
	for _, f := range flags {
		must(cmd.RegisterFlagCompletionFunc(f, cobra.NoFileCompletions))
	}
}

func fixed(cmd *cobra.Command, flag string, values ...string) {
	must(cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)))
}

// must is for what only a mistake in this package makes fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// run wraps the work of a command that talks to the server.
func (a *app) run(
	work func(ctx context.Context, cmd *cobra.Command, args []string) error,
) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		var err error
		if a.settings, err = resolve(cmd, a.env); err != nil {
			return err
		}
		if a.json, err = cmd.Flags().GetBool("json"); err != nil {
			return err
		}
		a.screen = term.Screen{Width: a.env.OutWidth, Colour: a.colour(a.env.OutWidth)}
		if a.client, err = a.settings.dial(client.OnWait(a.waiting)); err != nil {
			if errors.Is(err, client.ErrInvalid) {
				return usageError{err}
			}
			return err
		}
		return work(cmd.Context(), cmd, args)
	}
}

func (a *app) colour(width int) bool {
	switch a.settings.color {
	case "always":
		return true
	case "never":
		return false
	default:
		return width > 0 && a.env.Getenv("NO_COLOR") == "" && a.env.Getenv("TERM") != "dumb"
	}
}

// note writes a line for people to standard error.
func (a *app) note(format string, args ...any) { fmt.Fprintf(a.env.Err, format+"\n", args...) }

// args checks the number of arguments, with an error that says what is missing.
func atLeast(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < n {
			return usagef("%s is missing", what)
		}
		return nil
	}
}

func exactly(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < n {
			return usagef("%s is missing", what)
		}
		if len(args) > n {
			return usagef("%q is too much: give %s", args[n], what)
		}
		return nil
	}
}

func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%q is too much: the command takes no arguments", args[0])
	}
	return nil
}

// version is that of the module, as the Go command recorded it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
