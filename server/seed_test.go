package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/akin-search/akin/client"
)

// seedData names a file of the seed collection, or skips the test.
func seedData(t *testing.T, elem ...string) string {
	t.Helper()
	data := os.Getenv("AKIN_DATA")
	if data == "" {
		t.Skip("reads the seed collection: set AKIN_DATA to the folder of evaluation data")
	}
	return filepath.Join(append([]string{data}, elem...)...)
}

// seedRecord is a line of a BEIR file.
type seedRecord struct {
	ID    string `json:"_id"`
	Title string `json:"title"`
	Text  string `json:"text"`
}

func seedRecords(t *testing.T, file string) []seedRecord {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var records []seedRecord
	for lines := json.NewDecoder(bufio.NewReader(f)); lines.More(); {
		var r seedRecord
		if err := lines.Decode(&r); err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

// TestTitlesFindTheirAbstractsWithoutTraining puts the 198 abstracts in without their titles and searches each title.
// The model is not trained at this size unless asked.
func TestTitlesFindTheirAbstractsWithoutTraining(t *testing.T) {
	abstracts := seedRecords(t, seedData(t, "seed-title-to-abstract", "corpus.jsonl"))
	titles := seedRecords(t, seedData(t, "seed-title-to-abstract", "queries.jsonl"))
	p := start(t, "--addr", "127.0.0.1:0", "--data", t.TempDir())
	go drainLog(p)
	c, ctx := dial(t, p), context.Background()
	papers := make([]*client.Paper, len(abstracts))
	for i, a := range abstracts {
		papers[i] = &client.Paper{Id: a.ID, Abstract: a.Text}
	}
	if _, err := c.UpsertBatch(ctx, papers); err != nil {
		t.Fatal(err)
	}
	found := 0
	for i, title := range titles {
		result, err := c.Search(ctx, title.Text, client.Limit(1))
		if err != nil {
			t.Fatal(err)
		}
		// Query i is the title of paper i.
		if len(result.Hits) > 0 && result.Hits[0].Paper.Id == abstracts[i].ID {
			found++
		}
	}
	hit := float64(found) / float64(len(titles))
	t.Logf("hit@1 %.3f", hit)
	if hit < .80 {
		t.Errorf("hit@1 is %.3f, want .80 at least", hit)
	}
}

// TestAPastedPageIsImportedAndSearchedAfterARestart follows a newcomer: the command line puts a page of papers in, the
// server is started again, and each of ten titles finds its own paper first and papers of its subject behind it.
func TestAPastedPageIsImportedAndSearchedAfterARestart(t *testing.T) {
	page := seedData(t, "seed", "papers-page.txt")
	records := seedRecords(t, seedData(t, "seed", "corpus.jsonl"))
	akin := filepath.Join(t.TempDir(), "akin")
	if out, err := exec.Command("go", "build", "-o", akin, "../client/cmd/akin").CombinedOutput(); err != nil {
		t.Fatalf("build the command line: %v\n%s", err, out)
	}
	run := func(args ...string) string {
		out, err := exec.Command(akin, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("akin %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	folder := t.TempDir()
	p := start(t, "--addr", "127.0.0.1:0", "--data", folder)
	go drainLog(p)
	run("import", "--addr", p.addr, page)
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	p = start(t, "--addr", "127.0.0.1:0", "--data", folder)
	go drainLog(p)
	var stats struct{ Papers int }
	if err := json.Unmarshal([]byte(run("stats", "--addr", p.addr, "--json")), &stats); err != nil ||
		stats.Papers != len(records) {
		t.Fatalf("%d papers after the restart, want %d (%v)", stats.Papers, len(records), err)
	}
	for i := 0; i < len(records); i += len(records) / 10 {
		title := records[i].Title
		var result struct {
			Hits []struct {
				Paper struct{ ID, Title string }
			}
		}
		if err := json.Unmarshal([]byte(run("search", "--addr", p.addr, "--json", title)), &result); err != nil {
			t.Fatal(err)
		}
		if len(result.Hits) < 5 || result.Hits[0].Paper.Title != title {
			t.Errorf("%q does not find itself first: %+v", title, result.Hits)
		}
		if i == 0 {
			// The first paper of the page is about transformers, and so are its neighbours.
			subject := 0
			for _, hit := range result.Hits[1:] {
				if strings.Contains(strings.ToLower(hit.Paper.Title), "transformer") {
					subject++
				}
			}
			if subject < 2 {
				t.Errorf("the neighbours of %q are %+v", title, result.Hits[1:])
			}
		}
	}
}
