package taste

import (
	"github.com/akin-search/akin/embed/vector"
)

// Smooth mixes into the score of each of the best 100 candidates the mean score of its 5 nearest neighbours among
// them. ratings are sorted by falling score, best first; row i of rows (Dims values) is the vector of ratings[i], and
// only those of the best are looked at. What is beyond the best stays behind them. The best may change their order,
// which is for the caller to make. It allocates nothing.
func (t *Taste) Smooth(ratings []Rating, rows []float32) {
	lambda := t.recipe.Neighbours
	n := min(len(ratings), smoothDepth)
	if lambda == 0 || n < 2 {
		return
	}
	var near [smoothDepth][smoothNearest]neighbour
	for i := range n {
		a := rows[i*t.dims : (i+1)*t.dims]
		for j := range i {
			cosine := vector.Dot(a, rows[j*t.dims:(j+1)*t.dims])
			insert(&near[i], neighbour{cosine, int32(j + 1)})
			insert(&near[j], neighbour{cosine, int32(i + 1)})
		}
	}
	var mixed [smoothDepth]float64
	for i := range n {
		sum, count := 0., 0.
		for _, other := range near[i] {
			if other.at > 0 {
				sum += ratings[other.at-1].Score
				count++
			}
		}
		mixed[i] = (ratings[i].Score + lambda*sum/count) / (1 + lambda)
	}
	least := mixed[0]
	for i := range n {
		ratings[i].Score = mixed[i]
		least = min(least, mixed[i])
	}
	for i := n; i < len(ratings); i++ {
		ratings[i].Score = min(ratings[i].Score, least)
	}
}

// neighbour is a candidate near another: 1 + its place, or 0 where there is none.
type neighbour struct {
	cosine float32
	at     int32
}

// insert puts a neighbour in its place among the nearest, which are sorted.
func insert(near *[smoothNearest]neighbour, other neighbour) {
	at := smoothNearest
	for at > 0 && (near[at-1].at == 0 || near[at-1].cosine < other.cosine) {
		at--
	}
	if at < smoothNearest {
		copy(near[at+1:], near[at:])
		near[at] = other
	}
}
