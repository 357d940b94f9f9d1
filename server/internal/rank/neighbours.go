package rank

import (
	"slices"

	"github.com/akin-search/akin/embed/vector"
)

// neighbourhood is the number of candidates, the best before, that are looked at as a neighbourhood.
const neighbourhood = 50

// neighbours is the scratch of list.neighbours.
type neighbours struct {
	at      [neighbourhood]int32 // positions in the list
	scores  [neighbourhood]float64
	means   [neighbourhood]float64
	rows    []float32 // their vectors, one behind the other
	cosines [neighbourhood * neighbourhood]float32
	tenth   [neighbourhood]float32 // cosine of each with the tenth of the others, or 0
}

// neighbours adds to the scores of the best candidates what their neighbours among them score: papers on one subject
// are near to each other, and those the query means stand together (score regularisation; Diaz, CIKM 2005). With s the
// scores scaled to [0, 1] and w = max(0, cosine)^2, the mean of s over the ten others of the highest w, and those that
// are as near as the tenth, is scaled to [0, 1] and added with a weight. It allocates nothing once its scratch has
// grown.
func (l *list) neighbours(vectors Vectors, weight float64) error {
	n := l.best(neighbourhood)
	if weight == 0 || n < 3 {
		return nil
	}
	h, d := &l.near, vectors.Dims()
	h.rows = slices.Grow(h.rows[:0], n*d)[:n*d]
	for i := range n {
		if err := vectors.Vector(l.slots[h.at[i]], h.rows[i*d:(i+1)*d]); err != nil {
			return err
		}
		h.scores[i] = l.scores[h.at[i]]
	}
	scaleToUnit(h.scores[:n])
	vector.Gram(h.cosines[:n*n], h.rows, n, d)
	for i := range n {
		h.cosines[i*n+i] = 0 // with itself
	}
	vector.TenthGreatest(h.tenth[:n], h.cosines[:n*n], n)
	for i := range n {
		h.means[i] = h.mean(h.cosines[i*n:(i+1)*n], h.tenth[i])
	}
	scaleToUnit(h.means[:n])
	for i := range n {
		l.parts[h.at[i]].Neighbourhood = weight * h.means[i]
		l.scores[h.at[i]] += weight * h.means[i]
	}
	return nil
}

// mean is that of the scores of a candidate's nearest, weighted by the squares of their cosines; 0 if none is positive.
func (h *neighbours) mean(cosines []float32, least float32) float64 {
	sum, weights := 0., 0.
	for i, cosine := range cosines {
		if cosine >= least && cosine > 0 {
			weight := float64(cosine * cosine)
			sum += weight * h.scores[i]
			weights += weight
		}
	}
	if weights == 0 {
		return 0
	}
	return sum / weights
}

// best writes the positions of the k candidates of the highest scores to l.near.at, in the order of the list, and
// returns how many there are.
func (l *list) best(k int) (n int) {
	least := l.least(k)
	for above := range 2 { // those above the least score, then those at it
		for i, score := range l.scores {
			if n < k && (above == 0 && score > least || above == 1 && score == least) {
				l.near.at[n] = int32(i)
				n++
			}
		}
	}
	return n
}

// scaleToUnit scales values so that the least is 0 and the most is 1; all 0 where they are the same.
func scaleToUnit(values []float64) {
	low, high := slices.Min(values), slices.Max(values)
	scale := 0.
	if high > low {
		scale = 1 / (high - low)
	}
	for i := range values {
		values[i] = (values[i] - low) * scale
	}
}
