package embed

import (
	"encoding/hex"
	"fmt"
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/akin-search/akin/embed/vector"
)

// Model embeds features. What it gives does not change once it is made, and it is safe for concurrent use.
type Model struct {
	cfg         Config
	papers      uint32
	trained     bool
	known       bucketSet // the buckets that some paper of the corpus has
	entries     []entry   // by rank in known
	drawer      drawer
	scales      []float32 // of the trained rows: entry = scale * code
	codes       []int8    // the trained rows, Dims codes each
	inverse     []float32 // of the trained rows: 1 over the length of the codes, 0 for codes of 0
	fingerprint string

	lists atomic.Pointer[likeness] // of CompareWords; nil: it has not been here
}

// entry is what a model holds of one known bucket.
type entry struct {
	weight float32 // idf^Rarity, > 0
	df     uint32
	row    uint32 // number of its trained row, or noRow
}

const noRow = math.MaxUint32

// NewModel makes the untrained model of a corpus, whose rows follow from the bucket numbers alone. The config must be
// the one the frequencies were counted with.
func NewModel(cfg Config, f *Frequencies) (*Model, error) {
	if cfg != f.cfg {
		return nil, fmt.Errorf("embed: a model of config %+v needs frequencies of that config, not of %+v", cfg, f.cfg)
	}
	m := newModel(cfg, f)
	m.seal()
	return m, nil
}

// newModel makes a model without rows and fingerprint.
func newModel(cfg Config, f *Frequencies) *Model {
	m := &Model{cfg: cfg, papers: f.papers, known: newBucketSet(cfg.Buckets), drawer: newDrawer(cfg)}
	for b, n := range f.df {
		if n > 0 {
			m.known.insert(uint32(b))
		}
	}
	m.entries = make([]entry, 0, m.known.count())
	m.known.each(func(b uint32) {
		m.entries = append(m.entries, entry{weight: rarity(cfg, f.papers, f.df[b]), df: f.df[b], row: noRow})
	})
	return m
}

// rarity is a power of the idf of BM25, ln(1 + (N-df+.5)/(df+.5)), which is positive.
func rarity(cfg Config, papers, df uint32) float32 {
	idf := math.Log1p((float64(papers) - float64(df) + .5) / (float64(df) + .5))
	return float32(math.Pow(idf, cfg.Rarity))
}

// tfWeights holds ln(1+tf) of the usual counts.
var tfWeights = func() (w [256]float32) {
	for tf := range w {
		w[tf] = float32(math.Log1p(float64(tf)))
	}
	return w
}()

func tfWeight(tf uint16) float32 {
	if int(tf) < len(tfWeights) {
		return tfWeights[tf]
	}
	return float32(math.Log1p(float64(tf)))
}

// Embed writes the vector of the features to dst, len Dims, L2 norm 1. It returns false and writes zeros when the
// model knows none of the features. A model of no papers knows nothing of how rare a feature is, so it takes all as
// known, with weight 1. It does not allocate.
func (m *Model) Embed(dst []float32, t *Terms) bool {
	dst = dst[:m.cfg.Dims]
	clear(dst)
	for from := 0; from < len(t.IDs); from += fetched {
		to := min(from+fetched, len(t.IDs))
		m.addFeatures(dst, t.IDs[from:to], t.Counts[from:to])
	}
	norm := float32(math.Sqrt(float64(vector.Dot(dst, dst))))
	if norm == 0 {
		return false
	}
	vector.Scale(dst, 1/norm)
	return true
}

// addFeatures adds the weighted rows of some features to dst: fetched of them at most.
func (m *Model) addFeatures(dst []float32, ids []uint32, counts []uint16) {
	for _, id := range ids { // what is read of each lies anywhere, and would be waited for one after the other
		if row := m.learned(id); row != noRow {
			m.fetch(row)
			vector.Prefetch(unsafe.Pointer(&m.scales[row]), 1)
			vector.Prefetch(unsafe.Pointer(&m.entries[row]), 1) // its own where all have rows
		}
	}
	for i, id := range ids {
		bucket := m.cfg.bucket(id)
		rank, ok := m.known.rank(bucket)
		if !ok {
			if m.papers == 0 {
				m.drawer.add(dst, tfWeight(counts[i]), bucket)
			}
			continue
		}
		e := &m.entries[rank]
		m.addRow(dst, tfWeight(counts[i])*e.weight, bucket, e)
	}
}

func (m *Model) addRow(dst []float32, weight float32, bucket uint32, e *entry) {
	if e.row == noRow {
		m.drawer.add(dst, weight, bucket)
		return
	}
	start := int(e.row) * m.cfg.Dims
	vector.AxpyInt8(dst, weight*m.scales[e.row], m.codes[start:start+m.cfg.Dims])
}

// Weight returns idf^Rarity of a feature, or 0 when no paper of the model's corpus has it. In a model of no papers it
// is 1.
func (m *Model) Weight(id uint32) float64 {
	if m.papers == 0 {
		return 1
	}
	if rank, ok := m.known.rank(m.cfg.bucket(id)); ok {
		return float64(m.entries[rank].weight)
	}
	return 0
}

// TermWeight returns what a feature that occurs count times is weighted by: ln(1+count) * Weight(id).
func (m *Model) TermWeight(id uint32, count uint16) float64 {
	return float64(tfWeight(count)) * m.Weight(id)
}

// Row writes the row of a feature's bucket to dst, len Dims. A feature's part in a vector is ln(1+tf) * Weight * Row,
// before the vector is scaled to norm 1. Buckets that no paper has are given the row they would begin with.
func (m *Model) Row(dst []float32, id uint32) {
	dst = dst[:m.cfg.Dims]
	clear(dst)
	bucket := m.cfg.bucket(id)
	e := &entry{row: noRow}
	if rank, ok := m.known.rank(bucket); ok {
		e = &m.entries[rank]
	}
	m.addRow(dst, 1, bucket, e)
}

// Config returns the config of the model; analyzers for it must have the same.
func (m *Model) Config() Config { return m.cfg }

// Dims returns the length of the model's vectors.
func (m *Model) Dims() int { return m.cfg.Dims }

// Trained reports whether the rows were learned from a corpus.
func (m *Model) Trained() bool { return m.trained }

// Papers returns the number of papers whose frequencies the weights are.
func (m *Model) Papers() int { return int(m.papers) }

// Fingerprint identifies the model by a hash of all it consists of: 32 hexadecimal digits. Vectors compare only between
// models of one fingerprint.
func (m *Model) Fingerprint() string { return m.fingerprint }

// Bytes returns the memory the model takes, in bytes.
func (m *Model) Bytes() int64 {
	n := int64(16*len(m.known) + 12*len(m.entries) + 4*len(m.scales) + len(m.codes) + 4*len(m.inverse))
	if l := m.lists.Load(); l != nil {
		n += int64(4*len(l.begins) + 8*len(l.lists))
	}
	return n
}

// seal sets what follows from the rest of the model: its fingerprint and the lengths of its rows.
func (m *Model) seal() {
	m.measureRows()
	sum := m.digest()
	m.fingerprint = hex.EncodeToString(sum[:])
}
