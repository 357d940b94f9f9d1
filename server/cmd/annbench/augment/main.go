// Augment makes a larger corpus of a given one, to see how an index grows: it keeps every paper and adds papers whose
// abstracts mix sentences of several different ones, under the title of one of them.
//
//	go run ./server/cmd/annbench/augment --corpus ml-papers.jsonl.gz --papers 174494 > mixed.jsonl
//	go run ./server/cmd/eval --beir mixed.jsonl --dims 256 --vectors OUT
//
// Mixed abstracts have the words and lengths of real ones and lie between them, so nearest neighbours are closer
// together than among real papers: recall at a given width is lower than real growth would make it. The order of the
// output is random, so that its first n lines are a sample of the whole. The same corpus and seed give the same
// output.
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
)

// document is one line of a BEIR corpus.
type document struct {
	ID    string `json:"_id"`
	Title string `json:"title"`
	Text  string `json:"text"`
}

func main() {
	corpus := flag.String("corpus", "", "BEIR corpus `file`, .jsonl or .jsonl.gz")
	papers := flag.Int("papers", 0, "`number` of papers to write, at least as many as the corpus holds")
	seed := flag.Uint64("seed", 1, "seed of the mixture")
	flag.Parse()
	if err := run(*corpus, *papers, *seed, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "augment:", err)
		os.Exit(1)
	}
}

func run(corpus string, papers int, seed uint64, w io.Writer) error {
	documents, err := read(corpus)
	if err != nil {
		return err
	}
	if len(documents) < mixed || papers < len(documents) {
		return fmt.Errorf("--papers %d: %s holds %d papers, and at least %d are needed", papers, corpus, len(documents),
			mixed)
	}
	rng := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a repeatable mixture
	all := documents
	for i := range papers - len(documents) {
		all = append(all, mix(rng, documents, i))
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	out := bufio.NewWriter(w)
	encoder := json.NewEncoder(out)
	for i := range all {
		if err := encoder.Encode(&all[i]); err != nil {
			return err
		}
	}
	return out.Flush()
}

// mixed is the number of papers whose sentences make one.
const mixed = 3

// mix takes half of the sentences of three papers, in random order.
func mix(rng *rand.Rand, documents []document, i int) document {
	var chosen []string
	title := ""
	for len(chosen) < 2 {
		source := &documents[rng.IntN(len(documents))]
		title = source.Title
		for _, s := range sentences(source.Text) {
			if rng.IntN(2) == 0 {
				chosen = append(chosen, s)
			}
		}
		for range mixed - 1 {
			for _, s := range sentences(documents[rng.IntN(len(documents))].Text) {
				if rng.IntN(2) == 0 {
					chosen = append(chosen, s)
				}
			}
		}
	}
	rng.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	chosen = chosen[:max(2, len(chosen)*2/mixed)]
	return document{ID: fmt.Sprintf("mixed-%d", i), Title: title, Text: strings.Join(chosen, " ")}
}

// sentences cuts behind a full stop, question or exclamation mark and a space.
func sentences(text string) []string {
	var list []string
	start := 0
	for i := 0; i+1 < len(text); i++ {
		if strings.IndexByte(".?!", text[i]) >= 0 && text[i+1] == ' ' && i-start >= 40 {
			list = append(list, text[start:i+1])
			start = i + 2
		}
	}
	if start < len(text) {
		list = append(list, text[start:])
	}
	return list
}

func read(path string) ([]document, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var in io.Reader = bufio.NewReaderSize(file, 1<<20)
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(in); err != nil {
			return nil, err
		}
	}
	var documents []document
	decoder := json.NewDecoder(in)
	for {
		var d document
		if err := decoder.Decode(&d); errors.Is(err, io.EOF) {
			return documents, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s, paper %d: %w", path, len(documents)+1, err)
		}
		documents = append(documents, d)
	}
}
