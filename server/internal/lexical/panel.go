package lexical

import (
	"math"
	"slices"

	"github.com/akin-search/akin/embed"
)

// featureHash spreads features over a table (Knuth's multiplicative hashing, by 2^32 over the golden ratio).
const featureHash = 0x9E3779B1

// Panel holds several prepared queries, such as the papers that someone likes, and computes their BM25 with one paper
// in one pass over the paper's words: what a query a word would look up again and again is looked up once. The zero
// value is ready for Reset; it is scratch that can be used again. One goroutine adds and seals, then any number may
// call Shares.
type Panel struct {
	queries int
	papers  float64
	norm0   float64 // k1 (1-b)
	norm1   float64 // k1 b / avg

	filter   [filterSize]uint8 // by the low bits of a feature: not 0 where some query has one
	features []uint32          // distinct, in the order in which they were added
	table    []uint32          // open addressing by feature: 1 + place in features; length a power of two
	idf      []float64         // by place
	added    []addedWord       // in the order of Add
	starts   []int32           // by place: the first of its words in sealed; one more at the end
	sealed   []panelWord       // by place
}

// panelWord is one word of one query.
type panelWord struct {
	weight float32 // qtf idf (k1+1) / BM25 of the query with itself
	query  int32
}

// addedWord is one that Seal has not put in its place yet.
type addedWord struct {
	panelWord
	place int32
}

// Reset empties the panel and takes the statistics of the index as they are now.
func (x *Index) Reset(p *Panel) {
	for _, f := range p.features {
		p.filter[f%filterSize] = 0
	}
	clear(p.table)
	p.queries, p.features, p.idf, p.added = 0, p.features[:0], p.idf[:0], p.added[:0]
	p.papers = float64(max(x.papers.Load(), 0))
	p.norm0, p.norm1 = x.lengthNorm(p.papers, DefaultK1)
}

// lengthNorm returns k1 (1-b) and k1 b / avg: what BM25 adds to tf in its denominator is the first and the second times
// the length of the paper.
func (x *Index) lengthNorm(papers, k1 float64) (fixed, each float64) {
	avg := 1.
	if tokens := x.tokens.Load(); papers > 0 && tokens > 0 {
		avg = float64(tokens) / papers
	}
	return k1 * (1 - b), k1 * b / avg
}

// Add adds a query, numbered from 0 in the order of the calls. Words that no live paper has are left out; a query of
// none but those, or nil, shares nothing with any paper.
func (x *Index) Add(p *Panel, t *embed.Terms) {
	query := int32(p.queries)
	p.queries++
	if t == nil {
		return
	}
	from, self := len(p.added), 0.
	norm := p.norm0 + p.norm1*float64(t.Tokens)
	for i, f := range t.IDs {
		at := x.place(p, f)
		if p.idf[at] == 0 {
			continue
		}
		tf := float64(t.Counts[i])
		weight := tf * p.idf[at] * (DefaultK1 + 1)
		self += weight * tf / (tf + norm)
		p.added = append(p.added, addedWord{panelWord{float32(weight), query}, int32(at)})
	}
	for i := from; i < len(p.added); i++ {
		p.added[i].weight /= float32(self)
	}
}

// Seal ends the adding: the words of one feature are put side by side, so that Shares reads them in a run.
func (p *Panel) Seal() {
	p.starts = slices.Grow(p.starts[:0], len(p.features)+1)[:len(p.features)+1]
	clear(p.starts)
	for _, word := range p.added {
		p.starts[word.place+1]++
	}
	for i := range p.features {
		p.starts[i+1] += p.starts[i]
	}
	p.sealed = slices.Grow(p.sealed[:0], len(p.added))[:len(p.added)]
	for i := len(p.added) - 1; i >= 0; i-- {
		word := &p.added[i]
		// starts is moved on to the ends and, filling from behind, back again.
		p.starts[word.place+1]--
		p.sealed[p.starts[word.place+1]] = word.panelWord
	}
	copy(p.starts, p.starts[1:])
	p.starts[len(p.features)] = int32(len(p.added))
}

// place returns the place of a feature, which it adds where it is new.
func (x *Index) place(p *Panel, feature uint32) int {
	if at, ok := p.find(feature); ok {
		return at
	}
	idf := 0.
	if df := float64(x.Frequency(feature)); df > 0 {
		idf = math.Log1p((max(p.papers-df, 0) + .5) / (df + .5))
	}
	p.features, p.idf = append(p.features, feature), append(p.idf, idf)
	p.filter[feature%filterSize] = 1
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
func (p *Panel) Len() int { return p.queries }

// Terms writes the words of all queries together to dst, over the memory that dst has, each counted once for a query
// that has it. Call it behind Seal.
func (p *Panel) Terms(dst *embed.Terms) {
	dst.IDs, dst.Counts, dst.Bigrams, dst.Tokens = append(dst.IDs[:0], p.features...), dst.Counts[:0], dst.Bigrams[:0], 0
	slices.Sort(dst.IDs)
	for _, f := range dst.IDs {
		at, _ := p.find(f)
		n := int(p.starts[at+1] - p.starts[at])
		dst.Counts = append(dst.Counts, uint16(min(n, math.MaxUint16)))
		dst.Tokens += n
	}
}

// Shares writes to dst, len Len, how much of each query's words a paper has: the BM25 of the query with the slot over
// its BM25 with itself, from 0; above 1 where the paper says the same in fewer words. slot must be below Len of the
// index that the panel was filled from. It allocates nothing.
func (x *Index) Shares(p *Panel, slot uint32, dst []float32) {
	clear(dst)
	norm := p.norm0 + p.norm1*float64(x.rows.at(slot).tokens)
	for row := x.row(slot); len(row.words) > 0; {
		word := row.next()
		feature := word >> countBits
		if p.filter[feature%filterSize] == 0 {
			continue
		}
		at, ok := p.find(feature)
		if !ok {
			continue
		}
		tf := float64(word & maxCount)
		saturation := float32(tf / (tf + norm))
		for _, w := range p.sealed[p.starts[at]:p.starts[at+1]] {
			dst[w.query] += w.weight * saturation
		}
	}
}
