package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

// writeFolder makes a BEIR folder of files by name.
func writeFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		data := []byte(text)
		if strings.HasSuffix(name, ".gz") {
			var buf bytes.Buffer
			w := gzip.NewWriter(&buf)
			if _, err := w.Write(data); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			data = buf.Bytes()
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	fiveDocuments = `{"_id":"a","title":"Graph networks","text":"Learning on graphs with message passing."}
{"_id":"b","title":"Graph transformers","text":"Attention on graphs and message passing networks."}

{"_id":"c","title":"Speech synthesis","text":"Waveforms generated from text."}
{"_id":"d","title":"","text":"Protein folding with deep models of structure."}
{"_id":"e","title":"Robot grasping","text":"Hands that hold objects."}
`
	threeQueries = `{"_id":"q1","text":"protein folding structure"}
{"_id":"q2","text":"ignored","metadata":{"paper_id":"a"}}
{"_id":"q3","text":"nothing is judged here"}
`
	twoJudgements = "query-id\tcorpus-id\tscore\nq1\td\t1\nq2\tb\t2\nq2\ta\t1\nq3\tc\t0\n"
)

// evalJSON runs the command and returns its JSON.
func evalJSON(t *testing.T, args ...string) report {
	t.Helper()
	var out, errOut bytes.Buffer
	if err := run(t.Context(), append(args, "--json"), &out, &errOut); err != nil {
		t.Fatalf("%v\n%s", err, &errOut)
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, &out)
	}
	return r
}

func TestAFolderIsMeasured(t *testing.T) {
	for _, corpus := range []string{"corpus.jsonl", "corpus.jsonl.gz"} {
		dir := writeFolder(t, map[string]string{
			corpus: fiveDocuments, "queries.jsonl": threeQueries, "qrels/test.tsv": twoJudgements,
		})
		r := evalJSON(t, "--beir", dir, "--train=false")
		if r.Papers != 5 || r.Queries != 2 || r.Trained || r.Dataset != filepath.Base(dir) {
			t.Fatalf("%s: %+v", corpus, r)
		}
		// q1 finds d, its only relevant paper, first. q2 is paper a, which never finds itself, so b is its first hit, and
		// recall cannot exceed a half.
		for _, m := range []struct{ mrr, recall float64 }{
			{r.Modes.Dense.MRR10, r.Modes.Dense.Recall10}, {r.Modes.Lexical.MRR10, r.Modes.Lexical.Recall10},
			{r.Modes.Fused.MRR10, r.Modes.Fused.Recall10},
		} {
			if m.mrr != 1 || m.recall != .75 {
				t.Errorf("%s: mrr %g and recall %g, want 1 and .75", corpus, m.mrr, m.recall)
			}
		}
	}
}

func TestTheJSONHasTheKeysOfMeasures(t *testing.T) {
	dir := writeFolder(t, map[string]string{"corpus.jsonl": fiveDocuments, "queries.jsonl": threeQueries,
		"qrels/test.tsv": twoJudgements})
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--beir", dir, "--train=false", "--json"}, &out, &out); err != nil {
		t.Fatal(err)
	}
	var got map[string]json.RawMessage
	var modes map[string]map[string]float64
	if err := errors.Join(json.Unmarshal(out.Bytes(), &got), json.Unmarshal(got["modes"], &modes)); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"dataset", "papers", "queries", "modes"} {
		if got[key] == nil {
			t.Errorf("no %q in %s", key, &out)
		}
	}
	for _, mode := range []string{"dense", "lexical", "fused"} {
		for _, figure := range []string{"ndcg@10", "recall@10", "recall@100", "mrr@10", "hit@1"} {
			if _, ok := modes[mode][figure]; !ok {
				t.Errorf("no %q of %q in %s", figure, mode, &out)
			}
		}
	}
}

