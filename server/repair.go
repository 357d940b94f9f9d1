package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/akin-search/akin/server/internal/store"
)

func newRepair() *cobra.Command {
	var data string
	var yes bool
	cmd := &cobra.Command{
		Use:   "repair",
		Short: "Say what is damaged in a data folder, and go on without it",
		Long: `repair reads everything in a data folder and says whether it is whole, and otherwise what would be lost by
going on without what is damaged: the last commit where its root is, else the papers on pages that cannot be read.
Nothing is changed until --yes is given, and a file of damaged pages is kept beside the one that replaces it. Where a
backup is newer than what repair keeps, restore that instead. No server may run on the folder.`,
		Example: `  akin-server repair                      say what is wrong, and change nothing
  akin-server repair --yes                give up what it named`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if data == "" {
				folder, err := dataFolder()
				if err != nil {
					return err
				}
				data = folder
			}
			return repair(cmd.Context(), cmd.OutOrStdout(), data, yes)
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "folder of the papers (default "+describeDataFolder()+")")
	cmd.Flags().BoolVar(&yes, "yes", false, "give up what is damaged")
	return cmd
}

// repair surveys a folder, and mends it when that was confirmed.
func repair(ctx context.Context, out io.Writer, data string, yes bool) error {
	act := store.Survey
	if yes {
		act = store.Repair
	}
	damage, err := act(ctx, data, store.Options{})
	if err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	if damage.Pages != nil {
		tellPages(out, &damage, yes)
		return nil
	}
	if !damage.LastCommit {
		fmt.Fprintf(out, "%s is whole: papers %d, revision %d. There is nothing to repair.\n", data, damage.Papers,
			damage.Keeps.Revision)
		return nil
	}
	fmt.Fprintf(out, "%s\nWhole is the state before the last commit: papers %d, revision %d. ", damage.Reason,
		damage.Papers, damage.Keeps.Revision)
	if yes {
		fmt.Fprintf(out, "The store goes on from there; what the last commit wrote is lost.\n")
		return nil
	}
	fmt.Fprintf(out, "repair --yes would go on from there and lose what\nthe last commit wrote: "+
		"every write above revision %d. Nothing was changed.\n", damage.Keeps.Revision)
	return nil
}

// namedAtMost bounds the ids that repair prints of each kind.
const namedAtMost = 20

// tellPages says what comes back of damaged pages and what does not.
func tellPages(out io.Writer, damage *store.Damage, done bool) {
	s := damage.Pages
	fmt.Fprintf(out, "%s\n", damage.Reason)
	if s.Counted > 0 {
		fmt.Fprintf(out, "Of %d papers %d can be read, with their words.\n", s.Counted, s.Papers)
	} else {
		fmt.Fprintf(out, "%d papers can be read; how many there were cannot.\n", s.Papers)
	}
	if n := s.Missing(); n > 0 {
		fmt.Fprintf(out, "Lost: %s\n", some(n, "papers", s.Lost))
	}
	if n := len(s.Shortened); n > 0 {
		fmt.Fprintf(out, "Without their abstract: %s\n", some(n, "papers", s.Shortened))
	}
	if s.Unsure > 0 {
		fmt.Fprintf(out, "Of those that can be read, nothing says any more of %d whether they were deleted: "+
			"they come back.\n",
			s.Unsure)
	}
	if lost := int(s.Recorded) - s.Records; lost > 0 {
		fmt.Fprintf(out, "Lost beside the papers: %d of %d records, such as events of profiles.\n", lost, s.Recorded)
	}
	if done {
		fmt.Fprintf(out, "The store goes on with what could be read. The damaged file stays beside it: %s\n", damage.Aside)
		return
	}
	fmt.Fprintf(out, "repair --yes would go on with what can be read, and keep the damaged file beside it. "+
		"Nothing was changed.\n")
}

// some names the first of n ids.
func some(n int, what string, ids []string) string {
	named := ids[:min(len(ids), namedAtMost)]
	text := fmt.Sprintf("%d %s", n, what)
	if len(named) > 0 {
		text += ": " + strings.Join(named, " ")
	}
	if len(named) > 0 && n > len(named) {
		text += " and others"
	}
	return text
}
