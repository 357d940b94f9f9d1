package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestTheMapOfACollectionIsMeasured(t *testing.T) {
	var lines bytes.Buffer
	subjects := []string{"graph walks", "protein folding", "speech recognition", "image segmentation"}
	for i := range 200 {
		fmt.Fprintf(&lines, `{"_id":"p%d","title":"%s %d","text":"we study %s with method%d"}`+"\n", i, subjects[i%4], i,
			subjects[i%4], i%9)
	}
	path := filepath.Join(t.TempDir(), "corpus.jsonl")
	if err := os.WriteFile(path, lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--map", "--json", "--train=false", "--beir", path}, &out, &out); err != nil {
		t.Fatal(err)
	}
	var r mapReport
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, out.Bytes())
	}
	if r.Papers != 200 || r.Map <= r.Random || r.Placed <= r.Random || r.MedianMove > .2 {
		t.Errorf("measured %+v", r)
	}
}
