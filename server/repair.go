package main

import (
	"fmt"
	"io"

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
going on without what is damaged. Nothing is changed until --yes is given. Where a backup is newer than what repair
keeps, restore that instead. No server may run on the folder.`,
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
			return repair(cmd.OutOrStdout(), data, yes)
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "folder of the papers (default "+describeDataFolder()+")")
	cmd.Flags().BoolVar(&yes, "yes", false, "give up what is damaged")
	return cmd
}

// repair surveys a folder, and mends it when that was confirmed.
func repair(out io.Writer, data string, yes bool) error {
	act := store.Survey
	if yes {
		act = store.Repair
	}
	damage, err := act(data, store.Options{})
	if err != nil {
		return fmt.Errorf("repair: %w", err)
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
