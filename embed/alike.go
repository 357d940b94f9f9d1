package embed

import (
	"math"
	"unsafe"

	"github.com/akin-search/akin/embed/vector"
)

// LeastAlike is the cosine of rows below which two words have too little to do with each other. One word in a corpus
// has one or two others at it or above, on average, and hardly any has thirty.
const LeastAlike = .4

// fetched is the number of rows that are fetched before their cosines are computed: rows lie all over the table, and
// waiting for each of them takes longer than its product.
const fetched = 64

// MostAlike writes to dst, for each word, the largest cosine between its learned row and those of the other words,
// from LeastAlike to 1; 0 where there is none, or the word has no learned row. A word of the same row is no other.
// len(dst) is at least len(words). It does not allocate. It takes some 10 ns for each pair until CompareWords has been
// here, and some 10 ns for each word from then on.
func (m *Model) MostAlike(dst []float32, words, others []uint32) {
	dst = dst[:len(words)]
	if l := m.lists.Load(); l != nil && l.begins != nil {
		l.mostAlike(m, dst, words, others)
		return
	}
	clear(dst)
	var rows [fetched]uint32
	var dots [fetched]int32
	var inverse [fetched]float32
	for len(others) > 0 {
		n := 0
		piece := others[:min(fetched, len(others))]
		others = others[len(piece):]
		for _, id := range piece {
			if row := m.learned(id); row != noRow {
				m.fetch(row)
				rows[n] = row
				n++
			}
		}
		for i, row := range rows[:n] {
			inverse[i] = m.inverse[row]
		}
		for i, id := range words {
			row := m.learned(id)
			if row == noRow {
				continue
			}
			best := float32(0)
			vector.DotsInt8(dots[:n], m.rowCodes(row), m.codes, rows[:n])
			for j, other := range rows[:n] {
				if other != row {
					best = max(best, float32(dots[j])*inverse[j])
				}
			}
			dst[i] = max(dst[i], best*m.inverse[row])
		}
	}
	for i := range dst {
		if dst[i] = min(dst[i], 1); dst[i] < LeastAlike { // 1: rounding
			dst[i] = 0
		}
	}
}

// learned is the number of a feature's trained row, or noRow.
func (m *Model) learned(id uint32) uint32 {
	rank, ok := m.known.rank(m.cfg.bucket(id))
	switch {
	case !ok:
		return noRow
	case len(m.scales) == len(m.entries): // all have one, numbered alike
		return rank
	}
	return m.entries[rank].row
}

// fetch brings the codes of a row towards the first-level cache.
func (m *Model) fetch(row uint32) {
	vector.Prefetch(unsafe.Pointer(&m.codes[int(row)*m.cfg.Dims]), (m.cfg.Dims+63)/64)
}

func (m *Model) rowCodes(row uint32) []int8 {
	start := int(row) * m.cfg.Dims
	return m.codes[start : start+m.cfg.Dims]
}

// measureRows computes the lengths of the trained rows.
func (m *Model) measureRows() {
	m.inverse = make([]float32, len(m.scales))
	for i := range m.inverse {
		codes := m.rowCodes(uint32(i))
		if sum := vector.DotInt8(codes, codes); sum > 0 {
			m.inverse[i] = float32(1 / math.Sqrt(float64(sum)))
		}
	}
}
