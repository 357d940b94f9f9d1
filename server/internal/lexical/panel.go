package lexical

import (
	"math"
	"slices"

	"github.com/akin-search/akin/embed"
)

// featureHash spreads features over a table (Knuth's multiplicative hashing, by 2^32 over the golden ratio).
const featureHash = 0x9E3779B1

// panelFilter is the length of the table that rules out most pairs of a paper.
const panelFilter = 1 << 13

// Panel holds several prepared queries, such as the papers that someone likes, and computes their BM25 with one paper:
// the paper's words are looked up once (Read), and then each query that matters is a short sum (Share). The zero value
// is ready for Reset; it is scratch that can be used again. One goroutine adds, then any number may read it.
type Panel struct {
	papers float64
	norm0  float64     // k1 (1-b)
	norm1  float64     // k1 b / avg
	by     *Statistics // nil: the index's own

	filter   [panelFilter]uint8 // by the low bits of a feature: not 0 where some query has one
	features []uint32           // distinct, in the order in which they were added
	table    []uint32           // open addressing by feature: 1 + place in features; length a power of two
	idf      []float64          // by place
	words    []panelWord        // query by query
	ends     []int32            // by query: the end of its words
}

// panelWord is one word of one query.
type panelWord struct {
	weight float32 // qtf idf (k1+1) / BM25 of the query with itself
	place  uint32  // of the feature
}

// Saturations are tf / (tf + norm) of one paper's words, by their place in a panel. The zero value is ready for Read;
// one goroutine uses it at a time.
type Saturations struct {
	by     []float32 // 0 where the paper lacks the word
	places []uint32  // that are not 0
}

// Reset empties the panel and takes the statistics of the index as they are now.
func (x *Index) Reset(p *Panel) { x.ResetBy(p, nil) }

// ResetBy is Reset by the statistics of a whole that the index is a part of, for the words of all queries that will be
// added; nil: by its own. See PrepareBy.
func (x *Index) ResetBy(p *Panel, s *Statistics) {
	for _, f := range p.features {
		p.filter[f%panelFilter] = 0
	}
	clear(p.table)
	p.features, p.idf, p.words, p.ends = p.features[:0], p.idf[:0], p.words[:0], p.ends[:0]
	papers, tokens := s.size(x)
	p.by, p.papers = s, float64(max(papers, 0))
	p.norm0, p.norm1 = lengthNorm(p.papers, tokens, DefaultK1)
}

// Add adds a query, numbered from 0 in the order of the calls. Words that no live paper has are left out; a query of
// none but those, or nil, shares nothing with any paper.
func (x *Index) Add(p *Panel, t *embed.Terms) {
	if t != nil {
		from, self := len(p.words), 0.
		norm := p.norm0 + p.norm1*float64(t.Tokens)
		for i, f := range t.IDs {
			at := x.place(p, f)
			if p.idf[at] == 0 {
				continue
			}
			tf := float64(t.Counts[i])
			weight := tf * p.idf[at] * (DefaultK1 + 1)
			self += weight * tf / (tf + norm)
			p.words = append(p.words, panelWord{float32(weight), uint32(at)})
		}
		for i := from; i < len(p.words); i++ {
			p.words[i].weight /= float32(self)
		}
	}
	p.ends = append(p.ends, int32(len(p.words)))
}

// of are the words of a query.
func (p *Panel) of(query int) []panelWord {
	from := int32(0)
	if query > 0 {
		from = p.ends[query-1]
	}
	return p.words[from:p.ends[query]]
}

// place returns the place of a feature, which it adds where it is new.
func (x *Index) place(p *Panel, feature uint32) int {
	if at, ok := p.find(feature); ok {
		return at
	}
	df, weight := float64(p.by.frequency(feature)), 0.
	if df == 0 {
		df = float64(x.Frequency(feature))
	}
	if df > 0 {
		weight = idf(p.papers, df)
	}
	p.features, p.idf = append(p.features, feature), append(p.idf, weight)
	p.filter[feature%panelFilter] = 1
	if 4*len(p.features) > len(p.table) {
		p.table = make([]uint32, max(1024, 2*len(p.table)))
		for i, f := range p.features {
			p.put(f, i)
		}
	} else {
		p.put(feature, len(p.features)-1)
	}
	return len(p.features) - 1
}

func (p *Panel) put(feature uint32, place int) {
	mask := uint32(len(p.table) - 1)
	at := feature * featureHash & mask
	for p.table[at] != 0 {
		at = (at + 1) & mask
	}
	p.table[at] = uint32(place + 1)
}

func (p *Panel) find(feature uint32) (int, bool) {
	if len(p.table) == 0 {
		return 0, false
	}
	mask := uint32(len(p.table) - 1)
	for at := feature * featureHash & mask; ; at = (at + 1) & mask {
		place := p.table[at]
		if place == 0 {
			return 0, false
		}
		if p.features[place-1] == feature {
			return int(place - 1), true
		}
	}
}

// Len is the number of queries added.
func (p *Panel) Len() int { return len(p.ends) }

// Terms writes the words of all queries together to dst, over the memory that dst has, each counted once for a query
// that has it.
func (p *Panel) Terms(dst *embed.Terms) {
	queries := make([]int, len(p.features))
	for _, word := range p.words {
		queries[word.place]++
	}
	dst.IDs, dst.Counts, dst.Bigrams, dst.Tokens = append(dst.IDs[:0], p.features...), dst.Counts[:0], dst.Bigrams[:0], 0
	slices.Sort(dst.IDs)
	for _, f := range dst.IDs {
		at, _ := p.find(f)
		dst.Counts = append(dst.Counts, uint16(min(queries[at], math.MaxUint16)))
		dst.Tokens += queries[at]
	}
}

// Read looks up a paper's words for Share. slot must be below Len of the index that the panel was filled from. It
// allocates nothing in the steady state.
func (x *Index) Read(p *Panel, slot uint32, s *Saturations) {
	for _, at := range s.places {
		s.by[at] = 0
	}
	s.places = s.places[:0]
	if n := len(p.features); len(s.by) < n {
		s.by = append(s.by, make([]float32, n-len(s.by))...)
	}
	norm := p.norm0 + p.norm1*float64(x.rows.at(slot).tokens)
	for row := x.row(slot).all(); len(row.lows) > 0; {
		word := row.next()
		feature := word >> countBits
		if p.filter[feature%panelFilter] == 0 {
			continue
		}
		if at, ok := p.find(feature); ok {
			tf := float64(word & maxCount)
			s.by[at] = float32(tf / (tf + norm))
			s.places = append(s.places, uint32(at))
		}
	}
}

// Share is how much of a query's words the paper has that s was read from, with this panel: the BM25 of the query with
// the paper over its BM25 with itself, from 0; above 1 where the paper says the same in fewer words.
func (p *Panel) Share(s *Saturations, query int) float32 {
	words, by := p.of(query), s.by
	var a, b, c, d float32 // four sums: one would wait for each addition to end before the next
	for ; len(words) >= 4; words = words[4:] {
		a += words[0].weight * by[words[0].place]
		b += words[1].weight * by[words[1].place]
		c += words[2].weight * by[words[2].place]
		d += words[3].weight * by[words[3].place]
	}
	for _, word := range words {
		a += word.weight * by[word.place]
	}
	return a + b + (c + d)
}
