package quality

import (
	"math"
	"math/rand/v2"
)

// StandardErrors returns, for the mean of each figure over queries, its standard error: the standard deviation of the
// queries (n-1 in its denominator) over the root of their number. Of fewer than two queries it is 0, which says
// nothing.
func StandardErrors(queries []Metrics) Metrics {
	n := float64(len(queries))
	if n < 2 {
		return Metrics{}
	}
	mean := Mean(queries).values()
	var squares [figures]float64
	for i := range queries {
		for f, v := range queries[i].values() {
			squares[f] += (v - mean[f]) * (v - mean[f])
		}
	}
	for f := range squares {
		squares[f] = math.Sqrt(squares[f] / (n - 1) / n)
	}
	return metricsOf(squares)
}

// Comparison is how the mean of a figure differs from that of another way to rank the same queries.
type Comparison struct {
	Difference float64 `json:"difference"` // of the means; above 0 is better
	P          float64 `json:"p"`          // how often chance alone makes a difference as large, two-sided
}

// Comparisons has one for each figure of Metrics.
type Comparisons struct {
	NDCG10    Comparison `json:"ndcg@10"`
	Recall10  Comparison `json:"recall@10"`
	Recall100 Comparison `json:"recall@100"`
	MRR10     Comparison `json:"mrr@10"`
	Hit1      Comparison `json:"hit@1"`
}

// Draws is how many assignments of signs Compare tries.
const Draws = 10_000

// Compare tests two rankings of the same queries, in the same order, by Fisher's randomisation test for paired figures
// (Smucker, Allan and Carterette, CIKM 2007): if the two were alike, each query's difference could as well have had
// the other sign. P is the share of Draws random assignments of signs, and of the one that was seen, whose sum is at
// least as large. The same queries and seed give the same P.
func Compare(a, b []Metrics, seed uint64) Comparisons {
	n := len(a)
	var seen [figures]float64
	differences := make([][figures]float64, n)
	for i := range a {
		va, vb := a[i].values(), b[i].values()
		for f := range va {
			differences[i][f] = va[f] - vb[f]
			seen[f] += differences[i][f]
		}
	}
	var reached [figures]int
	rng := rand.New(rand.NewPCG(seed, 0))
	for range Draws {
		var sum [figures]float64
		signs, left := uint64(0), 0
		for i := range differences {
			if left == 0 {
				signs, left = rng.Uint64(), 64
			}
			sign := float64(signs&1)*2 - 1
			signs, left = signs>>1, left-1
			for f, d := range differences[i] {
				sum[f] += sign * d
			}
		}
		for f := range sum {
			const rounding = 1e-9 // a sum of the same numbers in another order is the same sum
			if math.Abs(sum[f]) >= math.Abs(seen[f])-rounding {
				reached[f]++
			}
		}
	}
	var out [figures]Comparison
	for f := range out {
		out[f] = Comparison{Difference: seen[f] / max(1, float64(n)), P: float64(1+reached[f]) / (1 + Draws)}
	}
	return Comparisons{NDCG10: out[0], Recall10: out[1], Recall100: out[2], MRR10: out[3], Hit1: out[4]}
}

// figures is the number of figures in Metrics.
const figures = 5

func (m Metrics) values() [figures]float64 {
	return [figures]float64{m.NDCG10, m.Recall10, m.Recall100, m.MRR10, m.Hit1}
}

func metricsOf(v [figures]float64) Metrics {
	return Metrics{NDCG10: v[0], Recall10: v[1], Recall100: v[2], MRR10: v[3], Hit1: v[4]}
}
