package rank

import (
	"slices"

	"github.com/akin-search/akin/embed/vector"
)

const (
	// neighbourhood is the number of candidates, the best before, that are looked at as a neighbourhood.
	neighbourhood = 50
	// nearest is how many of the others speak for a candidate.
	nearest = 10
)

// neighbours is the scratch of list.neighbours.
type neighbours struct {
	at     [neighbourhood]int32 // positions in the list
	scores [neighbourhood]float64
	means  [neighbourhood]float64
	near   [neighbourhood][nearest]neighbour
	rows   []float32 // their vectors, one behind the other
}

// neighbour is another candidate, and how much it has to say.
type neighbour struct {
	weight float32
	at     int32
}

// neighbours adds to the scores of the best candidates what their neighbours among them score: papers on one subject
// are near to each other, and those the query means stand together (score regularisation; Diaz, CIKM 2005). With s the
// scores scaled to [0, 1] and w = max(0, cosine)^2, the mean of s over the ten others of the highest w is scaled to
// [0, 1] and added with a weight. It allocates nothing once its scratch has grown.
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
		h.near[i] = [nearest]neighbour{}
	}
	scaleToUnit(h.scores[:n])
	for i := range n {
		a := h.rows[i*d : (i+1)*d]
		for j := range i {
			cosine := max(0, vector.Dot(a, h.rows[j*d:(j+1)*d]))
			insert(&h.near[i], neighbour{cosine * cosine, int32(j)})
			insert(&h.near[j], neighbour{cosine * cosine, int32(i)})
		}
	}
	for i := range n {
		sum, weights := 0., 0.
		for _, other := range h.near[i] {
			sum += float64(other.weight) * h.scores[other.at]
			weights += float64(other.weight)
		}
		if h.means[i] = 0; weights > 0 {
			h.means[i] = sum / weights
		}
	}
	scaleToUnit(h.means[:n])
	for i := range n {
		l.parts[h.at[i]].Neighbourhood = weight * h.means[i]
		l.scores[h.at[i]] += weight * h.means[i]
	}
	return nil
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

// insert puts a neighbour in its place among those of the highest weight, which are sorted.
func insert(near *[nearest]neighbour, other neighbour) {
	if other.weight <= near[nearest-1].weight {
		return
	}
	at := nearest - 1
	for at > 0 && near[at-1].weight < other.weight {
		near[at] = near[at-1]
		at--
	}
	near[at] = other
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
