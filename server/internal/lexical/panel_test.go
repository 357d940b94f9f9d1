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
	var read Saturations
	for range 2 { // a panel that is used again holds nothing of before
		x.Reset(&p)
		for i := range 50 {
			x.Add(&p, &papers[i])
		}
		x.Add(&p, nil)
		x.Add(&p, &embed.Terms{IDs: []uint32{7919*100 + 1}, Counts: []uint16{1}, Tokens: 1}) // no paper has it
		if p.Len() != 52 {
			t.Fatalf("%d queries, want 52", p.Len())
		}
		for slot := range uint32(200) {
			x.Read(&p, slot, &read)
			for i := range 50 {
				var q Query
				x.Prepare(&q, &papers[i])
				scores := []float64{0, 0}
				x.Scores(&q, []uint32{slot, uint32(i)}, scores)
				share := float64(p.Share(&read, i))
				if want := scores[0] / scores[1]; math.Abs(share-want) > 1e-5 {
					t.Fatalf("query %d, slot %d: share %v, want %v", i, slot, share, want)
				}
			}
			if p.Share(&read, 50) != 0 || p.Share(&read, 51) != 0 {
				t.Fatalf("queries without a known word share %v and %v", p.Share(&read, 50), p.Share(&read, 51))
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
	var read Saturations
	slot := uint32(0)
	for b.Loop() {
		c.x.Read(&p, slot, &read)
		for query := range p.Len() {
			p.Share(&read, query)
		}
		slot = (slot + 997) % uint32(c.x.Len())
	}
}
