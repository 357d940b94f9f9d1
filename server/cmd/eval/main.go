// Command eval measures retrieval quality on a collection in the form of BEIR.
//
// It trains a model on the collection as the server does, embeds every document, ranks the judged queries three ways, by
// cosine (dense), by BM25 (lexical) and by both as the server ranks (fused), and prints the means of nDCG@10, recall@10,
// recall@100, MRR@10 and hit@1, defined as trec_eval defines them. Cosines are exact float32: what an index loses is
// annbench's to say.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"text/tabwriter"

	"github.com/akin-search/akin/server/internal/quality"
)

// report is what eval prints.
type report struct {
	Dataset      string  `json:"dataset"`
	Papers       int     `json:"papers"`
	Queries      int     `json:"queries"` // with a relevant document
	Modes        *modes  `json:"modes,omitempty"`
	Dims         int     `json:"dims"`
	Seed         uint64  `json:"seed"`
	Trained      bool    `json:"trained"`
	TrainSeconds float64 `json:"train_seconds"`
	TrainEpochs  int     `json:"train_epochs"`
	EmbedMicros  float64 `json:"embed_us"` // a document on one core, analysis included
	Model        string  `json:"model"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "eval:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("eval", flag.ContinueOnError)
	flags.SetOutput(stderr)
	path := flags.String("beir", "", "BEIR folder (corpus.jsonl, queries.jsonl, qrels/test.tsv) or bare corpus file, .gz or not")
	dims := flags.Int("dims", 0, "dimensions of a vector; 0: the server's default")
	seed := flags.Uint64("seed", 1, "seed of the training and of what is drawn")
	train := flags.Bool("train", true, "train the model on the collection; false: the untrained model")
	knownItem := flags.Int("known-item", 0, "take the titles of this many papers as queries, and out of the papers")
	out := flags.String("vectors", "", "write the vectors to this name with .base.fbin and .query.fbin added")
	asTaste := flags.Bool("taste", false, "measure recommendations to synthetic users instead of searches")
	asJSON := flags.Bool("json", false, "print one JSON object")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *path == "" || flags.NArg() > 0 || *knownItem < 0 {
		return errors.New("usage: eval --beir DIR|FILE [--known-item N] [--vectors OUT] [--dims N] [--seed N] [--train=false] [--json]")
	}
	ds, err := loadDataset(*path)
	if err != nil {
		return err
	}
	if *asTaste {
		r, err := measureTaste(ctx, ds, options{Dims: *dims, Seed: *seed, Train: *train})
		if err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(stdout).Encode(r)
		}
		return r.print(stdout)
	}
	if *knownItem > 0 {
		if err := ds.makeKnownItem(*knownItem, *seed); err != nil {
			return err
		}
	}
	var held []document
	if *out != "" && len(ds.Queries) == 0 {
		held = ds.holdOut(heldOut, *seed)
	}
	r, c, err := measure(ctx, ds, options{Dims: *dims, Seed: *seed, Train: *train})
	if err != nil {
		return err
	}
	if *out != "" {
		if err := c.writeVectors(*out, held); err != nil {
			return err
		}
	}
	if *asJSON {
		return json.NewEncoder(stdout).Encode(r)
	}
	return r.print(stdout)
}

// measure builds a dataset and evaluates its queries, if it has any.
func measure(ctx context.Context, ds *dataset, o options) (*report, *collection, error) {
	c, err := build(ctx, ds, o)
	if err != nil {
		return nil, nil, err
	}
	r := &report{
		Dataset: ds.Name, Papers: len(ds.Documents), Dims: c.model.Dims(), Seed: o.Seed, Trained: c.model.Trained(),
		TrainSeconds: c.trainSeconds, TrainEpochs: c.trainEpochs, EmbedMicros: c.embedMicros, Model: c.model.Fingerprint(),
	}
	if len(ds.Queries) > 0 {
		m, n, err := c.evaluate(ctx)
		if err != nil {
			return nil, nil, err
		}
		r.Modes, r.Queries = &m, n
	}
	return r, c, nil
}

func (r *report) print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%s: %d papers, %d queries, %d dims, seed %d\n", r.Dataset, r.Papers, r.Queries, r.Dims, r.Seed)
	if r.Modes != nil {
		fmt.Fprintln(table, "mode\tndcg@10\trecall@10\trecall@100\tmrr@10\thit@1")
		for _, m := range []struct {
			name string
			quality.Metrics
		}{{"dense", r.Modes.Dense}, {"lexical", r.Modes.Lexical}, {"fused", r.Modes.Fused}} {
			fmt.Fprintf(table, "%s\t%.4f\t%.4f\t%.4f\t%.4f\t%.4f\n", m.name, m.NDCG10, m.Recall10, m.Recall100, m.MRR10, m.Hit1)
		}
	}
	if r.Trained {
		fmt.Fprintf(table, "training %.1f s, %d epochs; ", r.TrainSeconds, r.TrainEpochs)
	} else {
		fmt.Fprint(table, "untrained; ")
	}
	fmt.Fprintf(table, "embedding %.0f us a document; model %s\n", r.EmbedMicros, r.Model)
	return table.Flush()
}
