package embed

import (
	"cmp"
	"math"
	"slices"

	"github.com/akin-search/akin/embed/vector"
)

// Explanation splits the cosine of a query and a document among the features of the query.
type Explanation struct {
	Cosine float64 // of the two vectors, -1 to 1; 0 when one of them is zero
	Parts  []Part  // one a feature of the query, in its order; their cosines sum to Cosine
}

// Part is what one feature of a query adds to a cosine.
type Part struct {
	ID     uint32 // the feature
	Cosine float64
	// Near are the features of the document whose rows are nearest to the feature's own, nearest first. Those that are not
	// alike are left out.
	Near []uint32
}

// alike is the cosine of two rows below which their features have little to do with each other.
const alike = .2

// Explain says what every feature of a query adds to the cosine of the vectors that Embed makes of a query and a
// document. The query's vector is a sum of rows, scaled to length 1, so the cosine is the sum over its features of
//
//	TermWeight * <Row, document> / |sum|
//
// with the document's vector scaled to length 1. near bounds Part.Near. It takes some milliseconds and memory for all
// the document's rows.
func (m *Model) Explain(query, document *Terms, near int) Explanation {
	d := m.Dims()
	target := make([]float32, d)
	m.Embed(target, document)
	rows := m.unitRows(document.IDs)
	x := Explanation{Parts: make([]Part, len(query.IDs))}
	sum, row := make([]float32, d), make([]float32, d)
	for i, id := range query.IDs {
		x.Parts[i].ID = id
		weight := m.TermWeight(id, query.Counts[i])
		if weight == 0 {
			continue
		}
		m.Row(row, id)
		vector.Axpy(sum, float32(weight), row)
		x.Parts[i].Cosine = weight * float64(vector.Dot(row, target))
		x.Parts[i].Near = nearest(row, document.IDs, rows, near)
	}
	length := lengthOf(sum)
	if length == 0 {
		return x
	}
	for i := range x.Parts {
		x.Parts[i].Cosine /= length
	}
	vector.Scale(sum, float32(1/length))
	x.Cosine = float64(vector.Dot(sum, target))
	return x
}

// lengthOf is the L2 norm of a vector.
func lengthOf(v []float32) float64 { return math.Sqrt(float64(vector.Dot(v, v))) }

// unitRows returns the rows of features, scaled to length 1, one behind the other.
func (m *Model) unitRows(ids []uint32) []float32 {
	d := m.Dims()
	rows := make([]float32, len(ids)*d)
	for i, id := range ids {
		row := rows[i*d : (i+1)*d]
		m.Row(row, id)
		if n := lengthOf(row); n > 0 {
			vector.Scale(row, float32(1/n))
		}
	}
	return rows
}

// nearest returns the up to k features whose unit rows are nearest to a row.
func nearest(row []float32, ids []uint32, rows []float32, k int) []uint32 {
	type candidate struct {
		cosine float64
		id     uint32
	}
	d, length := len(row), lengthOf(row)
	if length == 0 {
		return nil
	}
	var best []candidate
	for i, id := range ids {
		if c := float64(vector.Dot(row, rows[i*d:(i+1)*d])) / length; c >= alike {
			best = append(best, candidate{c, id})
		}
	}
	slices.SortFunc(best, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.cosine, a.cosine), cmp.Compare(a.id, b.id))
	})
	best = best[:min(k, len(best))]
	near := make([]uint32, len(best))
	for i, b := range best {
		near[i] = b.id
	}
	return near
}
