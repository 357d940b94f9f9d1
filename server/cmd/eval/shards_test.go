package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestShardsAreComparedWithOneEngine(t *testing.T) {
	var lines bytes.Buffer
	subjects := []string{"graph walks", "protein folding", "speech recognition", "image segmentation"}
	for i := range 120 {
		fmt.Fprintf(&lines, `{"_id":"p%d","title":"%s %d","text":"we study %s with method%d and word%d"}`+"\n", i,
			subjects[i%4], i, subjects[i%4], i%9, i)
	}
	path := filepath.Join(t.TempDir(), "corpus.jsonl")
	if err := os.WriteFile(path, lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	args := []string{"--shards", "3", "--known-item", "20", "--json", "--beir", path}
	if err := run(t.Context(), args, &out, &out); err != nil {
		t.Fatal(err)
	}
	var r shardReport
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, out.Bytes())
	}
	if r.Papers != 120 || r.Queries != 20 || r.Shards != 3 || r.Global < .95 || r.NDCG <= 0 || r.NDCGGlobal <= 0 {
		t.Errorf("measured %+v", r)
	}
}
