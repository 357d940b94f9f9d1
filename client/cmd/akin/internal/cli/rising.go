package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/akin-search/akin/client/cmd/akin/internal/term"
)

func (a *app) risingCommand() *cobra.Command {
	var period time.Duration
	var filter string
	limit := 0
	cmd := &cobra.Command{
		Use: "rising", Short: "List papers that matter more lately", Args: noArguments,
		Long: `List papers that matter more lately than before: by the likes and reads of your
profiles where there are any in the period, else by how many of their nearest papers
were published in it.`,
	}
	cmd.Flags().DurationVar(&period, "period", 7*24*time.Hour, "how long lately is")
	cmd.Flags().StringVar(&filter, "filter", "", "only papers that pass this filter")
	cmd.Flags().IntVarP(&limit, "limit", "n", 10, "papers to list")
	noFiles(cmd, "period", "filter", "limit")
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, _ []string) error {
		papers, byEvents, err := a.client.Rising(ctx, period, time.Time{}, filter, limit)
		if err != nil {
			return err
		}
		table := term.NewTable(
			term.Column{Title: "RISE", Right: true, Style: term.Green},
			term.Column{Title: "ID", Whole: true, Style: term.Cyan},
			term.Column{Title: "TITLE", Least: 16, Style: term.Bold},
			term.Column{Title: "RECENT", Right: true},
			term.Column{Title: "EXPECTED", Right: true},
		)
		for _, p := range papers {
			if a.json {
				if err := a.printMessage(p); err != nil {
					return err
				}
				continue
			}
			table.Row(fixedPoint(p.GetRise()), term.Clean(p.GetPaper().GetId()), titleOf(p.GetPaper()),
				fixedPoint(p.GetRecent()),
				fixedPoint(p.GetExpected()))
		}
		switch {
		case a.json:
			return nil
		case len(papers) == 0:
			a.note("nothing is rising")
			return nil
		case byEvents:
			a.note("by the likes and reads of your profiles")
		}
		return table.Write(a.out, a.screen)
	})
	return cmd
}
