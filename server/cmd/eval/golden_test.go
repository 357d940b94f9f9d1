package main

import (
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/akin-search/akin/server/internal/quality"
)

var update = flag.Bool("update", false, "write the figures of the cases that run to testdata/quality.txt")

// goldenFile holds a line for each case and mode: the figures of the default config.
const goldenFile = "testdata/quality.txt"

// tolerance is how far a figure may be from the golden one: kernels of other processors round otherwise.
const tolerance = .004

// goldenCase is one collection and one way to measure it; figures are means over the seeds.
type goldenCase struct {
	name, data string
	train      bool
	knownItem  int
	seeds      []uint64
	slow       bool // runs only when AKIN_QUALITY is set
}

var goldenCases = []goldenCase{
	{name: "seed untrained", data: "seed-title-to-abstract", seeds: []uint64{1}},
	{name: "seed trained", data: "seed-title-to-abstract", train: true, seeds: []uint64{1, 2, 3}},
	{name: "cranfield untrained", data: "cranfield", seeds: []uint64{1}},
	{name: "cranfield trained", data: "cranfield", train: true, seeds: []uint64{1, 2, 3}, slow: true},
	{name: "scifact untrained", data: "scifact", seeds: []uint64{1}},
	{name: "scifact trained", data: "scifact", train: true, seeds: []uint64{1, 2, 3}, slow: true},
	{name: "ml-papers known-item 2000 trained", data: "ml-papers.jsonl.gz", train: true, knownItem: 2000,
		seeds: []uint64{1}, slow: true},
}

func TestQualityIsAsInTheGoldenFile(t *testing.T) {
	data := os.Getenv("AKIN_DATA")
	if data == "" {
		t.Skip("set AKIN_DATA to the data folder; AKIN_QUALITY=1 adds the cases that train for minutes; -update rewrites " +
			goldenFile)
	}
	golden := readGolden(t)
	for _, c := range goldenCases {
		t.Run(c.name, func(t *testing.T) {
			if c.slow && os.Getenv("AKIN_QUALITY") == "" {
				t.Skip("set AKIN_QUALITY=1 to train on this collection")
			}
			for mode, m := range c.figures(t, data) {
				key := c.name + "; " + mode
				if *update {
					golden[key] = m
					continue
				}
				compareFigures(t, key, m, golden)
			}
		})
	}
	if *update {
		writeGolden(t, golden)
	}
}

// figures measures a case.
func (c *goldenCase) figures(t *testing.T, data string) map[string]quality.Metrics {
	t.Helper()
	var dense, words, fused []quality.Metrics
	for _, seed := range c.seeds {
		ds, err := loadDataset(filepath.Join(data, c.data))
		if err != nil {
			t.Fatal(err)
		}
		if c.knownItem > 0 {
			if err := ds.makeKnownItem(c.knownItem, seed); err != nil {
				t.Fatal(err)
			}
		}
		r, _, err := measure(t.Context(), ds, options{Seed: seed, Train: c.train})
		if err != nil {
			t.Fatal(err)
		}
		dense, words, fused = append(dense, r.Modes.Dense), append(words, r.Modes.Lexical), append(fused, r.Modes.Fused)
	}
	return map[string]quality.Metrics{"dense": quality.Mean(dense), "lexical": quality.Mean(words),
		"fused": quality.Mean(fused)}
}

func columns(m quality.Metrics) []float64 {
	return []float64{m.NDCG10, m.Recall10, m.Recall100, m.MRR10, m.Hit1}
}

func compareFigures(t *testing.T, key string, got quality.Metrics, golden map[string]quality.Metrics) {
	t.Helper()
	want, ok := golden[key]
	if !ok {
		t.Errorf("%s: not in %s; run with -update", key, goldenFile)
		return
	}
	for i, g := range columns(got) {
		if w := columns(want)[i]; math.Abs(g-w) > tolerance {
			t.Errorf("%s: figures %.4f, golden %.4f; run with -update if that is meant", key, columns(got), columns(want))
			return
		}
	}
}

func readGolden(t *testing.T) map[string]quality.Metrics {
	t.Helper()
	golden := map[string]quality.Metrics{}
	text, err := os.ReadFile(goldenFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		key, figures, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			continue
		}
		var m quality.Metrics
		if _, err := fmt.Sscan(figures, &m.NDCG10, &m.Recall10, &m.Recall100, &m.MRR10, &m.Hit1); err != nil {
			t.Fatalf("%s: %q: %v", goldenFile, line, err)
		}
		golden[key] = m
	}
	return golden
}

func writeGolden(t *testing.T, golden map[string]quality.Metrics) {
	t.Helper()
	var text strings.Builder
	text.WriteString("Case, mode and figures ndcg@10, recall@10, recall@100, mrr@10, hit@1. Refresh with\n" +
		"AKIN_DATA=DIR AKIN_QUALITY=1 go test ./server/cmd/eval -run Golden -update -timeout 30m\n\n")
	for _, key := range slices.Sorted(maps.Keys(golden)) {
		text.WriteString(key + ":")
		for _, v := range columns(golden[key]) {
			fmt.Fprintf(&text, " %.4f", v)
		}
		text.WriteString("\n")
	}
	if err := os.WriteFile(goldenFile, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
