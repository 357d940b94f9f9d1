package engine

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/akin-search/akin/server/internal/cputime"
)

// served opens the data folder of a server that has learnt from ml-papers.
func served(tb testing.TB) *Engine {
	tb.Helper()
	dir := os.Getenv("AKIN_SERVED")
	if dir == "" {
		tb.Skip("set AKIN_SERVED to a copy of the data folder of a server with ml-papers.jsonl.gz")
	}
	e, err := Open(tb.Context(), Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return e
}

// someTitles are the first titles of ml-papers.
func someTitles(tb testing.TB, n int) (titles []string) {
	tb.Helper()
	f, err := os.Open(filepath.Join(os.Getenv("AKIN_DATA"), "ml-papers.jsonl.gz"))
	if err != nil {
		tb.Skip(err)
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	lines := bufio.NewScanner(plain)
	lines.Buffer(nil, 1<<20)
	for len(titles) < n && lines.Scan() {
		var p struct{ Title string }
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			tb.Fatal(err)
		}
		titles = append(titles, p.Title)
	}
	return titles
}

// BenchmarkSearch searches for titles as `akin bench` does, without the network. Beside other work the processor time
// is steadier than the clock.
func BenchmarkSearch(b *testing.B) {
	e, titles := served(b), someTitles(b, 4000)
	search := func(i int) {
		q := Query{Text: titles[i%len(titles)], PageSize: 10, Options: Options{Brief: true}}
		if _, err := e.Search(b.Context(), &q); err != nil {
			b.Fatal(err)
		}
	}
	for i := range titles { // ids and titles are read from the disk once
		search(i)
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := cputime.Used()
	for i := range b.N {
		search(i)
	}
	b.ReportMetric(float64((cputime.Used()-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// TestSearchesFindWhatExactOnesFind compares the ten best of titles with those of an exact scan: what a walk misses of
// the candidates by cosine shows here as far as it matters.
func TestSearchesFindWhatExactOnesFind(t *testing.T) {
	e, titles := served(t), someTitles(t, 40_000)
	const n = 1000
	sum, scored := 0., 0
	for i := range n {
		q := Query{Text: titles[i*len(titles)/n], PageSize: 10, Options: Options{Brief: true}}
		got := search(t, e, q)
		q.Mode = ModeExact
		want := ids(search(t, e, q).Hits)
		found := 0
		for _, id := range ids(got.Hits) {
			if slices.Contains(want, id) {
				found++
			}
		}
		sum += float64(found) / float64(max(1, len(want)))
		scored += got.Scored
	}
	stats, err := e.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	least := .99
	if stats.Papers > 100_000 {
		least = .97
	}
	recall := sum / n
	t.Logf("%d papers, %d titles: recall@10 %.4f, %d vectors scored a search", stats.Papers, n, recall, scored/n)
	if recall < least {
		t.Errorf("recall@10 %.4f, want %.2f", recall, least)
	}
}
