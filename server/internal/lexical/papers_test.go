package lexical

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/index"
)

// realPapers indexes ml-papers and prepares two kinds of queries: titles of papers whose own title is not indexed, and
// abstracts of papers that are not indexed at all.
var realPapers = sync.OnceValues(func() (*benchCorpus, error) {
	file, err := os.Open(filepath.Join(os.Getenv("AKIN_DATA"), "ml-papers.jsonl.gz"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	c := &benchCorpus{x: New()}
	a := embed.NewAnalyzer(embed.DefaultConfig())
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 16<<20)
	for i := 0; lines.Scan(); i++ {
		var p struct{ Title, Text string }
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			return nil, err
		}
		var analysis embed.Analysis
		switch i % 400 {
		case 0:
			a.Analyze(&analysis, p.Title)
			c.titles = append(c.titles, analysis.Words)
			a.Analyze(&analysis, p.Text)
		case 200:
			a.Analyze(&analysis, p.Text)
			c.abstracts = append(c.abstracts, analysis.Words)
			continue
		default:
			a.Analyze(&analysis, p.Title, p.Text)
		}
		c.x.Append(&analysis.Words)
	}
	return c, lines.Err()
})

type benchCorpus struct {
	x                 *Index
	titles, abstracts []embed.Terms
}

func loadBenchCorpus(b *testing.B) *benchCorpus {
	if os.Getenv("AKIN_DATA") == "" {
		b.Skip("set AKIN_DATA to the folder of ml-papers.jsonl.gz")
	}
	c, err := realPapers()
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// BenchmarkTop reports, beside the time of a query, the share of the true best papers found, at depths 10 and 200, and
// the memory of the index.
func BenchmarkTop(b *testing.B) {
	c := loadBenchCorpus(b)
	for _, kind := range []struct {
		name    string
		queries []embed.Terms
	}{{"title", c.titles}, {"abstract", c.abstracts}} {
		for _, k := range []int{50, 200} {
			b.Run(kind.name+"/k="+strconv.Itoa(k), func(b *testing.B) {
				var q Query
				ctx := context.Background()
				var dst []index.Candidate
				i := 0
				for b.Loop() {
					c.x.Prepare(&q, &kind.queries[i%len(kind.queries)])
					dst, _ = c.x.Top(ctx, &q, k, nil, dst[:0])
					i++
				}
				b.StopTimer()
				var at10, atK float64
				sample := kind.queries[:100]
				for i := range sample {
					c.x.Prepare(&q, &sample[i])
					dst, _ = c.x.Top(ctx, &q, k, nil, dst[:0])
					want := bruteForce(c.x, &q, k, nil)
					at10 += overlap(dst, want[:min(10, len(want))])
					atK += overlap(dst, want)
				}
				b.ReportMetric(at10/float64(len(sample)), "recall@10")
				b.ReportMetric(atK/float64(len(sample)), "recall@k")
				b.ReportMetric(float64(c.x.Bytes())/1e6, "MB")
			})
		}
	}
}

// overlap is the share of want that is in got.
func overlap(got, want []index.Candidate) float64 {
	in := 0
	for _, w := range want {
		if slices.ContainsFunc(got, func(c index.Candidate) bool { return c.Slot == w.Slot }) {
			in++
		}
	}
	return float64(in) / float64(max(len(want), 1))
}

func BenchmarkScores(b *testing.B) {
	c := loadBenchCorpus(b)
	for _, kind := range []struct {
		name    string
		queries []embed.Terms
	}{{"title", c.titles}, {"abstract", c.abstracts}} {
		b.Run(kind.name, func(b *testing.B) {
			slots, dst := make([]uint32, 200), make([]float64, 200)
			var q Query
			i := 0
			for b.Loop() {
				c.x.Prepare(&q, &kind.queries[i%len(kind.queries)])
				for j := range slots {
					slots[j] = uint32((i*7919 + j*104729) % c.x.Len())
				}
				c.x.Scores(&q, slots, dst)
				i++
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	c := loadBenchCorpus(b)
	x := New()
	i := 0
	for b.Loop() {
		if x.Len() == 200_000 {
			x = New()
		}
		x.Append(&c.abstracts[i%len(c.abstracts)])
		i++
	}
}
