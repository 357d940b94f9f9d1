package engine

import (
	"context"
	"fmt"
	"io"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/rank"
)

// The sample whose pairs say how rare a likeness is: 8.4 million pairs of papers, and as many of a title and a paper.
const (
	oddsPapers = 4096
	oddsTitles = 2048
)

// oddsOf measures how rare a likeness is under a new generation's model. A model that serves already keeps its odds,
// so that they do not change while it lives.
func (e *Engine) oddsOf(ctx context.Context, g *Generation) (*rank.Odds, error) {
	if live := e.live.Load(); live != nil && live.odds != nil && live.model.Fingerprint() == g.model.Fingerprint() {
		return live.odds, nil
	}
	return e.measureOdds(ctx, g)
}

// oddsAtStart reads the odds that were kept with the model of the generation to begin with, or measures them.
func (e *Engine) oddsAtStart(ctx context.Context, g *Generation) (odds *rank.Odds, err error) {
	if e.kept.Path != "" && e.kept.Fingerprint == g.model.Fingerprint() {
		err := e.kept.Read(func(r io.Reader, _ int64) (err error) { odds, err = readOdds(r); return err })
		if err == nil {
			return odds, nil
		}
		e.log.Warn("the odds kept with the model cannot be read; they are measured again", "reason", err)
	}
	return e.measureOdds(ctx, g)
}

// measureOdds compares a sample of a generation's papers, taken evenly from the oldest to the newest.
func (e *Engine) measureOdds(ctx context.Context, g *Generation) (*rank.Odds, error) {
	slots := g.sample(oddsPapers)
	d := g.model.Dims()
	rows := make([]float32, len(slots)*d)
	for i, slot := range slots {
		if err := g.vectors.Vector(slot, rows[i*d:(i+1)*d]); err != nil {
			return nil, err
		}
	}
	titles, err := e.embedTitles(g, slots[:min(oddsTitles, len(slots))])
	if err != nil {
		return nil, err
	}
	odds, err := rank.MeasureOdds(ctx, rows, titles, d)
	if err != nil {
		return nil, fmt.Errorf("measure the odds of likeness: %w", err)
	}
	return odds, nil
}

// embedTitles embeds the titles of the papers in slots, a row each.
func (e *Engine) embedTitles(g *Generation, slots []uint32) ([]float32, error) {
	ordinals := make([]uint64, len(slots))
	for i, slot := range slots {
		ordinals[i] = g.slots.row(slot).ordinal
	}
	papers, err := e.store.Papers(ordinals, false, make([]*paper.Paper, 0, len(slots)))
	if err != nil {
		return nil, storeError(err)
	}
	d := g.model.Dims()
	rows := make([]float32, len(slots)*d)
	analyzer := embed.NewAnalyzer(g.model.Config())
	var analysis embed.Analysis
	for i, p := range papers {
		if p != nil { // removed since
			analyzer.Analyze(&analysis, p.Title)
			g.model.Embed(rows[i*d:(i+1)*d], &analysis.Features)
		}
	}
	return rows, nil
}

// sample returns up to n visible slots, evenly spread. So is every beginning of them.
func (g *Generation) sample(n int) []uint32 {
	revision := g.revision()
	var visible []uint32
	for slot := range uint32(g.slots.len()) {
		if g.slots.row(slot).visible(revision) {
			visible = append(visible, slot)
		}
	}
	n = min(n, len(visible))
	sample := make([]uint32, 0, n)
	for _, first := range []int{0, 1} { // every second of the sample, then the others
		for i := first; i < n; i += 2 {
			sample = append(sample, visible[i*len(visible)/n])
		}
	}
	return sample
}
