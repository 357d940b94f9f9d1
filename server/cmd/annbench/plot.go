package main

import (
	_ "embed"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"text/template"

	"github.com/akin-search/akin/server/internal/index/engines"
)

//go:embed plot.svg.tmpl
var plotText string

var plotTemplate = template.Must(template.New("plot").Parse(plotText))

// The frame within the picture of plot.svg.tmpl, in its units.
const (
	plotLeft, plotRight     = 84, 660
	plotTop, plotBottom     = 60, 460
	legendStep              = 24
	leastMiss, greatestMiss = .0005, .5 // shares of the true neighbours missed, at the right and left edge at most
)

// plot is what plot.svg.tmpl draws: recall against throughput, both on logarithmic axes. That of recall goes by what is
// missed, so that .99 and .999 are as far apart as .9 and .99. Throughput is that of processor time: peers are measured
// one after the other, and what else runs on the machine changes meanwhile.
type plot struct {
	Title, Subtitle, Description, XLabel, YLabel string
	X, Y                                         []tick
	Lines                                        []plotLine

	lowMiss, highMiss, lowQPS, highQPS float64
}

type tick struct {
	At    string
	Label string
}

// plotLine is an engine.
type plotLine struct {
	Name, Class, Light, Dark, Dashes string
	Own                              bool
	Legend                           int // its height in the legend
	Points                           []plotPoint
}

type plotPoint struct{ X, Y, Tip string }

// colours tell engines apart for the colour-blind, too (Okabe and Ito); in the dark they are lighter.
var colours = []struct{ light, dark string }{
	{"#0072b2", "#56b4e9"}, {"#d55e00", "#ff8c42"}, {"#007a5a", "#2fd6a5"}, {"#b0568c", "#e29ac6"}, {"#8a6d00", "#f0d452"},
	{"#57606a", "#b1bac4"}, {"#6f42c1", "#b392f0"}, {"#1f2328", "#f0f6fc"},
}

// writePlot draws a report to a file.
func writePlot(path string, r *report) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	p, err := newPlot(r)
	if err == nil {
		err = plotTemplate.Execute(file, p)
	}
	if e := file.Close(); err == nil {
		err = e
	}
	return err
}

func newPlot(r *report) (*plot, error) {
	p := &plot{
		Title: fmt.Sprintf("Recall@%d against queries a second", r.K),
		Subtitle: fmt.Sprintf("%s vectors of %d dimensions, %s queries, %s", grouped(r.N), r.Dims, grouped(r.Queries),
			counted(r.Threads, "thread")),
		XLabel:  fmt.Sprintf("recall@%d", r.K),
		YLabel:  "queries a second of processor time",
		lowMiss: math.Inf(1), lowQPS: math.Inf(1),
	}
	for _, e := range r.Engines {
		for _, row := range e.Widths {
			p.lowMiss, p.highMiss = min(p.lowMiss, miss(row)), max(p.highMiss, miss(row))
			if qps := row.CPUQPS; qps > 0 {
				p.lowQPS, p.highQPS = min(p.lowQPS, qps), max(p.highQPS, qps)
			}
		}
	}
	if p.highQPS == 0 {
		return nil, fmt.Errorf("nothing to draw: no engine was measured")
	}
	p.lowMiss, p.highMiss = p.lowMiss/1.2, max(p.highMiss, p.lowMiss)*1.2
	p.lowQPS, p.highQPS = p.lowQPS/1.3, p.highQPS*1.3
	p.ticks()
	own := engines.Names()
	for i, e := range r.Engines {
		colour := colours[i%len(colours)]
		line := plotLine{
			Name: e.Engine, Class: fmt.Sprintf("c%d", i), Light: colour.light, Dark: colour.dark,
			Own: slices.Contains(own, e.Engine), Legend: plotTop + 12 + i*legendStep,
		}
		if !line.Own {
			line.Dashes = []string{"7 4", "2 3", "9 3 2 3"}[i%3]
		}
		for _, row := range e.Widths {
			if row.CPUQPS <= 0 {
				continue // less than a tick of the clock
			}
			line.Points = append(line.Points, plotPoint{
				X: p.x(miss(row)), Y: p.y(row.CPUQPS),
				Tip: fmt.Sprintf("%s, width %d: recall %.4f, %.0f a second", e.Engine, row.Ef, row.Recall, row.CPUQPS),
			})
		}
		p.Description += fmt.Sprintf("%s: %s. ", e.Engine, described(e.Widths))
		p.Lines = append(p.Lines, line)
	}
	return p, nil
}

// miss is the share of the true neighbours that a row did not find, within what is drawn.
func miss(r row) float64 { return min(max(1-r.Recall, leastMiss), greatestMiss) }

// described is a line of the plot in words.
func described(rows []row) string {
	if len(rows) == 0 {
		return "not measured"
	}
	first, last := rows[0], rows[len(rows)-1]
	return fmt.Sprintf("%.0f a second at recall %.3f to %.0f at %.3f", first.CPUQPS, first.Recall, last.CPUQPS,
		last.Recall)
}

func (p *plot) ticks() {
	for _, m := range []float64{.5, .3, .2, .1, .05, .03, .02, .01, .005, .003, .002, .001, .0005} {
		if m >= p.lowMiss && m <= p.highMiss {
			p.X = append(p.X, tick{p.x(m), strconv.FormatFloat(1-m, 'f', -1, 64)})
		}
	}
	for decade := 1.; decade < p.highQPS; decade *= 10 {
		for _, digit := range []float64{1, 2, 5} {
			if q := digit * decade; q >= p.lowQPS && q <= p.highQPS {
				p.Y = append(p.Y, tick{p.y(q), grouped(int(q))})
			}
		}
	}
}

func (p *plot) x(miss float64) string {
	share := math.Log(p.highMiss/miss) / math.Log(p.highMiss/p.lowMiss)
	return fmt.Sprintf("%.1f", plotLeft+share*(plotRight-plotLeft))
}

func (p *plot) y(qps float64) string {
	share := math.Log(qps/p.lowQPS) / math.Log(p.highQPS/p.lowQPS)
	return fmt.Sprintf("%.1f", plotBottom-share*(plotBottom-plotTop))
}

// grouped is a number with commas between thousands.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

func counted(n int, what string) string {
	if n == 1 {
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
