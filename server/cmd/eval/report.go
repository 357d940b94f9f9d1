package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/akin-search/akin/server/internal/quality"
)

// modes are the figures of the three ways to rank.
type modes struct {
	Dense   quality.Metrics `json:"dense"`
	Lexical quality.Metrics `json:"lexical"`
	Fused   quality.Metrics `json:"fused"`
}

// rivals are the comparisons with BM25.
type rivals struct {
	Dense quality.Comparisons `json:"dense"`
	Fused quality.Comparisons `json:"fused"`
}

// figures are those of each query with a relevant document, in one order for all modes.
type figures struct{ dense, words, fused []quality.Metrics }

func (f *figures) each(of func([]quality.Metrics) quality.Metrics) *modes {
	return &modes{Dense: of(f.dense), Lexical: of(f.words), Fused: of(f.fused)}
}

// fill sums the figures up in a report.
func (f *figures) fill(r *report) {
	r.Queries = len(f.dense)
	r.Modes, r.Errors = f.each(quality.Mean), f.each(quality.StandardErrors)
	r.Against = &rivals{quality.Compare(f.dense, f.words, r.Seed), quality.Compare(f.fused, f.words, r.Seed)}
}

func (r *report) print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%s: %d papers, %d queries, %d dims, seed %d\n", r.Dataset, r.Papers, r.Queries, r.Dims, r.Seed)
	if r.Modes != nil {
		fmt.Fprintln(table, "mode\tndcg@10\trecall@10\trecall@100\tmrr@10\thit@1")
		row := func(name string, m, e quality.Metrics) {
			fmt.Fprintf(table, "%s\t%.4f ±%.4f\t%.4f ±%.4f\t%.4f ±%.4f\t%.4f ±%.4f\t%.4f ±%.4f\n", name, m.NDCG10, e.NDCG10,
				m.Recall10, e.Recall10, m.Recall100, e.Recall100, m.MRR10, e.MRR10, m.Hit1, e.Hit1)
		}
		row("dense", r.Modes.Dense, r.Errors.Dense)
		row("lexical", r.Modes.Lexical, r.Errors.Lexical)
		row("fused", r.Modes.Fused, r.Errors.Fused)
		versus := func(name string, c quality.Comparisons) {
			fmt.Fprintf(table, "%s - lexical", name)
			for _, c := range []quality.Comparison{c.NDCG10, c.Recall10, c.Recall100, c.MRR10, c.Hit1} {
				fmt.Fprintf(table, "\t%+.4f p %.4f", c.Difference, c.P)
			}
			fmt.Fprintln(table)
		}
		versus("dense", r.Against.Dense)
		versus("fused", r.Against.Fused)
		fmt.Fprintf(table, "±: standard error over queries; p: paired randomisation test, two-sided, %d draws\n",
			quality.Draws)
	}
	if r.Trained {
		fmt.Fprintf(table, "training %.1f s, %d epochs; ", r.TrainSeconds, r.TrainEpochs)
	} else {
		fmt.Fprint(table, "untrained; ")
	}
	fmt.Fprintf(table, "embedding %.0f us a document; model %s\n", r.EmbedMicros, r.Model)
	return table.Flush()
}
