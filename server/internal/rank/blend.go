package rank

import (
	"math"
	"slices"

	"github.com/akin-search/akin/server/internal/lexical"
)

// phraseDepth is the number of candidates, the best before, whose bigrams are looked at.
const phraseDepth = 50

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

// blend writes weight * cosine + (1 - weight) * BM25 to scores, both scaled over the candidates so that the least is 0
// and the most is 1. bonus is the worth of a bigram in units of BM25.
func (l *list) blend(q *lexical.Query, weight, bonus float64) {
	var lowC, highC float32
	var lowB, highB float64
	if len(l.slots) > 0 {
		lowC, highC = slices.Min(l.cosines), slices.Max(l.cosines)
		lowB, highB = slices.Min(l.bm25), slices.Max(l.bm25)
	}
	s := &l.scale
	*s = scale{lowC: float64(lowC), lowB: lowB}
	if nothingNear := len(l.slots) > 0 && lowC == 0 && highC == 0; !nothingNear {
		s.dense = weight / max(float64(highC)-float64(lowC), leastCosines)
	}
	if rangeB := max(highB-lowB, leastBM25*q.Worth()); rangeB > 0 {
		s.words = (1 - weight) / rangeB
	}
	s.phrase = s.words * bonus
	for i := range l.scores {
		l.scores[i], l.parts[i] = s.score(float64(l.cosines[i]), l.bm25[i])
	}
}

// score is the blend of two figures, counted from the weakest candidate, and its parts, counted from nothing in
// common. A cosine below 0 has less than nothing; the weakest of the candidates is then where counting begins.
func (s *scale) score(cosine, bm25 float64) (float64, Parts) {
	parts := Parts{Dense: s.dense * max(0, cosine-min(0, s.lowC)), Words: s.words * bm25}
	return s.dense*(cosine-s.lowC) + s.words*(bm25-s.lowB), parts
}

// pairs is the scratch of list.phrases: candidates whose bigrams are looked at.
type pairs struct {
	at            []int32 // positions in the list
	slots, shared []uint32
}

// phrases adds to the scores of the best candidates what the bigrams they share with the query are worth. It follows
// blend.
func (l *list) phrases(x Words, q *lexical.Query) {
	if len(l.slots) == 0 || l.scale.phrase == 0 {
		return
	}
	p := &l.pairs
	p.at, p.slots = p.at[:0], p.slots[:0]
	least := l.least(phraseDepth)
	for i, slot := range l.slots {
		if l.scores[i] >= least {
			p.at, p.slots = append(p.at, int32(i)), append(p.slots, slot)
		}
	}
	p.shared = resize(p.shared, len(p.slots))
	x.Shared(q, p.slots, p.shared)
	for i, at := range p.at {
		l.parts[at].Phrase = l.scale.phrase * float64(p.shared[i])
		l.scores[at] += l.parts[at].Phrase
	}
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
