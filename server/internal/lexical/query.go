package lexical

import (
	"math/bits"
	"slices"
	"unsafe"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/embed/vector"
)

// Query is a prepared query, with scratch that its next preparation uses again. The zero value is ready for Prepare.
// One goroutine prepares it; then any number may pass it to Match and, after Top, to Estimates, but only one at a time
// to Top.
type Query struct {
	features []uint32  // rising
	weights  []float64 // qtf idf gain, aligned with features
	terms    []*term
	whole    []uint32 // postings of the corpus that the index is a part of, aligned with features; 0: those of the index
	gain     float64  // k1 + 1
	budget   int      // postings of the corpus that Top reads
	share    float64  // of the papers that the statistics are of, those of the index: 1 for its own
	norm0    float64  // k1 (1-b)
	norm1    float64  // k1 b / avg

	filter    [filterSize]uint16 // by the low bits of a feature: 1 + number of the last of the query with them, or 0
	following []uint16           // by number of a feature: 1 + number of the one before it with the same bits, or 0

	lows []uint16 // the lower bits of features
	few  bool     // so few features that rows are looked through for all of them at once

	bigrams []uint16 // distinct, rising

	top topScratch
}

const (
	filterSize  = 1 << 12
	maxFeatures = 1 << 15 // of a query; what is beyond is left out
	fewFeatures = 20      // so many are compared with a row at once sooner than the row is looked through for them
)

// Prepare weighs the terms of a query by the live papers, for BM25 with DefaultK1. A feature that no live paper has is
// left out.
func (x *Index) Prepare(q *Query, t *embed.Terms) { x.PrepareK1(q, t, DefaultK1) }

// PrepareK1 is Prepare for BM25 with another k1, which says how soon further occurrences of a word stop counting: 0 is
// DefaultK1, near 0 they count nothing.
func (x *Index) PrepareK1(q *Query, t *embed.Terms, k1 float64) { q.prepare(x, t, k1, nil) }

// PrepareBy is PrepareK1 by the statistics of a whole that the index is a part of; nil: by its own. The index may be
// nil where there are statistics: such a query has weights and is not for Top and Scores.
func (x *Index) PrepareBy(q *Query, t *embed.Terms, k1 float64, s *Statistics) {
	q.prepare(x, t, k1, s)
}

// absent stands for the term of a feature that an index does not have.
var absent term

// prepare weighs terms by statistics, and where these are nil, or do not know a word yet, by those of an index.
func (q *Query) prepare(x *Index, t *embed.Terms, k1 float64, s *Statistics) {
	if k1 == 0 {
		k1 = DefaultK1
	}
	q.gain = k1 + 1
	for _, f := range q.features {
		q.filter[f%filterSize] = 0
	}
	q.features, q.weights, q.terms, q.following = q.features[:0], q.weights[:0], q.terms[:0], q.following[:0]
	q.lows, q.whole = q.lows[:0], q.whole[:0]
	n, tokens := s.size(x)
	papers := float64(max(n, 0))
	q.budget, q.share = max(topBudget, int(papers)/budgetPapers), 1
	if s != nil && x != nil && papers > 0 {
		q.share = min(1, float64(max(x.papers.Load(), 0))/papers)
	}
	for i, f := range t.IDs {
		tm, live := &absent, uint32(0)
		if x != nil {
			if own := x.terms.find(f); own != nil {
				tm, live = own, own.live.Load()
			}
		}
		whole := s.frequency(f)
		if whole > 0 {
			live = whole
		}
		if live == 0 {
			continue
		}
		if len(q.features) == maxFeatures {
			break
		}
		q.features = append(q.features, f)
		q.lows = append(q.lows, uint16(f))
		q.following = append(q.following, q.filter[f%filterSize])
		q.filter[f%filterSize] = uint16(len(q.features))
		q.weights = append(q.weights, float64(t.Counts[i])*idf(papers, float64(live))*q.gain)
		q.terms, q.whole = append(q.terms, tm), append(q.whole, whole)
	}
	q.few = len(q.features) <= fewFeatures && vector.AmongIsFast()
	q.norm0, q.norm1 = lengthNorm(papers, tokens, k1)
	q.top.summed = false
	q.bigrams = append(q.bigrams[:0], t.Bigrams...)
	slices.Sort(q.bigrams)
	q.bigrams = slices.Compact(q.bigrams)
}

