// Command eval measures retrieval quality on a collection in the form of BEIR.
//
// It trains a model on the collection as the server does, embeds every document, ranks the judged queries three ways,
// by cosine (dense), by BM25 (lexical) and by both as the server ranks (fused), and prints the means of nDCG@10,
// recall@10, recall@100, MRR@10 and hit@1, defined as trec_eval defines them. Cosines are exact float32: what an index
// loses is annbench's to say.
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
)

// report is what eval prints.
type report struct {
	Dataset      string  `json:"dataset"`
	Papers       int     `json:"papers"`
	Queries      int     `json:"queries"` // with a relevant document
	Modes        *modes  `json:"modes,omitempty"`
	Errors       *modes  `json:"standard_errors,omitempty"` // of the means in Modes
	Against      *rivals `json:"against_lexical,omitempty"` // paired randomisation test against BM25
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

// choices are what the command line says.
type choices struct {
	options
	paths     []string
	knownItem int
	vectors   string // empty: none
	runs      string // folder for TREC run files; empty: none
	taste     bool
	drawMap   bool
	shards    int // 0: none
	json      bool
}

func parse(args []string, stderr io.Writer) (*choices, error) {
	c := &choices{}
	flags := flag.NewFlagSet("eval", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Func("beir", "BEIR folder (corpus.jsonl, queries.jsonl, qrels/test.tsv) or bare corpus file, .gz or not; "+
		"repeat for more", func(path string) error {
		c.paths = append(c.paths, path)
		return nil
	})
	flags.IntVar(&c.Dims, "dims", 0, "dimensions of a vector; 0: the server's default")
	flags.Uint64Var(&c.Seed, "seed", 1, "seed of the training and of what is drawn")
	flags.BoolVar(&c.Train, "train", true, "train the model on the collection; false: the untrained model")
	flags.IntVar(&c.knownItem, "known-item", 0, "take the titles of this many papers as queries, and out of the papers")
	flags.StringVar(&c.vectors, "vectors", "", "write the vectors to this name with .base.fbin and .query.fbin added; "+
		"one --beir alone")
	flags.StringVar(&c.runs, "runs", "", "write the rankings to this folder as TREC run files, DATASET.MODE.run")
	flags.BoolVar(&c.taste, "taste", false,
		"measure recommendations to synthetic users instead of searches; without queries: "+
			"the share of the best papers that candidates miss")
	flags.BoolVar(&c.drawMap, "map", false, "measure the map that is drawn of the collection instead of searches")
	flags.IntVar(&c.shards, "shards", 0, "compare a front before this many shards with one engine")
	flags.BoolVar(&c.json, "json", false, "print one JSON object a collection, each on a line")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if len(c.paths) == 0 || flags.NArg() > 0 || c.knownItem < 0 || c.shards < 0 || c.vectors != "" && len(c.paths) > 1 {
		return nil, errors.New("usage: eval --beir DIR|FILE [--beir ...] [--known-item N] [--vectors OUT] [--runs DIR] " +
			"[--dims N] [--seed N] [--train=false] [--taste] [--map] [--shards N] [--json]; --vectors takes one --beir")
	}
	return c, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, err := parse(args, stderr)
	if err != nil {
		return err
	}
	for _, path := range c.paths {
		r, err := c.measure(ctx, path)
		if err != nil {
			return err
		}
		if c.json {
			err = json.NewEncoder(stdout).Encode(r)
		} else {
			err = r.print(stdout)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// printer is what is measured of one collection: searches or recommendations.
type printer interface{ print(io.Writer) error }

// measure measures one collection as chosen.
func (o *choices) measure(ctx context.Context, path string) (printer, error) {
	ds, err := loadDataset(path)
	if err != nil {
		return nil, err
	}
	switch {
	case o.taste && len(ds.Queries) == 0:
		return measureMissed(ctx, ds, o.options)
	case o.taste:
		return measureTaste(ctx, ds, o.options)
	case o.drawMap:
		return measureMap(ctx, ds, o.options)
	}
	if o.knownItem > 0 {
		if err := ds.makeKnownItem(o.knownItem, o.Seed); err != nil {
			return nil, err
		}
	}
	if o.shards > 0 {
		return measureShards(ctx, ds, o.shards, o.options)
	}
	var held []document
	if o.vectors != "" && len(ds.Queries) == 0 {
		held = ds.holdOut(heldOut, o.Seed)
	}
	r, c, err := measure(ctx, ds, o.options)
	if err != nil {
		return nil, err
	}
	if o.vectors != "" {
		if err := c.writeVectors(o.vectors, held); err != nil {
			return nil, err
		}
	}
	if o.runs != "" {
		if err := c.writeRuns(ctx, o.runs); err != nil {
			return nil, err
		}
	}
	return r, nil
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
		figures, err := c.evaluate(ctx)
		if err != nil {
			return nil, nil, err
		}
		figures.fill(r)
	}
	return r, c, nil
}
