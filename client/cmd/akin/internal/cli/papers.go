package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/cmd/akin/internal/term"
)

func (a *app) getCommand() *cobra.Command {
	return &cobra.Command{
		Use: "get [flags] ID...", Short: "Show stored papers", Args: atLeast(1, "the id of a paper"),
		Long: `Show stored papers. An id may be spelt in any way, here and wherever a paper is
named to be read: arXiv:1706.03762v5, https://arxiv.org/pdf/1706.03762, a DOI with
or without its resolver, PMID:31452104. One that is stored as it stands goes first.`,
		Example: `  akin get 1706.03762
  akin get --json 1706.03762 1810.04805 | jq .title`,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: a.run(func(ctx context.Context, _ *cobra.Command, ids []string) error {
			if len(ids) == 1 {
				p, err := a.client.Get(ctx, ids[0])
				if err != nil {
					return err
				}
				return a.printPaper(p)
			}
			papers, missing, err := a.client.GetMany(ctx, ids, client.Abstracts())
			if err != nil {
				return err
			}
			for i, p := range papers {
				if i > 0 && !a.json {
					fmt.Fprintln(a.out)
				}
				if err := a.printPaper(p); err != nil {
					return err
				}
			}
			return a.missing(missing, len(ids))
		}),
	}
}

// missing reports ids that are not stored.
func (a *app) missing(ids []string, asked int) error {
	switch {
	case len(ids) == 0:
		return nil
	case len(ids) == asked:
		return fmt.Errorf("%w: %s", client.ErrNotFound, strings.Join(ids, ", "))
	}
	for _, id := range ids {
		a.note("no paper has the id %q", id)
	}
	return partialError{fmt.Sprintf("%d of %d papers not found", len(ids), asked)}
}

func (a *app) printPaper(p *client.Paper) error {
	if a.json {
		return a.printPaperJSON(p)
	}
	rows := [][2]string{
		{"id", p.GetId()}, {"title", p.GetTitle()}, {"authors", strings.Join(p.GetAuthors(), ", ")},
		{"categories", strings.Join(p.GetCategories(), ", ")},
	}
	if t := p.GetPublishTime(); t.IsValid() {
		rows = append(rows, [2]string{"published", t.AsTime().Format("2006-01-02")})
	}
	rows = append(rows, [2]string{"doi", p.GetDoi()}, [2]string{"url", p.GetUrl()})
	for _, name := range sortedKeys(p.GetAttributes()) {
		rows = append(rows, [2]string{name, attributeText(p.GetAttributes()[name])})
	}
	if t := p.GetUpdateTime(); t.IsValid() {
		rows = append(rows, [2]string{"stored", t.AsTime().Format("2006-01-02 15:04:05 MST")})
	}
	rows = append(rows, [2]string{"revision", count(int64(p.GetRevision()))}, [2]string{"abstract", p.GetAbstract()})
	return a.pairs(rows...)
}

// listPiece is how many rows of a list share the widths of their columns.
const listPiece = 100

func (a *app) listCommand() *cobra.Command {
	var filter string
	var limit int
	var abstracts bool
	cmd := &cobra.Command{
		Use: "list [flags]", Short: "List stored papers", Args: noArguments,
		Long: "List stored papers in ascending byte order of their ids.",
		Example: `  akin list | head
  akin list --limit 20 --filter 'publish_time >= "2023-01-01T00:00:00Z"'
  akin list --json --abstracts | jq -r .id`,
	}
	cmd.Flags().StringVar(&filter, "filter", "", "only papers that this AIP-160 filter accepts")
	cmd.Flags().IntVarP(&limit, "limit", "k", 0, "papers to show (default all)")
	cmd.Flags().BoolVar(&abstracts, "abstracts", false, "with --json: abstracts too")
	noFiles(cmd, "filter", "limit")
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, _ []string) error {
		if limit < 0 {
			return usagef("--limit is %d; it must not be negative", limit)
		}
		opts := []client.ListOption{client.Filter(filter)}
		if limit > 0 && limit < 500 {
			opts = append(opts, client.PageSize(limit))
		}
		if abstracts {
			opts = append(opts, client.Abstracts())
		}
		table := term.NewTable(term.Column{Title: "ID", Whole: true, Style: term.Cyan},
			term.Column{Title: "TITLE", Least: 16, Style: term.Bold},
			term.Column{Title: "YEAR", Optional: true}, term.Column{Title: "CATEGORIES", Least: 10, Optional: true})
		n := 0
		for p, err := range a.client.List(ctx, opts...) {
			if err != nil {
				_ = table.Write(a.out, a.screen) // what came before; the first error is the one to tell
				return err
			}
			if a.json {
				if err := a.printPaperJSON(p); err != nil {
					return err
				}
			} else if table.Row(p.GetId(), titleOf(p), yearOf(p),
				strings.Join(p.GetCategories(), " ")); table.Len() == listPiece {
				if err := table.Write(a.out, a.screen); err != nil {
					return err
				}
			}
			if n++; n == limit {
				break
			}
		}
		if n == 0 && !a.json {
			a.note("no papers")
			return nil
		}
		return table.Write(a.out, a.screen)
	})
	return cmd
}

func (a *app) deleteCommand() *cobra.Command {
	return &cobra.Command{
		Use: "delete [flags] ID...", Short: "Delete papers by id", Args: atLeast(1, "the id of a paper"),
		Example:           `  akin delete 1706.03762`,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: a.run(func(ctx context.Context, _ *cobra.Command, ids []string) error {
			var missing []string
			deleted := []string{}
			for _, id := range ids {
				_, err := a.client.Delete(ctx, id)
				if isNotFound(err) {
					missing = append(missing, id)
					continue
				}
				if err != nil {
					return fmt.Errorf("%w (%d of %d deleted before)", err, len(deleted), len(ids))
				}
				deleted = append(deleted, id)
			}
			if a.json {
				if err := a.printJSON(map[string]any{"deleted": deleted}); err != nil {
					return err
				}
			} else if len(deleted) > 0 {
				a.note("%s deleted", things(int64(len(deleted)), "paper", "papers"))
			}
			return a.missing(missing, len(ids))
		}),
	}
}

func (a *app) purgeCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use: "purge [flags] FILTER", Short: "Delete every paper a filter accepts", Args: exactly(1, "one filter"),
		Long: `Delete every paper that an AIP-160 filter accepts; '*' stands for all. Without
--force nothing is deleted: the command says how many it would be, and names some.`,
		Example: `  akin purge 'attributes.year < 1990'
  akin purge --force 'categories:"test"'`,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVar(&force, "force", false, "delete")
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, args []string) error {
		n, sample, err := a.client.Purge(ctx, args[0], force)
		if err != nil {
			return err
		}
		if a.json {
			if sample == nil {
				sample = []string{}
			}
			return a.printJSON(map[string]any{"count": n, "deleted": force, "sample": sample})
		}
		if force {
			a.note("%s deleted", things(n, "paper", "papers"))
			return nil
		}
		for _, id := range sample {
			if _, err := fmt.Fprintln(a.out, term.Clean(id)); err != nil {
				return err
			}
		}
		a.note("%s would be deleted; run again with --force to delete", things(n, "paper", "papers"))
		return nil
	})
	return cmd
}
