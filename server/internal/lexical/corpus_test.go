package lexical

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/embed"
)

// terms makes Terms of features, each as often as it occurs.
func terms(words ...uint32) *embed.Terms {
	counts := map[uint32]uint16{}
	for _, w := range words {
		counts[w]++
	}
	t := &embed.Terms{Tokens: len(words)}
	for w := range counts {
		t.IDs = append(t.IDs, w)
	}
	slices.Sort(t.IDs)
	for _, w := range t.IDs {
		t.Counts = append(t.Counts, counts[w])
	}
	for i := 1; i < len(words); i++ {
		t.Bigrams = append(t.Bigrams, bigramOf(words[i-1], words[i]))
	}
	return t
}

func bigramOf(a, b uint32) uint16 { return uint16(a*31 + b) }

// distinct returns bigrams as an index holds them.
func distinct(bigrams []uint16) []uint16 {
	out := slices.Clone(bigrams)
	slices.Sort(out)
	return slices.Compact(out)
}

// randomTerms draws up to length words whose frequencies fall as in natural language.
func randomTerms(rng *rand.Rand, length, vocabulary int) *embed.Terms {
	words := make([]uint32, rng.IntN(length+1))
	for i := range words {
		rank := uint64(math.Exp(rng.Float64() * math.Log(float64(vocabulary))))
		words[i] = uint32(rank * 2654435761 % features)
	}
	return terms(words...)
}

// model is the corpus as plain maps: what BM25 says straight from its definition.
type model struct {
	papers []*embed.Terms
	gone   map[uint32]bool
}

func (m *model) score(query *embed.Terms, slot uint32) float64 {
	papers, tokens := 0., 0.
	for i, p := range m.papers {
		if !m.gone[uint32(i)] {
			papers++
			tokens += float64(p.Tokens)
		}
	}
	avg := 1.
	if tokens > 0 {
		avg = tokens / papers
	}
	score := 0.
	for i, id := range query.IDs {
		df := 0.
		for j, p := range m.papers {
			if slices.Contains(p.IDs, id) && !m.gone[uint32(j)] {
				df++
			}
		}
		at := slices.Index(m.papers[slot].IDs, id)
		if df == 0 || at < 0 {
			continue
		}
		tf := float64(m.papers[slot].Counts[at])
		length := float64(m.papers[slot].Tokens)
		score += float64(query.Counts[i]) * math.Log(1+(papers-df+.5)/(df+.5)) *
			tf * (DefaultK1 + 1) / (tf + DefaultK1*(1-b+b*length/avg))
	}
	return score
}

// checkIndex verifies the invariants that tie the parts of an index together.
func checkIndex(t *testing.T, x *Index) {
	t.Helper()
	papers, tokens := int64(0), int64(0)
	live := map[uint32]uint32{}
	all := map[uint32][]uint64{}
	for slot := range uint32(x.Len()) {
		r := x.rows.at(slot)
		if !r.removed.Load() {
			papers++
			tokens += int64(r.tokens)
		}
		for p := x.row(slot).all(); len(p.lows) > 0; {
			word := p.next()
			feature := word >> countBits
			if !r.removed.Load() {
				live[feature]++
			}
			all[feature] = append(all[feature], uint64(slot)<<classBits|uint64(postingClass(word&maxCount, r.tokens)))
		}
	}
	if x.papers.Load() != papers || x.tokens.Load() != tokens {
		t.Errorf("%d papers and %d tokens are live, the index counts %d and %d", papers, tokens, x.papers.Load(),
			x.tokens.Load())
	}
	for feature, want := range all {
		tm := x.terms.find(feature)
		if tm == nil {
			t.Errorf("feature %d has no term", feature)
			continue
		}
		var got []uint64
		slots, classes := read(&x.lists, tm)
		for i, slot := range slots {
			got = append(got, uint64(slot)<<classBits|uint64(classes[i]))
		}
		if !slices.Equal(got, want) {
			t.Errorf("feature %d: list %v, want %v", feature, got, want)
		}
		if tm.live.Load() != live[feature] {
			t.Errorf("feature %d: df %d, want %d", feature, tm.live.Load(), live[feature])
		}
	}
	if int(x.terms.n) != len(all) {
		t.Errorf("%d terms, want %d", x.terms.n, len(all))
	}
}