func TestKnownItemsLoseTheirTitles(t *testing.T) {
	dir := writeFolder(t, map[string]string{"papers.jsonl": fiveDocuments})
	ds, err := loadDataset(filepath.Join(dir, "papers.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if ds.Name != "papers" || len(ds.Documents) != 5 {
		t.Fatalf("%+v", ds)
	}
	if err := ds.makeKnownItem(5, 1); err == nil {
		t.Error("five known items of four papers with titles")
	}
	if err := ds.makeKnownItem(2, 1); err != nil {
		t.Fatal(err)
	}
	for _, q := range ds.Queries {
		i := slices.IndexFunc(ds.Documents, func(d document) bool { return d.ID == q.ID })
		if q.Text == "" || ds.Documents[i].Title != "" || q.Grades[q.ID] != 1 {
			t.Errorf("query %+v, paper %+v", q, ds.Documents[i])
		}
	}
	r := evalJSON(t, "--beir", filepath.Join(dir, "papers.jsonl"), "--known-item", "4", "--train=false")
	if r.Queries != 4 {
		t.Errorf("%d queries, want 4", r.Queries)
	}
}

func TestVectorsAreWrittenAsFbin(t *testing.T) {
	dir := writeFolder(t, map[string]string{"papers.jsonl": fiveDocuments})
	out := filepath.Join(t.TempDir(), "v")
	r := evalJSON(t, "--beir", filepath.Join(dir, "papers.jsonl"), "--vectors", out, "--train=false", "--dims", "16")
	if r.Papers != 3 || r.Dims != 16 || r.Modes != nil {
		t.Errorf("%+v, want 3 papers after 2 were held out, of 16 dims, and no modes", r)
	}
	for name, rows := range map[string]uint32{".base.fbin": 3, ".query.fbin": 2} {
		data, err := os.ReadFile(out + name)
		if err != nil {
			t.Fatal(err)
		}
		if n, d := binary.LittleEndian.Uint32(data), binary.LittleEndian.Uint32(data[4:]); n != rows || d != 16 ||
			len(data) != 8+int(n*d*4) {
			t.Errorf("%s: %d rows of %d in %d bytes", name, n, d, len(data))
		}
		norm := 0.
		for i := range 16 {
			v := float64(math.Float32frombits(binary.LittleEndian.Uint32(data[8+4*i:])))
			norm += v * v
		}
		if math.Abs(norm-1) > 1e-5 {
			t.Errorf("%s: the first row has norm %g", name, norm)
		}
	}
}

func TestBadInputIsNamed(t *testing.T) {
	good := map[string]string{"corpus.jsonl": fiveDocuments, "queries.jsonl": threeQueries,
		"qrels/test.tsv": twoJudgements}
	for name, text := range map[string]string{
		"corpus.jsonl":   `{"_id":"a"}` + "\n" + `{"_id":"a"}`,
		"queries.jsonl":  `{"_id":`,
		"qrels/test.tsv": "q1\ta\n",
	} {
		files := map[string]string{}
		for n, good := range good {
			files[n] = good
		}
		files[name] = text
		_, err := loadDataset(writeFolder(t, files))
		if err == nil || !strings.Contains(err.Error(), filepath.Base(name)) {
			t.Errorf("bad %s: %v", name, err)
		}
	}
	if _, err := loadDataset(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such folder: %v", err)
	}
	if err := run(t.Context(), nil, &bytes.Buffer{}, &bytes.Buffer{}); err == nil {
		t.Error("ran without --beir")
	}
}

func TestBestIsInOrderWithTiesBySlot(t *testing.T) {
	scores := []float32{.5, .9, .5, .1, .9, .5}
	want := []index.Candidate{{Slot: 4, Score: .9}, {Slot: 0, Score: .5}, {Slot: 2, Score: .5}}
	if got := best(scores, 3, func(slot uint32) bool { return slot != 1 }); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := best(scores, 10, func(uint32) bool { return true }); len(got) != 6 || got[5].Slot != 3 {
		t.Errorf("all: %v", got)
	}
}

func TestTheReportIsReadable(t *testing.T) {
	dir := writeFolder(t, map[string]string{"corpus.jsonl": fiveDocuments, "queries.jsonl": threeQueries,
		"qrels/test.tsv": twoJudgements})
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--beir", dir, "--train=false"}, &out, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{fmt.Sprintf("%s: 5 papers, 2 queries", filepath.Base(dir)), "fused",
		"untrained; embedding"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

// TestSeveralCollectionsGiveALineEach, with standard errors and comparisons beside the figures.
func TestSeveralCollectionsGiveALineEach(t *testing.T) {
	files := map[string]string{"corpus.jsonl": fiveDocuments, "queries.jsonl": threeQueries,
		"qrels/test.tsv": twoJudgements}
	first, second, runs := writeFolder(t, files), writeFolder(t, files), filepath.Join(t.TempDir(), "runs")
	var out bytes.Buffer
	args := []string{"--beir", first, "--beir", second, "--train=false", "--json", "--runs", runs}
	if err := run(t.Context(), args, &out, &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines, want 2: %s", len(lines), &out)
	}
	for i, dir := range []string{first, second} {
		var r report
		if err := json.Unmarshal([]byte(lines[i]), &r); err != nil {
			t.Fatal(err)
		}
		// Recall is 1 for one query and 1/2 for the other.
		if r.Dataset != filepath.Base(dir) || r.Errors.Fused.Recall10 != .25 || r.Against.Fused.NDCG10.P != 1 {
			t.Errorf("%s: %+v", dir, r)
		}
		text, err := os.ReadFile(filepath.Join(runs, r.Dataset+".fused.run"))
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(string(text), "\n")
		if fields := strings.Fields(head); len(fields) != 6 || strings.Join(fields[:4], " ") != "q1 Q0 d 1" ||
			fields[5] != "akin-fused" {
			t.Errorf("run file begins with %q", head)
		}
	}
	if err := run(t.Context(), []string{"--beir", first, "--beir", second, "--vectors", runs}, &out, &out); err == nil {
		t.Error("--vectors of two collections was taken")
	}
}
