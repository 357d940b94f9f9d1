package embed

import (
	"math"
	"math/rand/v2"

	"github.com/akin-search/akin/embed/vector"
)

// trainer is the state of one training: the table and the matrices of a batch.
//
// The work of a batch is cut into phases with a barrier after each (see step). Within a phase every number is computed
// by one goroutine in a fixed order, and what is added up over a batch is added by the goroutine that owns the sum: an
// output row of a product, a column of the softmax, a row of the table. So the result does not depend on how many
// there are.
type trainer struct {
	cfg      Config
	tc       TrainConfig
	recipe   *recipe
	examples *examples
	model    *Model
	pool     *pool
	makers   []viewMaker // one a worker

	seed    uint64    // of this table's training
	rows    []float32 // the table: Dims numbers a row
	squares []float32 // by row: the accumulator of Adagrad
	weights []float32 // by row: idf

	batch int
	order []int32 // of the papers in this epoch
	sides [2]side // titles or sentences; abstracts or the rest
	turn  vector.Matrix
	sim   vector.Matrix // cosines, then their exponentials, then the gradient by the cosines
	simT  vector.Matrix
	rowE  []float32 // sums of the exponentials by row and by column
	colE  []float32
	loss  []float64 // by paper

	temperature float64
}

// side holds one view of each paper of a batch.
type side struct {
	views []view
	unit  vector.Matrix // their vectors, norm 1
	norms []float32     // what the sums were divided by
	grad  vector.Matrix // the gradient by the sums
	size  []float32     // |grad|^2 / Dims
}

func newTrainer(cfg Config, tc TrainConfig, e *examples, m *Model) *trainer {
	batch := min(tc.recipe.batch, e.len())
	t := &trainer{cfg: cfg, tc: tc, recipe: tc.recipe, examples: e, model: m, pool: newPool(tc.Workers), batch: batch,
		makers: make([]viewMaker, tc.Workers),
		turn:   vector.NewMatrix(cfg.Dims, batch), sim: vector.NewMatrix(batch, batch), simT: vector.NewMatrix(batch, batch),
		rowE: make([]float32, batch), colE: make([]float32, batch), loss: make([]float64, batch),
		order: make([]int32, e.len())}
	for w := range t.makers {
		t.makers[w].recipe = tc.recipe
	}
	for i := range t.sides {
		t.sides[i] = side{views: make([]view, batch), unit: vector.NewMatrix(batch, cfg.Dims), norms: make([]float32, batch),
			grad: vector.NewMatrix(batch, cfg.Dims), size: make([]float32, batch)}
	}
	if t.temperature = tc.recipe.temperature; t.temperature == 0 {
		t.temperature = temperature(e.len())
	}
	t.weights, t.squares = make([]float32, len(m.entries)), make([]float32, len(m.entries))
	for i := range m.entries {
		t.weights[i] = m.entries[i].weight
	}
	e.number(t.pool, func(bucket uint32) uint32 {
		rank, _ := m.known.rank(bucket)
		return rank
	})
	return t
}

// begin makes a new table, the nth from 0, with a row for every known bucket in their order. The first one begins with
// the rows of the untrained model.
func (t *trainer) begin(nth int) {
	known := len(t.model.entries)
	t.rows = make([]float32, known*t.cfg.Dims)
	clear(t.squares)
	buckets := make([]uint32, 0, known)
	t.model.known.each(func(bucket uint32) { buckets = append(buckets, bucket) })
	cfg := t.cfg
	t.seed = t.tc.Seed
	if nth > 0 {
		cfg.Seed ^= splitmix(uint64(nth))
		t.seed ^= splitmix(uint64(nth)) >> 32
	}
	drawer := newDrawer(cfg)
	t.pool.split(known, 1, func(_, from, to int) {
		for i := from; i < to; i++ {
			drawer.add(t.row(uint32(i)), 1, buckets[i])
		}
	})
}

func (t *trainer) row(i uint32) []float32 {
	d := t.cfg.Dims
	return t.rows[int(i)*d:][:d:d]
}

// shuffle puts the papers into the order of an epoch.
func (t *trainer) shuffle(epoch int) {
	for i := range t.order {
		t.order[i] = int32(i)
	}
	r := rand.New(rand.NewPCG(t.seed, uint64(epoch)))
	r.Shuffle(len(t.order), func(i, j int) { t.order[i], t.order[j] = t.order[j], t.order[i] })
}

