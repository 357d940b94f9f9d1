package rank

import (
	"math"
	"slices"

	"github.com/akin-search/akin/server/internal/lexical"
)

// Where candidates hardly differ, the scale of a blend is not stretched further than this: noise would decide.
const (
	leastCosines = .1 // range of cosines
	leastBM25    = .1 // range of BM25, as a share of the query's whole worth
)

// scale is what a unit of each figure adds to a score. It follows from the candidates of one query.
type scale struct {
	dense, words, phrase float64 // a unit of cosine, a unit of BM25, a shared bigram
	lowC, lowB           float64 // the least among the candidates, which score 0
}

// spread sets what scores 0, and scales cosines so that the most among the candidates scores weight.
func (l *list) spread(weight float64) {
	l.scale = scale{}
	if len(l.slots) == 0 {
		return
	}
	low, high := slices.Min(l.cosines), slices.Max(l.cosines)
	l.scale.lowC, l.scale.lowB = float64(low), slices.Min(l.bm25)
	if nothingNear := low == 0 && high == 0; !nothingNear {
		l.scale.dense = weight / max(float64(high)-float64(low), leastCosines)
	}
}

// blend writes scores: cosines as they were spread, and BM25 so that the most among the candidates scores weight, and
// each shared bigram as much as bonus units of it.
func (l *list) blend(q *lexical.Query, weight, bonus float64) {
	most := 0.
	for _, bm25 := range l.bm25 {
		most = max(most, bm25)
	}
	if width := max(most-l.scale.lowB, leastBM25*q.Worth()); width > 0 {
		l.scale.words = weight / width
	}
	l.scale.phrase = l.scale.words * bonus
	l.rate()
}

// rate writes the scores and their parts, on the scale that there is.
func (l *list) rate() {
	for i := range l.scores {
		l.scores[i], l.parts[i] = l.scale.score(float64(l.cosines[i]), l.bm25[i], l.bigrams[i])
	}
}

// score is the blend of a candidate's figures, counted from the weakest candidate, and its parts, counted from nothing
// in common. A cosine below 0 has less than nothing; the weakest of the candidates is then where counting begins.
func (s *scale) score(cosine, bm25 float64, bigrams uint32) (float64, Parts) {
	parts := Parts{
		Dense:  s.dense * max(0, cosine-min(0, s.lowC)),
		Words:  s.words * bm25,
		Phrase: s.phrase * float64(bigrams),
	}
	return s.dense*(cosine-s.lowC) + s.words*(bm25-s.lowB) + parts.Phrase, parts
}

// least is the score that the k best candidates reach; below all scores where there are no more than k.
func (l *list) least(k int) float64 {
	if len(l.scores) <= k {
		return math.Inf(-1)
	}
	l.rest = append(l.rest[:0], l.scores...)
	return kthLargest(l.rest, k)
}

// kthLargest returns the k-th largest value, k from 1, and reorders the values (quickselect; Hoare, Algorithm 65,
// 1961).
func kthLargest(values []float64, k int) float64 {
	for {
		a, b, c := values[0], values[len(values)/2], values[len(values)-1]
		pivot := max(min(a, b), min(max(a, b), c)) // their median
		above := split(values, pivot)
		if k <= above {
			values = values[:above]
			continue
		}
		values, k = values[above:], k-above
		same := split(values, math.Nextafter(pivot, math.Inf(-1)))
		if k <= same {
			return pivot
		}
		values, k = values[same:], k-same
	}
}

// split moves values above a bound to the front, and returns how many they are. It does not branch on what a value is,
// which no processor could guess.
func split(values []float64, bound float64) (n int) {
	for i, x := range values {
		values[i], values[n] = values[n], x
		n += int(math.Float64bits(bound-x) >> 63)
	}
	return n
}
