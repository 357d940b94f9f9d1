package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// document is a paper of a collection.
type document struct{ ID, Title, Text string }

// query is a text, or a stored paper, with the grades of documents by id.
type query struct {
	ID, Text string
	PaperID  string // a stored paper, which never finds itself; empty: Text is the query
	Grades   map[string]int
}

// dataset is a collection in the form of BEIR. Without judged queries, Queries is empty.
type dataset struct {
	Name      string
	Documents []document
	Queries   []query
}

// loadDataset reads a BEIR folder (corpus.jsonl[.gz], queries.jsonl[.gz], qrels/test.tsv) or a bare corpus file.
func loadDataset(path string) (*dataset, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w; give --beir a BEIR folder or a corpus file", err)
	}
	ds := &dataset{Name: datasetName(path)}
	if !info.IsDir() {
		ds.Documents, err = readDocuments(path)
		return ds, err
	}
	corpus, err := plainOrGzip(filepath.Join(path, "corpus.jsonl"))
	if err != nil {
		return nil, err
	}
	if ds.Documents, err = readDocuments(corpus); err != nil {
		return nil, err
	}
	queries, err := plainOrGzip(filepath.Join(path, "queries.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return ds, nil
	} else if err != nil {
		return nil, err
	}
	if ds.Queries, err = readQueries(queries); err != nil {
		return nil, err
	}
	return ds, readGrades(filepath.Join(path, "qrels", "test.tsv"), ds.Queries)
}

func datasetName(path string) string {
	name := filepath.Base(filepath.Clean(path))
	return strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".jsonl")
}

func plainOrGzip(path string) (string, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, gzErr := os.Stat(path + ".gz"); gzErr == nil {
			return path + ".gz", nil
		}
	}
	return path, err
}

// eachLine calls fn with every line that is not blank, decompressed when the name ends in .gz.
func eachLine(path string, fn func(line []byte) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var r io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(bufio.NewReaderSize(file, 1<<16)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 1<<16), 64<<20)
	for number := 1; lines.Scan(); number++ {
		if line := bytes.TrimSpace(lines.Bytes()); len(line) > 0 {
			if err := fn(line); err != nil {
				return fmt.Errorf("%s, line %d: %w", path, number, err)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func readDocuments(path string) ([]document, error) {
	var documents []document
	seen := map[string]bool{}
	err := eachLine(path, func(line []byte) error {
		var in struct {
			ID    string `json:"_id"`
			Title string `json:"title"`
			Text  string `json:"text"`
		}
		if err := json.Unmarshal(line, &in); err != nil {
			return err
		}
		if in.ID == "" || seen[in.ID] {
			return fmt.Errorf("document id %q is empty or repeated", in.ID)
		}
		seen[in.ID] = true
		documents = append(documents, document(in))
		return nil
	})
	if err == nil && len(documents) == 0 {
		err = fmt.Errorf("%s: no documents", path)
	}
	return documents, err
}

func readQueries(path string) ([]query, error) {
	var queries []query
	err := eachLine(path, func(line []byte) error {
		var in struct {
			ID       string `json:"_id"`
			Text     string `json:"text"`
			Metadata struct {
				PaperID string `json:"paper_id"`
			} `json:"metadata"`
		}
		if err := json.Unmarshal(line, &in); err != nil {
			return err
		}
		queries = append(queries, query{ID: in.ID, Text: in.Text, PaperID: in.Metadata.PaperID, Grades: map[string]int{}})
		return nil
	})
	return queries, err
}

// readGrades reads lines of query id, document id and grade, under a heading.
func readGrades(path string, queries []query) error {
	byID := map[string]map[string]int{}
	for _, q := range queries {
		byID[q.ID] = q.Grades
	}
	heading := true
	return eachLine(path, func(line []byte) error {
		fields := strings.Fields(string(line))
		if len(fields) != 3 {
			return fmt.Errorf("%d fields, want query-id, corpus-id and score", len(fields))
		}
		grade, err := strconv.Atoi(fields[2])
		if heading {
			heading = false
			if err != nil {
				return nil
			}
		}
		if err != nil {
			return err
		}
		if grades := byID[fields[0]]; grades != nil {
			grades[fields[1]] = grade
		}
		return nil
	})
}

// makeKnownItem replaces the queries by the titles of n papers, drawn by seed among those with title and text, and
// takes those titles out of the papers.
func (ds *dataset) makeKnownItem(n int, seed uint64) error {
	var titled []int
	for i, d := range ds.Documents {
		if strings.TrimSpace(d.Title) != "" && strings.TrimSpace(d.Text) != "" {
			titled = append(titled, i)
		}
	}
	if n > len(titled) {
		return fmt.Errorf("--known-item %d: only %d papers have both title and text", n, len(titled))
	}
	ds.Queries = nil
	for _, i := range draw(len(titled), n, seed) {
		d := &ds.Documents[titled[i]]
		ds.Queries = append(ds.Queries, query{ID: d.ID, Text: d.Title, Grades: map[string]int{d.ID: 1}})
		d.Title = ""
	}
	return nil
}

// holdOut takes n papers, drawn by seed, out of the collection and returns them.
func (ds *dataset) holdOut(n int, seed uint64) []document {
	n = min(n, len(ds.Documents)/2)
	var held, kept []document
	chosen := draw(len(ds.Documents), n, seed)
	for i, d := range ds.Documents {
		if _, ok := slices.BinarySearch(chosen, i); ok {
			held = append(held, d)
		} else {
			kept = append(kept, d)
		}
	}
	ds.Documents = kept
	return held
}

// draw returns n of the numbers below total, in ascending order.
func draw(total, n int, seed uint64) []int {
	chosen := rand.New(rand.NewPCG(seed, 0xa71)).Perm(total)[:n]
	slices.Sort(chosen)
	return chosen
}
