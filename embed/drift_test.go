package embed

import (
	"fmt"
	"math"
	"testing"
)

func TestDriftIsNoneForTheOwnCorpusAndGrowsWithOtherWords(t *testing.T) {
	cfg := DefaultConfig()
	a := NewAnalyzer(cfg)
	f := NewFrequencies(cfg)
	count := map[uint32]int{}
	papers := 0
	add := func(learnt bool, text string) {
		var an Analysis
		a.Analyze(&an, text)
		if learnt {
			f.Add(&an.Features)
		}
		for _, id := range an.Words.IDs {
			count[id]++
		}
		papers++
	}
	for i := range 200 {
		add(true, fmt.Sprintf("sparse attention for sequences, variant number%d of many", i%20))
	}
	m, err := NewModel(cfg, f)
	if err != nil {
		t.Fatal(err)
	}
	frequency := func(id uint32) int { return count[id] }
	if got := m.Drift(papers, frequency); math.Abs(got) > 1e-6 {
		t.Errorf("drift %v from the papers that the model was made of", got)
	}
	if got := m.Drift(0, func(uint32) int { return 0 }); got != 0 {
		t.Errorf("drift %v of no papers", got)
	}
	last := 0.
	for range 3 {
		for range 50 {
			add(false, "protein folding by simulated annealing")
		}
		got := m.Drift(papers, frequency)
		if got <= last || got > 1 {
			t.Errorf("drift %v after %d papers, %v before", got, papers, last)
		}
		last = got
	}
}
