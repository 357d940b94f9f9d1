package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryPaperIsKeptAndMixturesTakeSentencesOfOthers(t *testing.T) {
	const corpus = `{"_id":"a","title":"A","text":"The first sentence of the first paper is here. ` +
		`The second one of it follows at once behind the first."}` + "\n" +
		`{"_id":"b","title":"B","text":"Another paper begins with this long sentence! ` +
		`Does it go on with a question of some length?"}` + "\n" +
		`{"_id":"c","title":"C","text":"The third paper has a single sentence of words."}` + "\n"
	path := filepath.Join(t.TempDir(), "corpus.jsonl")
	if err := os.WriteFile(path, []byte(corpus), 0o600); err != nil {
		t.Fatal(err)
	}
	var first, again bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &again} {
		if err := run(path, 50, 7, out); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), again.Bytes()) {
		t.Error("the same seed gives another corpus")
	}
	written := filepath.Join(t.TempDir(), "mixed.jsonl")
	if err := os.WriteFile(written, first.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	originals, err := read(path)
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	texts := map[string]string{}
	for _, d := range originals {
		known = append(known, sentences(d.Text)...)
		texts[d.ID] = d.Text
	}
	all, err := read(written)
	if err != nil || len(all) != 50 {
		t.Fatalf("%d papers: %v", len(all), err)
	}
	kept := 0
	for _, d := range all {
		if text, ok := texts[d.ID]; ok {
			kept++
			if d.Text != text {
				t.Errorf("paper %s is changed", d.ID)
			}
			continue
		}
		parts := sentences(d.Text)
		if len(parts) < 2 {
			t.Errorf("%s has %d sentences", d.ID, len(parts))
		}
		for _, part := range parts {
			if !strings.Contains(strings.Join(known, "\n"), part) {
				t.Errorf("%s holds %q, which is in no paper", d.ID, part)
			}
		}
	}
	if kept != 3 {
		t.Errorf("%d of 3 papers are kept", kept)
	}
	if err := run(path, 2, 1, &first); err == nil {
		t.Error("fewer papers than there are is no error")
	}
}