// step learns from one batch and returns its loss.
func (t *trainer) step(epoch int, papers []int32, rate float32) float64 {
	a, b := &t.sides[0], &t.sides[1]
	t.pool.split(t.batch, 1, func(w, from, to int) {
		for i := from; i < to; i++ {
			features, s := t.examples.at(int(papers[i]))
			random := splitmix(t.seed<<32^uint64(epoch)) ^ uint64(papers[i])
			t.makers[w].views(&a.views[i], &b.views[i], features, s, splitmix(random))
			t.forward(a, i)
			t.forward(b, i)
		}
	})
	t.pool.split(t.cfg.Dims, 16, func(_, from, to int) { vector.Transpose(t.turn, b.unit, from, to) })
	t.pool.split(t.sim.Rows, vector.RowTile, func(_, from, to int) {
		vector.MatMul(t.sim, a.unit, t.turn, t.cfg.Dims, from, to)
		t.exponentials(from, min(to, t.batch))
	})
	t.pool.split(t.batch, 16, func(_, from, to int) { t.columnSums(from, to) })
	t.pool.split(t.batch, 1, func(_, from, to int) { t.gradient(from, to) })
	t.pool.split(t.batch, 16, func(_, from, to int) { vector.Transpose(t.simT, t.sim, from, to) })
	t.pool.split(t.sim.Rows, vector.RowTile, func(_, from, to int) {
		vector.MatMul(a.grad, t.sim, b.unit, t.batch, from, to)
		vector.MatMul(b.grad, t.simT, a.unit, t.batch, from, to)
		t.backward(a, from, min(to, t.batch))
		t.backward(b, from, min(to, t.batch))
	})
	t.pool.run(func(w int) {
		t.update(a, rate, uint32(w))
		t.update(b, rate, uint32(w))
	})
	var loss float64
	for _, l := range t.loss {
		loss += l
	}
	return loss / float64(t.batch)
}

// forward computes the vector of view i of a side.
func (t *trainer) forward(s *side, i int) {
	sum := s.unit.Row(i)[:t.cfg.Dims]
	clear(sum)
	v := &s.views[i]
	for j, f := range v.features {
		vector.Axpy(sum, tfWeight(saturate(v.counts[j]))*t.weights[f], t.row(f))
	}
	norm := float32(math.Sqrt(float64(vector.Dot(sum, sum))))
	s.norms[i] = norm
	if norm > 0 {
		vector.Scale(sum, 1/norm)
	}
}

func saturate(count int32) uint16 { return uint16(min(count, math.MaxUint16)) }

// exponentials replaces the cosines c by exp((c-1)/temperature), which is at most 1 and does not vanish, and sums the
// rows.
func (t *trainer) exponentials(from, to int) {
	inverse := float32(1 / t.temperature)
	for i := from; i < to; i++ {
		row := t.sim.Row(i)[:t.batch]
		var sum float32
		for j, c := range row {
			row[j] = exp(float32((c - 1) * inverse))
			sum += row[j]
		}
		t.rowE[i] = sum
	}
}

func (t *trainer) columnSums(from, to int) {
	sums := t.colE[from:to]
	clear(sums)
	for i := range t.batch {
		vector.Axpy(sums, 1, t.sim.Row(i)[from:to])
	}
}

// gradient replaces the exponentials by the gradient of the loss by the cosines, (softmax by row + softmax by column -
// 2 on the diagonal) / (2 batch temperature), and notes the loss of each paper: half the sum of the cross-entropies of
// its row and its column.
func (t *trainer) gradient(from, to int) {
	scale := float32(1 / (2 * float64(t.batch) * t.temperature))
	for i := from; i < to; i++ {
		row := t.sim.Row(i)[:t.batch]
		own := row[i]
		t.loss[i] = -math.Log(float64(own)) + (math.Log(float64(t.rowE[i]))+math.Log(float64(t.colE[i])))/2
		byRow := 1 / t.rowE[i]
		for j, e := range row {
			row[j] = float32(e*byRow+e/t.colE[j]) * scale
		}
		row[i] -= 2 * scale
	}
}

// backward takes the gradients by the unit vectors of a side back through the norm: g <- (g - (g.a)a) / |sum|.
func (t *trainer) backward(s *side, from, to int) {
	for i := from; i < to; i++ {
		g, a := s.grad.Row(i)[:t.cfg.Dims], s.unit.Row(i)[:t.cfg.Dims]
		if s.norms[i] == 0 {
			clear(g)
			s.size[i] = 0
			continue
		}
		vector.Axpy(g, -vector.Dot(g, a), a)
		vector.Scale(g, 1/s.norms[i])
		s.size[i] = vector.Dot(g, g) / float32(t.cfg.Dims)
	}
}

// update moves the rows that belong to a worker by Adagrad (Duchi, Hazan and Singer, 2011) with one accumulator a row.
func (t *trainer) update(s *side, rate float32, worker uint32) {
	workers := uint32(t.pool.workers)
	for i := range s.views {
		v := &s.views[i]
		g := s.grad.Row(i)[:t.cfg.Dims]
		size := s.size[i]
		if size == 0 {
			continue
		}
		for j, f := range v.features {
			if f%workers != worker {
				continue
			}
			w := tfWeight(saturate(v.counts[j])) * t.weights[f]
			t.squares[f] += float32(float32(w*w) * size)
			vector.Axpy(t.row(f), -rate*w/(float32(math.Sqrt(float64(t.squares[f])))+1e-6), g)
		}
	}
}

// finish makes the model of the table: codes for the rows that have moved.
func (t *trainer) finish() *Model {
	m, d := t.model, t.cfg.Dims
	m.trained = true
	var moved []uint32
	for i := range m.entries {
		if t.squares[i] > 0 {
			m.entries[i].row = uint32(len(moved))
			moved = append(moved, uint32(i))
		}
	}
	m.scales, m.codes = make([]float32, len(moved)), make([]int8, len(moved)*d)
	t.pool.split(len(moved), 1, func(_, from, to int) {
		for i := from; i < to; i++ {
			m.scales[i] = vector.QuantizeInt8(m.codes[i*d:(i+1)*d], t.row(moved[i]))
		}
	})
	m.seal()
	return m
}
