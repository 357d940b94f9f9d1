// Package quality measures a ranking against judgements, with the definitions of trec_eval.
//
// A judgement is a whole number, the grade; 0 and below mean not relevant, and what is not judged is not relevant
// either. The order of a ranking is taken as given, so ties are broken by whoever ranked (Akin: by rising slot;
// trec_eval itself breaks them by falling document id). A query without a relevant document has no score and is left
// out of means.
package quality

import (
	"math"
	"slices"
)

// Metrics are the figures of one query, or their means over queries. All are between 0 and 1, and higher is better.
type Metrics struct {
	// NDCG10 is the discounted gain of the first ten over that of the best possible ten. The gain is the grade itself
	// (trec_eval's ndcg_cut), discounted by log2(1 + rank), ranks from 1.
	NDCG10 float64 `json:"ndcg@10"`
	// Recall10 and Recall100 are the shares of the relevant documents among the first 10 and 100.
	Recall10  float64 `json:"recall@10"`
	Recall100 float64 `json:"recall@100"`
	// MRR10 is 1 / rank of the first relevant document, 0 when none is among the first ten.
	MRR10 float64 `json:"mrr@10"`
	// Hit1 is 1 when the first document is relevant (trec_eval's success_1).
	Hit1 float64 `json:"hit@1"`
}

// Score measures one ranking, best first, by the grades of its query. A document must not occur twice in it. Relevant
// documents that the ranking lacks count against it. ok is false when the query has no relevant document.
func Score[K comparable](ranking []K, grades map[K]int) (m Metrics, ok bool) {
	var gains []int
	for _, grade := range grades {
		if grade > 0 {
			gains = append(gains, grade)
		}
	}
	if len(gains) == 0 {
		return m, false
	}
	slices.SortFunc(gains, func(a, b int) int { return b - a })
	ideal := 0.
	for i, grade := range gains[:min(10, len(gains))] {
		ideal += discounted(grade, i)
	}
	gain, in10, in100 := 0., 0, 0
	for i, document := range ranking[:min(100, len(ranking))] {
		grade := grades[document]
		if grade <= 0 {
			continue
		}
		in100++
		if i >= 10 {
			continue
		}
		if in10 == 0 {
			m.MRR10 = 1 / float64(i+1)
		}
		in10++
		gain += discounted(grade, i)
		if i == 0 {
			m.Hit1 = 1
		}
	}
	m.NDCG10 = gain / ideal
	m.Recall10 = float64(in10) / float64(len(gains))
	m.Recall100 = float64(in100) / float64(len(gains))
	return m, true
}

// discounted is the gain of a grade at position i, from 0.
func discounted(grade, i int) float64 { return float64(grade) / math.Log2(float64(i+2)) }

// Mean returns the mean of each figure; the zero Metrics for no queries.
func Mean(queries []Metrics) Metrics {
	var sum [figures]float64
	for i := range queries {
		for f, v := range queries[i].values() {
			sum[f] += v
		}
	}
	for f := range sum {
		sum[f] /= max(1, float64(len(queries)))
	}
	return metricsOf(sum)
}
