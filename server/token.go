package main

import (
	"fmt"
	"io"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"

	"github.com/akin-search/akin/server/internal/admit"
)

// newTokens is the command that makes tokens.
func newTokens() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make tokens for those who may call the server",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newToken())
	return cmd
}

func newToken() *cobra.Command {
	entry := admit.Entry{}
	var valid time.Duration
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Make a token, and the entry that lets its bearer in",
		Long: `new prints a new token to standard error, and to standard output the entry for the file that --tokens-file
names. The entry holds a hash, from which the token cannot be found again: keep the token, or make another one. A
running server takes in the changed file within a second.

To replace a token, add an entry of the same name, roles and filter, give its token to whoever calls, and take the old
entry out afterwards.`,
		Example: `  akin-server token new reader --role read >> tokens.toml
  akin-server token new loader --role read --role write --rate 500 --valid 2160h >> tokens.toml
  akin-server token new club --role read --filter 'categories:"cs.LG"' >> tokens.toml`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			entry.Name = args[0]
			if valid != 0 {
				entry.Expires = time.Now().Add(valid).UTC().Truncate(time.Second)
			}
			return printToken(cmd.OutOrStdout(), cmd.ErrOrStderr(), &entry)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringSliceVar(&entry.Roles, "role", []string{"read"},
		"read (find, get, list, export), write (store, import, delete) or admin (purge, train, back up); repeat for more")
	f.StringVar(&entry.Filter, "filter", "", "filter that every paper must pass that the bearer sees")
	f.Float64Var(&entry.Rate, "rate", 0, "calls a second (default: any)")
	f.DurationVar(&valid, "valid", 0, "how long the token is valid, such as 2160h (default: without end)")
	return cmd
}

// printToken makes the token of an entry.
func printToken(out, secret io.Writer, entry *admit.Entry) error {
	var token string
	token, entry.Hash = admit.NewToken()
	text, err := toml.Marshal(struct {
		Principal []*admit.Entry `toml:"principal"`
	}{[]*admit.Entry{entry}})
	if err != nil {
		return err
	}
	if _, err := admit.ParseEntries(string(text), nil); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "%s\n", text); err != nil {
		return err
	}
	_, err = fmt.Fprintf(secret, "the token, which is shown only now:\n\n%s\n", token)
	return err
}
