package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func drawn() *report {
	return &report{N: 87247, Dims: 256, Queries: 1000, K: 10, Threads: 1, Engines: []*engineReport{
		{Engine: "hnsw", Widths: []row{
			{Ef: 16, Recall: .9, QPS: 1, CPUQPS: 40000}, {Ef: 64, Recall: .99, QPS: 1, CPUQPS: 20000},
			{Ef: 256, Recall: .999, QPS: 1, CPUQPS: 10000}, {Ef: 512, Recall: 1, QPS: 1, CPUQPS: 5000},
		}},
		{Engine: "a<b&c", Widths: []row{{Ef: 16, Recall: .95, CPUQPS: 1000}, {Ef: 32, Recall: .98}}},
	}}
}

func at(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestBothAxesOfThePlotAreLogarithmic(t *testing.T) {
	p, err := newPlot(drawn())
	if err != nil {
		t.Fatal(err)
	}
	points := p.Lines[0].Points
	x, y := make([]float64, len(points)), make([]float64, len(points))
	for i, point := range points {
		x[i], y[i] = at(t, point.X), at(t, point.Y)
		if x[i] < plotLeft || x[i] > plotRight || y[i] < plotTop || y[i] > plotBottom {
			t.Errorf("point %d lies at %s, %s, outside of the frame", i, point.X, point.Y)
		}
	}
	if math.Abs((x[1]-x[0])-(x[2]-x[1])) > .2 || x[1] <= x[0] {
		t.Errorf("recall .9, .99, .999 at %v: not at equal steps to the right", x[:3])
	}
	for i := 2; i < len(y); i++ {
		if math.Abs((y[i]-y[i-1])-(y[1]-y[0])) > .2 || y[i] <= y[i-1] {
			t.Errorf("halves of 40,000 at %v: not at equal steps down", y)
		}
	}
	if !p.Lines[0].Own || p.Lines[0].Dashes != "" || p.Lines[1].Own || p.Lines[1].Dashes == "" {
		t.Errorf("engines are not told from peers: %+v", p.Lines)
	}
	if len(p.Lines[1].Points) != 1 {
		t.Errorf("a row without a rate is drawn: %+v", p.Lines[1].Points)
	}
	for i, tick := range p.X {
		if where := at(t, tick.At); where < plotLeft || where > plotRight || i > 0 && where-at(t, p.X[i-1].At) < 20 {
			t.Errorf("recall %s is marked at %s, outside or upon the one before it", tick.Label, tick.At)
		}
	}
	if len(p.X) < 5 || len(p.Y) < 4 {
		t.Errorf("marks %v and %v", p.X, p.Y)
	}
}

func TestThePlotIsXMLWithALineAnEngineAndColoursForTheDark(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plot.svg")
	if err := writePlot(path, drawn()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	elements := map[string]int{}
	words := ""
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		switch token := token.(type) {
		case xml.StartElement:
			elements[token.Name.Local]++
		case xml.CharData:
			words += string(token) + "\n"
		}
	}
	if elements["polyline"] != 2 || elements["circle"] != 5 {
		t.Errorf("elements %v, want 2 lines and 5 points", elements)
	}
	for _, want := range []string{
		"\na<b&c\n", "\nhnsw\n", "\n87,247 vectors of 256 dimensions, 1,000 queries, one thread\n", "\n0.99\n", "\n10,000\n",
		"\nrecall@10\n", "hnsw: 40000 a second at recall 0.900 to 5000 at 1.000.", "prefers-color-scheme: dark",
	} {
		if !strings.Contains(words, want) {
			t.Errorf("the picture lacks %q:\n%s", want, words)
		}
	}
}

func TestThePlotOfARunIsWritten(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	base, query := writeFbin(t, "base", rng, 300, 12), writeFbin(t, "query", rng, 50, 12)
	path := filepath.Join(t.TempDir(), "plot.svg")
	args := []string{
		"--base", base, "--query", query, "--engines", "flat,hnsw", "--ef", "16,32", "--rounds", "1", "--plot", path,
	}
	if err := run(args, io.Discard); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || strings.Count(string(text), "<polyline") != 2 {
		t.Errorf("%v:\n%s", err, text)
	}
	if err := writePlot(path, &report{}); err == nil {
		t.Error("a plot of nothing")
	}
	if err := writePlot(filepath.Join(path, "x"), drawn()); err == nil {
		t.Error("a plot within a file")
	}
}