// postings is the length of the list of a feature, by its number: in the whole corpus, so that all parts of one leave
// out the same words, those that one index of all papers does.
func (q *Query) postings(i int32) int {
	if q.whole[i] > 0 {
		return int(q.whole[i])
	}
	return int(q.terms[i].count.Load())
}

// Empty reports whether no live paper shares a word with the query.
func (q *Query) Empty() bool { return len(q.features) == 0 }

// Worth is the score of a paper of usual length that has every word of the query once for each time the query has it.
func (q *Query) Worth() float64 {
	sum := 0.
	for _, w := range q.weights {
		sum += w
	}
	return sum / max(1, q.gain)
}

// Bigrams is the number of distinct bigrams of the query.
func (q *Query) Bigrams() int { return len(q.bigrams) }

// Weight is the query's weight of a feature, qtf idf, or 0.
func (q *Query) Weight(feature uint32) float64 {
	if i := slices.Index(q.features, feature); i >= 0 {
		return q.weights[i] / q.gain
	}
	return 0
}

// Scores is Match of BM25 alone.
func (x *Index) Scores(q *Query, slots []uint32, dst []float64) { x.Match(q, slots, dst, nil) }

// Match writes the BM25 of each slot, rounded to float32, to bm25 (len(slots)), and to shared, unless that is nil, the
// number of distinct bigrams of the query that the slot has, too: pairs of neighbouring words in the same order. One
// pair in 400 or so of a paper's is there by a collision of hashes. Every slot must be below Len. It allocates nothing.
func (x *Index) Match(q *Query, slots []uint32, bm25 []float64, shared []uint32) {
	for i, slot := range slots {
		x.ahead(slots, i, shared != nil)
		bm25[i] = x.score(q, slot)
		if shared != nil {
			words, n := x.rowBigrams(slot)
			shared[i] = uint32(sharedBigrams(words, n, q.bigrams))
		}
	}
}

// How far ahead of the scored row the next rows are fetched, in rows. Rows lie all over memory, and waiting for them
// takes four times as long as scoring them.
const (
	aheadHead = 8
	aheadRow  = 4
)

// ahead fetches what Match will soon read after position i.
func (x *Index) ahead(slots []uint32, i int, bigrams bool) {
	if j := i + aheadHead; j < len(slots) {
		vector.Prefetch(unsafe.Pointer(x.rows.at(slots[j])), 1)
	}
	if j := i + aheadRow; j < len(slots) {
		r := x.rows.at(slots[j])
		n := r.pairs
		if bigrams {
			n += bigramWords(r.bigrams)
		}
		if words := x.words.at(r.chunk, r.offset, n); len(words) > 0 { // their memory is not touched yet
			vector.Prefetch(unsafe.Pointer(&words[0]), len(words)/32+1)
		}
	}
}

func (x *Index) score(q *Query, slot uint32) float64 {
	r := x.rows.at(slot)
	row := pairsOf(x.words.at(r.chunk, r.offset, r.pairs))
	norm := q.norm0 + q.norm1*float64(r.tokens)
	score := 0.
	if q.few && len(row.lows) <= narrowPairs {
		var masks [(narrowPairs + 63) / 64]uint64
		vector.Among(masks[:], row.lows, q.lows)
		for i, mask := range masks {
			for ; mask != 0; mask &= mask - 1 {
				score += q.scoreAt(&row, 64*i+bits.TrailingZeros64(mask), norm)
			}
		}
		return float64(float32(score))
	}
	for at, low := range row.lows {
		if q.filter[low%filterSize] != 0 {
			score += q.scoreAt(&row, at, norm)
		}
	}
	return float64(float32(score))
}

// scoreAt is what the feature at a place of a row adds to the score of the row, 0 where the query does not have it.
func (q *Query) scoreAt(row *pairs, at int, norm float64) float64 {
	low := row.lows[at]
	for i := q.filter[low%filterSize]; i != 0; i = q.following[i-1] {
		if row.has(at, low, q.features[i-1]) {
			tf := float64(row.count(at))
			return q.weights[i-1] * tf / (tf + norm)
		}
	}
	return 0
}

// TermScore is what one feature contributes to the score of a slot below Len.
func (x *Index) TermScore(q *Query, slot, feature uint32) float64 {
	i := slices.Index(q.features, feature)
	if i < 0 {
		return 0
	}
	r := x.rows.at(slot)
	row := x.row(slot)
	at := row.find(feature)
	if at < 0 {
		return 0
	}
	tf := float64(row.count(at))
	return q.weights[i] * tf / (tf + (q.norm0 + q.norm1*float64(r.tokens)))
}
