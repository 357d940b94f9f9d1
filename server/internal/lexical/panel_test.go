package lexical

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/akin-search/akin/embed"
)

func TestAPanelSharesWhatEachQueryScoresOverItself(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	x := New()
	papers := make([]embed.Terms, 200)
	for i := range papers {
		for id := range uint32(60) {
			if rng.IntN(5) == 0 {
				n := uint16(1 + rng.IntN(6))
				papers[i].IDs, papers[i].Counts = append(papers[i].IDs, id*7919), append(papers[i].Counts, n)
				papers[i].Tokens += int(n)
			}
		}
		x.Append(&papers[i])
	}
	x.Remove(3)
	var p Panel
	for range 2 { // a panel that is used again holds nothing of before
		x.Reset(&p)
		for i := range 50 {
			x.Add(&p, &papers[i])
		}
		x.Add(&p, nil)
		x.Add(&p, &embed.Terms{IDs: []uint32{7919*100 + 1}, Counts: []uint16{1}, Tokens: 1}) // no paper has it
		p.Seal()
		if p.Len() != 52 {
			t.Fatalf("%d queries, want 52", p.Len())
		}
		shares := make([]float32, p.Len())
		for slot := range uint32(200) {
			x.Shares(&p, slot, shares)
			for i := range 50 {
				var q Query
				x.Prepare(&q, &papers[i])
				scores := []float64{0, 0}
				x.Scores(&q, []uint32{slot, uint32(i)}, scores)
				if want := scores[0] / scores[1]; math.Abs(float64(shares[i])-want) > 1e-5 {
					t.Fatalf("query %d, slot %d: share %v, want %v", i, slot, shares[i], want)
				}
			}
			if shares[50] != 0 || shares[51] != 0 {
				t.Fatalf("queries without a known word share %v and %v", shares[50], shares[51])
			}
		}
	}
}

func BenchmarkShares(b *testing.B) {
	c := loadBenchCorpus(b)
	var p Panel
	c.x.Reset(&p)
	for i := range 50 {
		c.x.Add(&p, &c.abstracts[i])
	}
	p.Seal()
	shares := make([]float32, p.Len())
	slot := uint32(0)
	for b.Loop() {
		c.x.Shares(&p, slot, shares)
		slot = (slot + 997) % uint32(c.x.Len())
	}
}
