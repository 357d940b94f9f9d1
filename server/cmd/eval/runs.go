package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/akin-search/akin/server/internal/index"
)

// modeNames are the three ways to rank, in the order of collection.rank.
var modeNames = [3]string{"dense", "lexical", "fused"}

// writeRuns writes the rankings of every query to a folder, a file for each way to rank, in the form of trec_eval:
//
//	QUERY Q0 DOCUMENT RANK SCORE TAG
//
// trec_eval orders by score and not by rank, so hits of equal score may change places there.
func (c *collection) writeRuns(ctx context.Context, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var files [3]*os.File
	var writers [3]*bufio.Writer
	for m, name := range modeNames {
		file, err := os.Create(filepath.Join(folder, c.Name+"."+name+".run"))
		if err != nil {
			return err
		}
		defer file.Close()
		files[m], writers[m] = file, bufio.NewWriter(file)
	}
	err := c.rankAll(ctx, func(q *query, lists [3][]index.Candidate) error {
		for m, list := range lists {
			for i, hit := range list[:min(depth, len(list))] {
				_, err := fmt.Fprintf(writers[m], "%s Q0 %s %d %g akin-%s\n", q.ID, c.Documents[hit.Slot].ID, i+1, hit.Score,
					modeNames[m])
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	for m := range files {
		err = errors.Join(err, writers[m].Flush(), files[m].Close())
	}
	return err
}
