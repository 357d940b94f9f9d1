package source

import (
	"os"
	"path/filepath"
	"testing"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// TestRealCorporaGoInWhole reads the data folder's files, whose counts are known, without one fault.
func TestRealCorporaGoInWhole(t *testing.T) {
	data := os.Getenv("AKIN_DATA")
	if data == "" {
		t.Skip("set AKIN_DATA to the folder that holds ml-papers.jsonl.gz, scifact, cranfield and seed to run this test")
	}
	cases := []struct {
		file, format  string
		papers, blank int // blank: records with neither title nor abstract, which are faults
	}{
		{"ml-papers.jsonl.gz", "beir", 87_247, 0},
		{"scifact/corpus.jsonl", "beir", 5_183, 0},
		{"cranfield/corpus.jsonl", "beir", 1_398, 2},
		{"seed/corpus.jsonl", "beir", 198, 0},
	}
	for _, c := range cases {
		t.Run(c.file, func(t *testing.T) {
			if c.papers > 10_000 && os.Getenv("AKIN_SOAK") == "" {
				t.Skip("a large file: set AKIN_SOAK=1 to read it in this test")
			}
			r, err := Open(filepath.Join(data, filepath.FromSlash(c.file)), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if r.Format() != c.format {
				t.Errorf("detected as %s, want %s", r.Format(), c.format)
			}
			papers, faults, end := readAll(t, r)
			if end != nil || len(papers) != c.papers || len(faults) != c.blank {
				t.Errorf("%d papers, %d faults, end %v; want %d papers; first faults %v", len(papers), len(faults), end, c.papers,
					faults[:min(len(faults), 3)])
			}
			if read, total := r.Progress(); read != total {
				t.Errorf("read %d of %d bytes at the end", read, total)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// BenchmarkReadMLPapers reads 87,247 papers of BEIR form out of a gzip file.
func BenchmarkReadMLPapers(b *testing.B) {
	data := os.Getenv("AKIN_DATA")
	if data == "" {
		b.Skip("set AKIN_DATA to the folder that holds ml-papers.jsonl.gz to run this benchmark")
	}
	b.ReportAllocs()
	n := 0
	var last *akinv1.Paper
	for b.Loop() {
		r, err := Open(filepath.Join(data, "ml-papers.jsonl.gz"), Options{})
		if err != nil {
			b.Fatal(err)
		}
		for rec, err := range r.Records() {
			if err != nil {
				b.Fatal(err)
			}
			last = rec.Paper
			n++
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "papers/s")
	if last.GetId() == "" {
		b.Error("no papers")
	}
}
