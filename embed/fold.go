package embed

import (
	"context"
	"math"

	"github.com/akin-search/akin/embed/vector"
)

// Tables that were trained apart agree about what papers have in common and differ in what they learned by chance. Set
// side by side they make longer vectors, which are better than those of any one of them; most of what they are better
// by lies in the directions in which papers differ most. The fold turns the long rows into these directions, as many
// as the model has dimensions (Karhunen, Loève; without a mean, since cosines have none), so that it costs nothing
// after training.
//
// Every sum has one order, and each number is computed by one goroutine: the result does not depend on how many there
// are.

const (
	// foldPapers is the number of papers whose directions are taken.
	foldPapers = 20_000
	// foldRounds is the number of rounds of orthogonal iteration. The basis need not be that of the eigenvectors, only
	// span what the leading ones do, and the last of those are about as good as the next.
	foldRounds = 12
	// foldBatch is the number of papers whose products are added at a time, and of rows that are turned at a time.
	foldBatch = 256
)

// folder makes one model of several tables.
type folder struct {
	t      *trainer
	tables [][]float32 // Dims numbers a row, a row for each known bucket
	dims   int         // of the rows of all tables, one behind the other
}

// fold makes the model of the tables: codes for all rows, since those that no training has moved are turned as well.
func (t *trainer) fold(ctx context.Context, tables [][]float32) (*Model, error) {
	f := &folder{t: t, tables: tables, dims: len(tables) * t.cfg.Dims}
	moment, err := f.moment(ctx)
	if err != nil {
		return nil, err
	}
	basis, err := f.basis(ctx, moment)
	if err != nil {
		return nil, err
	}
	turn := vector.NewMatrix(f.dims, t.cfg.Dims)
	t.pool.split(f.dims, 16, func(_, from, to int) { vector.Transpose(turn, basis, from, to) })
	m := t.model
	m.trained = true
	for i := range m.entries {
		m.entries[i].row = uint32(i)
	}
	m.scales, m.codes = make([]float32, len(m.entries)), make([]int8, len(m.entries)*t.cfg.Dims)
	t.pool.split(len(m.entries), 1, func(_, from, to int) { f.turn(m, turn, from, to) })
	m.seal()
	return m, nil
}

// turn writes the codes of the rows from up to below to: their product with a matrix of dims x Dims.
func (f *folder) turn(m *Model, by vector.Matrix, from, to int) {
	d := f.t.cfg.Dims
	long, short := vector.NewMatrix(foldBatch, f.dims), vector.NewMatrix(foldBatch, d)
	for first := from; first < to; first += foldBatch {
		n := min(foldBatch, to-first)
		for i := range n {
			clear(long.Row(i))
			f.add(long.Row(i)[:f.dims], 1, uint32(first+i))
		}
		vector.MatMul(short, long, by, f.dims, 0, short.Rows)
		for i := range n {
			at := first + i
			m.scales[at] = vector.QuantizeInt8(m.codes[at*d:(at+1)*d], short.Row(i)[:d])
		}
	}
}

// add adds weight times the long row of a known bucket to dst.
func (f *folder) add(dst []float32, weight float32, row uint32) {
	d := f.t.cfg.Dims
	for k, table := range f.tables {
		vector.Axpy(dst[k*d:(k+1)*d], weight, table[int(row)*d:(int(row)+1)*d])
	}
}

// moment returns the sum of the products of the unit vectors of evenly chosen papers with themselves.
func (f *folder) moment(ctx context.Context) (vector.Matrix, error) {
	t := f.t
	papers := min(t.examples.len(), foldPapers)
	x, xT := vector.NewMatrix(foldBatch, f.dims), vector.NewMatrix(f.dims, foldBatch)
	sum, product := vector.NewMatrix(f.dims, f.dims), vector.NewMatrix(f.dims, f.dims)
	views := make([]view, t.pool.workers)
	for first := 0; first < papers; first += foldBatch {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		n := min(foldBatch, papers-first)
		t.pool.split(n, 1, func(w, from, to int) {
			for i := from; i < to; i++ {
				features, _ := t.examples.at((first + i) * t.examples.len() / papers)
				views[w].reset()
				t.makers[w].count(&views[w], features)
				f.unit(x.Row(i)[:f.dims], &views[w])
			}
		})
		t.pool.split(f.dims, 16, func(_, from, to int) { vector.Transpose(xT, x, from, to) })
		t.pool.split(product.Rows, vector.RowTile, func(_, from, to int) {
			vector.MatMul(product, xT, x, n, from, to)
			for i := from; i < to; i++ {
				vector.Axpy(sum.Row(i), 1, product.Row(i))
			}
		})
	}
	return sum, nil
}

// unit writes the unit vector of a paper.
func (f *folder) unit(dst []float32, v *view) {
	clear(dst)
	for j, feature := range v.features {
		f.add(dst, tfWeight(saturate(v.counts[j]))*f.t.weights[feature], feature)
	}
	if norm := float32(math.Sqrt(float64(vector.Dot(dst, dst)))); norm > 0 {
		vector.Scale(dst, 1/norm)
	}
}

// basis returns Dims orthonormal rows that span the leading eigenvectors of a symmetric matrix, by orthogonal iteration
// (Golub and Van Loan, Matrix Computations, 8.2.4). Where the matrix has a lower rank, the rows left over are zero.
func (f *folder) basis(ctx context.Context, m vector.Matrix) (vector.Matrix, error) {
	d := f.t.cfg.Dims
	q, next := vector.NewMatrix(d, f.dims), vector.NewMatrix(d, f.dims)
	random := uint64(0)
	for i := range d {
		for j := range q.Row(i)[:f.dims] {
			random = splitmix(random)
			q.Row(i)[j] = float32(unit(random) - .5)
		}
	}
	for range foldRounds {
		if err := ctx.Err(); err != nil {
			return q, err
		}
		f.t.pool.split(q.Rows, vector.RowTile, func(_, from, to int) { vector.MatMul(next, q, m, f.dims, from, to) })
		f.orthonormalise(next)
		q, next = next, q
	}
	return q, nil
}

// orthonormalise makes the rows orthonormal, each by those before it (Gram and Schmidt, modified).
func (f *folder) orthonormalise(q vector.Matrix) {
	const lost = 1e-5 // a row that keeps less of its length than this was a sum of those before it
	d := f.t.cfg.Dims
	lengths := make([]float32, d)
	for i := range d {
		lengths[i] = length(q.Row(i)[:f.dims])
	}
	for i := range d {
		row := q.Row(i)[:f.dims]
		if n := length(row); n > lost*lengths[i] {
			vector.Scale(row, 1/n)
		} else {
			clear(row)
			continue
		}
		f.t.pool.split(d-i-1, 8, func(_, from, to int) {
			for j := i + 1 + from; j < i+1+to; j++ {
				other := q.Row(j)[:f.dims]
				vector.Axpy(other, -vector.Dot(other, row), row)
			}
		})
	}
}

func length(x []float32) float32 { return float32(math.Sqrt(float64(vector.Dot(x, x)))) }
