package rank

import (
	"math"
	"slices"

	"github.com/akin-search/akin/server/internal/lexical"
)

// phraseDepth is the number of candidates, the best before, whose bigrams are looked at.
const phraseDepth = 50

// blend writes weight * cosine + (1 - weight) * BM25 to scores, both scaled over the candidates so that the least is 0 and
// the most is 1. One that is the same for all candidates counts 0 for all.
func (l *list) blend(weight float64) {
	if len(l.slots) == 0 {
		return
	}
	lowC, highC := slices.Min(l.cosines), slices.Max(l.cosines)
	lowB, highB := slices.Min(l.bm25), slices.Max(l.bm25)
	scaleC, scaleB := 0., 0.
	if highC > lowC {
		scaleC = weight / (float64(highC) - float64(lowC))
	}
	if highB > lowB {
		scaleB = (1 - weight) / (highB - lowB)
	}
	for i := range l.scores {
		l.scores[i] = scaleC*(float64(l.cosines[i])-float64(lowC)) + scaleB*(l.bm25[i]-lowB)
	}
}

// phrases adds to the scores of the best candidates what the bigrams they share with the query are worth: bonus in units of
// BM25 for each. It follows blend with the same weight.
func (l *list) phrases(x *lexical.Index, q *lexical.Query, weight, bonus float64) {
	if len(l.slots) == 0 || bonus == 0 {
		return
	}
	low, high := slices.Min(l.bm25), slices.Max(l.bm25)
	if low == high {
		return
	}
	scale := (1 - weight) * bonus / (high - low)
	least := math.Inf(-1)
	if len(l.scores) > phraseDepth {
		l.rest = append(l.rest[:0], l.scores...)
		least = kthLargest(l.rest, phraseDepth)
	}
	for i, slot := range l.slots {
		if l.scores[i] >= least {
			l.scores[i] += scale * float64(x.Shared(q, slot))
		}
	}
}

// kthLargest returns the k-th largest value, k from 1, and reorders the values (quickselect; Hoare, Algorithm 65, 1961).
func kthLargest(values []float64, k int) float64 {
	low, high := 0, len(values)-1
	for low < high {
		pivot := values[(low+high)/2]
		i, j := low, high
		for i <= j {
			for values[i] > pivot {
				i++
			}
			for values[j] < pivot {
				j--
			}
			if i <= j {
				values[i], values[j] = values[j], values[i]
				i++
				j--
			}
		}
		switch {
		case k-1 <= j:
			high = j
		case k-1 >= i:
			low = i
		default:
			return values[k-1]
		}
	}
	return values[k-1]
}
