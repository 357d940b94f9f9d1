package main

import (
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
)

// writeCorpus makes a data folder of so many real papers.
func writeCorpus(t *testing.T, n int) {
	t.Helper()
	folder := t.TempDir()
	f, err := os.Create(filepath.Join(folder, corpusFile))
	if err != nil {
		t.Fatal(err)
	}
	out := gzip.NewWriter(f)
	for i := range n {
		fmt.Fprintf(out, `{"_id":"real-%d","title":"Title %d","text":"The first sentence of paper %d is here and long. `+
			`The second sentence of paper %d follows it at once."}`+"\n", i, i, i, i)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AKIN_DATA", folder)
}

func TestEveryRealPaperIsInAndTheRestMixesThem(t *testing.T) {
	const originals = 20
	writeCorpus(t, originals)
	c, err := openCorpus(97)
	if err != nil {
		t.Fatal(err)
	}
	again, err := openCorpus(97)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, d := range c.documents {
		for _, s := range d.sentences {
			known[s] = true
		}
	}
	var bytes, wantBytes int64
	var ids []string
	found := 0
	for p, err := range c.all(&bytes) {
		if err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(p, again.paper(len(ids))) {
			t.Fatalf("paper %d differs from one run to the next", len(ids))
		}
		ids = append(ids, p.Id)
		wantBytes += int64(len(p.Title) + len(p.Abstract))
		if strings.HasPrefix(p.Id, "real-") {
			found++
		}
		for _, s := range sentences(p.Abstract) {
			if !known[s] {
				t.Errorf("%s holds %q, which is in no paper", p.Id, s)
			}
		}
	}
	if len(ids) != 97 || found != originals || bytes != wantBytes {
		t.Errorf("%d papers, %d of them real, %d bytes counted of %d", len(ids), found, bytes, wantBytes)
	}
	if slices.Sort(ids); len(slices.Compact(ids)) != 97 {
		t.Error("some ids are there twice")
	}
}

func TestASmallCorpusIsAPartOfTheRealPapers(t *testing.T) {
	writeCorpus(t, 20)
	c, err := openCorpus(7)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for p := range c.all(nil) {
		if n++; !strings.HasPrefix(p.Id, "real-") {
			t.Errorf("%s is no real paper", p.Id)
		}
	}
	if n != 7 {
		t.Errorf("%d papers, want 7", n)
	}
	if got := len(c.queries(100)); got != 7 {
		t.Errorf("%d queries of 7 papers", got)
	}
}

func TestPaceFindsTheWorstStretchAndTheLongestWait(t *testing.T) {
	at := time.Unix(1000, 0)
	p := newPace(at)
	for i, papers := range []int64{500, 1000, 1100, 1200, 2200, 3200} { // every 5 s
		p.note(at.Add(time.Duration(i+1)*5*time.Second), papers)
	}
	if p.slowest != 20 {
		t.Errorf("the slowest stretch has %v papers a second, want 20", p.slowest)
	}
	if p.longest != 5*time.Second {
		t.Errorf("the longest wait is %v", p.longest)
	}
}
