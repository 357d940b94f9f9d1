// Package sample carries the papers that ship inside the server: 198 papers of machine learning, most of them about
// the feed-forward layers of Transformers and the ways to read, sparsify, compress and edit them. A newcomer can
// search them before importing anything, and the demo and its tests run on them.
//
// papers.jsonl holds one paper a line with the fields id, title, categories and abstract. The titles are the papers'
// own. The abstracts are written for Akin: two to four sentences each on what the paper does and finds. Ids are short
// readable slugs, unique in the file, and stay as they are from release to release, since documentation names them.
package sample

import (
	"bufio"
	"bytes"
	_ "embed" // for papers.jsonl
	"encoding/json"
	"fmt"

	"github.com/akin-search/akin/server/internal/paper"
)

//go:embed papers.jsonl
var papers []byte

// record is one line of papers.jsonl.
type record struct {
	ID         string   `json:"id"`
	Title      string   `json:"title"`
	Categories []string `json:"categories"`
	Abstract   string   `json:"abstract"`
}

// Papers returns the sample in the order of its file. Every call parses anew, so the caller owns what it gets. An error
// means that the file compiled in is damaged, and names the line.
func Papers() ([]*paper.Paper, error) {
	var out []*paper.Paper
	lines := bufio.NewScanner(bytes.NewReader(papers))
	for n := 1; lines.Scan(); n++ {
		var r record
		dec := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&r); err != nil {
			return nil, fmt.Errorf("sample: papers.jsonl line %d: %w", n, err)
		}
		out = append(out, &paper.Paper{ID: r.ID, Title: r.Title, Categories: r.Categories, Abstract: r.Abstract})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("sample: papers.jsonl: %w", err)
	}
	return out, nil
}
