package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/cmd/akin/internal/term"
)

// explanationJSON is an explanation as --json prints it.
type explanationJSON struct {
	Score           float64    `json:"score"`
	Parts           *partsJSON `json:"parts,omitempty"`
	OneIn           int32      `json:"one_in,omitempty"`
	Cosine          float64    `json:"cosine"`
	BM25            float64    `json:"bm25"`
	Terms           []termJSON `json:"terms"`
	RemainingCosine float64    `json:"remaining_cosine"`
	Model           string     `json:"model"`
}

type termJSON struct {
	Term    string   `json:"term"`
	Cosine  float64  `json:"cosine"`
	BM25    float64  `json:"bm25"`
	Matches []string `json:"matches,omitempty"`
}

func (a *app) explainCommand() *cobra.Command {
	var text string
	var terms int
	var flags searchFlags
	cmd := &cobra.Command{
		Use:   "explain [flags] [ID] TARGET",
		Short: "Say which words make two things alike",
		Long: `Say which words of a stored paper ID, or of --text, make it alike to the stored
paper TARGET: each word's part of the cosine, its part of BM25, and the words of
the target that are nearest to it. Below stands the score that a search with the
same flags gives to TARGET, and its parts.`,
		Example: `  akin explain 1706.03762 1810.04805
  akin explain --text "models without recurrence" 1706.03762`,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if cmd.Flags().Changed("text") {
			return exactly(1, "the id of the target")(cmd, args)
		}
		return exactly(2, "the ids of two papers, or --text and one id")(cmd, args)
	}
	cmd.Flags().StringVar(&text, "text", "", "a text to compare instead of a stored paper")
	cmd.Flags().IntVarP(&terms, "terms", "n", 20, "words to show, at most 200")
	flags.addRanking(cmd)
	noFiles(cmd, "text", "terms")
	cmd.RunE = a.run(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		opts, err := flags.options(cmd)
		if err != nil {
			return err
		}
		var e *client.Explanation
		if cmd.Flags().Changed("text") {
			e, err = a.client.Explain(ctx, text, args[0], terms, opts...)
		} else {
			e, err = a.client.ExplainPapers(ctx, args[0], args[1], terms, opts...)
		}
		if err != nil {
			return err
		}
		return a.printExplanation(e)
	})
	return cmd
}

func (a *app) printExplanation(e *client.Explanation) error {
	if a.json {
		out := explanationJSON{
			Score: e.GetScore(), Parts: partsOf(e.GetParts()), OneIn: e.GetOneIn(),
			Cosine: e.GetCosine(), BM25: e.GetBm25(), RemainingCosine: e.GetRemainingCosine(), Model: e.GetModel(),
			Terms: []termJSON{},
		}
		for _, t := range e.GetTerms() {
			out.Terms = append(out.Terms, termJSON{
				Term: t.GetTerm(), Cosine: t.GetCosine(), BM25: t.GetBm25(), Matches: t.GetMatches(),
			})
		}
		return a.printJSON(out)
	}
	table := term.NewTable(term.Column{Title: "WORD", Least: 8, Style: term.Bold},
		term.Column{Title: "COSINE", Right: true, Style: term.Green},
		term.Column{Title: "BM25", Right: true}, term.Column{Title: "NEAREST IN TARGET", Least: 12, Optional: true})
	for _, t := range e.GetTerms() {
		table.Row(t.GetTerm(), fixedPoint(t.GetCosine()), fixedPoint(t.GetBm25()), strings.Join(t.GetMatches(), ", "))
	}
	if rest := fixedPoint(e.GetRemainingCosine()); rest != "0.000" {
		table.Row("(others)", rest, "", "")
	}
	table.Row("(all)", fixedPoint(e.GetCosine()), fixedPoint(e.GetBm25()), "")
	if err := table.Write(a.out, a.screen); err != nil {
		return err
	}
	p := e.GetParts()
	made := fmt.Sprintf("%s = dense %s + words %s + phrase %s + neighbours %s", fixedPoint(e.GetScore()),
		fixedPoint(p.GetDense()), fixedPoint(p.GetWords()), fixedPoint(p.GetPhrase()), fixedPoint(p.GetNeighbourhood()))
	likeness := oneIn(e.GetOneIn())
	if likeness != "" {
		likeness += " random pairs is as alike"
	}
	return a.pairs([2]string{"score", made}, [2]string{"likeness", likeness})
}
