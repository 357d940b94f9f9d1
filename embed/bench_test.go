package embed

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type corpusPaper struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

type paperList []corpusPaper

func (p paperList) Len() int                                { return len(p) }
func (p paperList) Document(i int) (title, abstract string) { return p[i].Title, p[i].Text }

func readPapers(tb testing.TB, path string) paperList {
	f, err := os.Open(filepath.Join(dataDir(tb), path))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var papers paperList
	for lines := bufio.NewReader(f); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return papers
		}
		var p corpusPaper
		if err := json.Unmarshal(line, &p); err != nil {
			tb.Fatal(err)
		}
		papers = append(papers, p)
	}
}

// BenchmarkDocument is the cost of one real title and abstract, a SciFact paper each: analysis, vector, and both.
func BenchmarkDocument(b *testing.B) {
	papers := readPapers(b, "scifact/corpus.jsonl")
	cfg := DefaultConfig()
	a, f := NewAnalyzer(cfg), NewFrequencies(cfg)
	analyses := make([]Analysis, len(papers))
	for i, p := range papers {
		a.Analyze(&analyses[i], p.Title, p.Text)
		f.Add(&analyses[i].Features)
	}
	m, err := NewModel(cfg, f)
	if err != nil {
		b.Fatal(err)
	}
	dst := make([]float32, m.Dims())
	var scratch Analysis
	report := func(b *testing.B) {
		b.ReportAllocs()
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1e3/float64(b.N), "us/doc")
	}
	b.Run("analyse", func(b *testing.B) {
		for i := range b.N {
			p := &papers[i%len(papers)]
			a.Analyze(&scratch, p.Title, p.Text)
		}
		report(b)
	})
	b.Run("embed", func(b *testing.B) {
		for i := range b.N {
			m.Embed(dst, &analyses[i%len(analyses)].Features)
		}
		report(b)
	})
	b.Run("both", func(b *testing.B) {
		for i := range b.N {
			p := &papers[i%len(papers)]
			a.Analyze(&scratch, p.Title, p.Text)
			m.Embed(dst, &scratch.Features)
		}
		report(b)
	})
}

// BenchmarkTrainedEmbed is the cost of a vector from the rows that a training has made.
func BenchmarkTrainedEmbed(b *testing.B) {
	papers := readPapers(b, "scifact/corpus.jsonl")
	m, err := Train(b.Context(), papers, DefaultConfig(), TrainConfig{Epochs: 1})
	if err != nil {
		b.Fatal(err)
	}
	a := NewAnalyzer(m.Config())
	dst := make([]float32, m.Dims())
	var scratch Analysis
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p := &papers[i%len(papers)]
		a.Analyze(&scratch, p.Title, p.Text)
		m.Embed(dst, &scratch.Features)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1e3/float64(b.N), "us/doc")
}

// BenchmarkOddTexts is the cost of a byte of texts that are made to be costly, beside that of plain English.
func BenchmarkOddTexts(b *testing.B) {
	a := NewAnalyzer(DefaultConfig())
	var scratch Analysis
	for name, unit := range map[string]string{
		"english":     "some plain words of different length ",
		"french":      "théorie générale des réseaux à mémoire ",
		"marks":       "\u0301",
		"mixed marks": "\u0316\u0301\u0327",
		"cyrillic":    "и\u0306",
		"nukta":       "\u0958",
		"phrases":     "\ufdfa",
		"jamo":        "\u1100\u1161",
		"han":         "学习",
		"joints":      "a-1$_",
		"chains":      "a1-",
	} {
		text := strings.Repeat(unit, 1<<16/len(unit))
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				a.Analyze(&scratch, text)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(text)), "ns/byte")
		})
	}
}
