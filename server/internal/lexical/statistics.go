package lexical

import (
	"math"
	"slices"
)

// Statistics are what BM25 knows of a whole corpus, for the words of one query. An index takes its own; one that holds
// a part of a corpus is given those of the whole, so that the parts' scores compare, and are what one index of all
// papers would give. They do not change once made.
type Statistics struct {
	Papers int64 // N
	Tokens int64 // content words of all papers

	Words       []uint32 // features, rising
	Frequencies []uint32 // of Words: the papers that have each
}

// frequency is df of a feature, 0 where it is not among Words. Nil knows none.
func (s *Statistics) frequency(feature uint32) uint32 {
	if s == nil {
		return 0
	}
	if at, ok := slices.BinarySearch(s.Words, feature); ok {
		return s.Frequencies[at]
	}
	return 0
}

// size is the papers and the content words to count with: those of the statistics or, where they are nil, of an index.
func (s *Statistics) size(x *Index) (papers, tokens int64) {
	if s != nil {
		return s.Papers, s.Tokens
	}
	return x.papers.Load(), x.tokens.Load()
}

// idf is that of BM25. Papers appended between two loads can put df above N.
func idf(papers, df float64) float64 { return math.Log1p((max(papers-df, 0) + .5) / (df + .5)) }

// lengthNorm returns k1 (1-b) and k1 b / avg: what BM25 adds to tf in its denominator is the first and the second times
// the length of the paper.
func lengthNorm(papers float64, tokens int64, k1 float64) (fixed, each float64) {
	avg := 1.
	if papers > 0 && tokens > 0 {
		avg = float64(tokens) / papers
	}
	return k1 * (1 - b), k1 * b / avg
}

// Counts are the document frequencies of all features with the size of the corpus. Those of parts add up to those of
// the whole. The zero value is ready for Add.
type Counts struct {
	Papers, Tokens int64
	Frequencies    []uint32 // by feature; nil: all 0
}

// Counts returns those of the live papers.
func (x *Index) Counts() *Counts {
	c := &Counts{Papers: max(x.papers.Load(), 0), Tokens: max(x.tokens.Load(), 0), Frequencies: make([]uint32, features)}
	for feature := range c.Frequencies {
		c.Frequencies[feature] = uint32(x.Frequency(uint32(feature)))
	}
	return c
}

// Add adds the counts of another part. Features beyond those that an index can have are left out.
func (c *Counts) Add(part *Counts) {
	if c.Frequencies == nil {
		c.Frequencies = make([]uint32, features)
	}
	c.Papers += part.Papers
	c.Tokens += part.Tokens
	for feature, n := range part.Frequencies[:min(features, len(part.Frequencies))] {
		c.Frequencies[feature] += n
	}
}

// Frequency is the number of papers that have a feature.
func (c *Counts) Frequency(feature uint32) int {
	if int(feature) >= len(c.Frequencies) {
		return 0
	}
	return int(c.Frequencies[feature])
}

// Of returns the statistics for the words of a query, in any order, repeated or not.
func (c *Counts) Of(words []uint32) *Statistics {
	s := &Statistics{Papers: c.Papers, Tokens: c.Tokens, Words: slices.Clone(words)}
	slices.Sort(s.Words)
	s.Words = slices.Compact(s.Words)
	s.Frequencies = make([]uint32, len(s.Words))
	for i, feature := range s.Words {
		s.Frequencies[i] = uint32(c.Frequency(feature))
	}
	return s
}
