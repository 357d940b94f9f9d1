package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"iter"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/akin-search/akin/client"
)

// allPapers is the number of papers in ml-papers.jsonl.gz.
const allPapers = 87_247

// TestAllPapersGoInOnceThoughTheServerIsKilled imports every paper of the large collection, kills the server with
// SIGKILL in the middle, starts it again on its port, and lets the same import go on. Then another start must have the
// count, and sampled papers word for word.
func TestAllPapersGoInOnceThoughTheServerIsKilled(t *testing.T) {
	data := os.Getenv("AKIN_DATA")
	if data == "" || testing.Short() {
		t.Skip("imports 87,247 papers: set AKIN_DATA to the folder of evaluation data and leave -short away")
	}
	file := filepath.Join(data, "ml-papers.jsonl.gz")
	folder := t.TempDir()
	p := start(t, "--addr", "127.0.0.1:0", "--data", folder)
	go drainLog(p)
	c := dial(t, p)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()

	killed := make(chan *process, 1)
	killAt := int64(allPapers / 3)
	report, err := c.Import(ctx, collection(t, file), client.OnProgress(func(r client.ImportReport) {
		if killAt > 0 && r.Written >= killAt {
			killAt = 0
			go func() {
				if err := p.Process.Signal(syscall.SIGKILL); err != nil {
					t.Error(err)
				}
				_ = p.Wait() // it was killed
				again := start(t, "--addr", p.addr, "--data", folder)
				go drainLog(again)
				killed <- again
			}()
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	if killAt > 0 {
		t.Fatal("the import ended before the server could be killed")
	}
	if report.Failed != 0 || report.Reconnects == 0 {
		t.Errorf("report %+v", report)
	}
	p = <-killed
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("the server's end: %v", err)
	}

	p = start(t, "--addr", "127.0.0.1:0", "--data", folder)
	go drainLog(p)
	c = dial(t, p)
	stats, err := c.Stats(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if stats.Papers != allPapers {
		t.Errorf("%d papers after the restart, want %d", stats.Papers, allPapers)
	}
	n := 0
	for want, err := range collection(t, file) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%(allPapers/10) != 0 {
			continue
		}
		got, err := c.Get(ctx, want.Id)
		if err != nil {
			t.Fatal(err)
		}
		if got.Title != want.Title || got.Abstract != want.Abstract {
			t.Errorf("%s is %q, want %q", want.Id, got.Title, want.Title)
		}
	}
}

// drainLog reads a server's log to its end, so that the server never waits for a reader.
func drainLog(p *process) {
	for range p.rest {
	}
}

// collection reads the papers of a compressed BEIR corpus.
func collection(t *testing.T, file string) iter.Seq2[*client.Paper, error] {
	return func(yield func(*client.Paper, error) bool) {
		f, err := os.Open(file)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		unzipped, err := gzip.NewReader(bufio.NewReader(f))
		if err != nil {
			yield(nil, err)
			return
		}
		for lines := json.NewDecoder(unzipped); ; {
			var record struct {
				ID    string `json:"_id"`
				Title string `json:"title"`
				Text  string `json:"text"`
			}
			if err := lines.Decode(&record); err == io.EOF {
				return
			} else if err != nil {
				yield(nil, err)
				return
			}
			if !yield(&client.Paper{Id: record.ID, Title: record.Title, Abstract: record.Text}, nil) {
				return
			}
		}
	}
}
