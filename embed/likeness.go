package embed

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/akin-search/akin/embed/vector"
)

// likeness lists, for every trained row, the others that are alike. They are so few that a look at the list takes less
// time than waiting for one row.
type likeness struct {
	begins []uint32 // of the list of each row, and the end of the last one; nil: there are too many to list
	lists  []like   // by falling cosine, ties by rising bucket
}

// like is another row, by its bucket.
type like struct {
	bucket uint32
	cosine float32
}

const (
	// comparedTogether is the number of rows that stay in the nearest cache while all others pass by.
	comparedTogether = 64
	// mostLikes bounds the mean length of the lists: with 64, they take twice the memory of the rows.
	mostLikes = 64
)

// CompareWords compares all trained rows with each other, so that MostAlike need not: what it gives stays the same, and
// takes a hundredth of the time. It costs one goroutine some 7 s for 66,000 rows of 256 dimensions, and four times that
// for twice as many, and 16 bytes for each two that are alike. Where rows have more others alike than can be kept it
// changes nothing. It may run beside all else, and returns the error of ctx when that is done first.
func (m *Model) CompareWords(ctx context.Context) error {
	if m.Compared() {
		return nil
	}
	pairs, err := m.alikePairs(ctx)
	if err != nil {
		return err
	}
	l := &likeness{}
	if len(pairs) <= m.mostPairs() {
		l.list(m, pairs)
	}
	m.lists.Store(l)
	return nil
}

// Compared reports whether CompareWords has nothing left to do.
func (m *Model) Compared() bool { return len(m.scales) == 0 || m.lists.Load() != nil }

// alikePair is two rows whose cosine is LeastAlike or more, but for rounding.
type alikePair struct {
	rows [2]uint32
	dot  int32 // of their codes
}

// mostPairs bounds the pairs of rows that are kept.
func (m *Model) mostPairs() int { return mostLikes / 2 * len(m.scales) }

// alikePairs finds all pairs of rows that are alike, or more of them than can be kept.
func (m *Model) alikePairs(ctx context.Context) (pairs []alikePair, err error) {
	n := uint32(len(m.scales))
	most := m.mostPairs()
	var dots [comparedTogether]int32
	var rows [comparedTogether]uint32
	for from := uint32(0); from < n; from += comparedTogether {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		to := min(from+comparedTogether, n)
		for i := range to - from {
			rows[i] = from + i
		}
		shortest := slices.Max(m.inverse[from:to])
		for row := range to { // and those from from on: each two meet once
			vector.DotsInt8(dots[:to-from], m.rowCodes(row), m.codes, rows[:to-from])
			least := int32(min(.999*LeastAlike/float64(m.inverse[row]*shortest), math.MaxInt32))
			for i, dot := range dots[:to-from] {
				if dot >= least && rows[i] > row && m.cosine(dot, rows[i], row) >= .999*LeastAlike {
					pairs = append(pairs, alikePair{[2]uint32{row, rows[i]}, dot})
				}
			}
			if len(pairs) > most {
				return pairs, nil
			}
		}
	}
	return pairs, nil
}

// cosine is that of two rows whose codes have a product, as MostAlike computes it for a word and another.
func (m *Model) cosine(dot int32, other, word uint32) float32 {
	return min(1, float32(dot)*m.inverse[other]*m.inverse[word])
}

// list makes the lists of all rows from the pairs of rows that are alike.
func (l *likeness) list(m *Model, pairs []alikePair) {
	ends := make([]uint32, len(m.scales)+1)
	both := func(fn func(word, other uint32, cosine float32)) {
		for _, p := range pairs {
			for side, word := range p.rows {
				other := p.rows[1-side]
				if cosine := m.cosine(p.dot, other, word); cosine >= LeastAlike {
					fn(word, other, cosine)
				}
			}
		}
	}
	both(func(word, _ uint32, _ float32) { ends[word+1]++ })
	for row := range m.scales {
		ends[row+1] += ends[row]
	}
	l.begins = slices.Clone(ends)
	l.lists = make([]like, ends[len(m.scales)])
	buckets := m.bucketsOfRows()
	both(func(word, other uint32, cosine float32) {
		l.lists[ends[word]] = like{buckets[other], cosine}
		ends[word]++
	})
	for row := range m.scales {
		slices.SortFunc(l.of(uint32(row)), func(a, b like) int {
			return cmp.Or(cmp.Compare(b.cosine, a.cosine), cmp.Compare(a.bucket, b.bucket))
		})
	}
}

// of is the list of a row.
func (l *likeness) of(row uint32) []like { return l.lists[l.begins[row]:l.begins[row+1]] }

// bucketsOfRows returns the bucket of each trained row.
func (m *Model) bucketsOfRows() []uint32 {
	buckets := make([]uint32, len(m.scales))
	rank := 0
	m.known.each(func(bucket uint32) {
		if row := m.entries[rank].row; row != noRow {
			buckets[row] = bucket
		}
		rank++
	})
	return buckets
}

// mostAlike is Model.MostAlike from the lists.
func (l *likeness) mostAlike(m *Model, dst []float32, words, others []uint32) {
	var some [64]uint64 // low bits of the buckets of the others
	for _, id := range others {
		b := m.cfg.bucket(id)
		some[b>>6%64] |= 1 << (b & 63)
	}
	for i, id := range words {
		dst[i] = 0
		row := m.learned(id)
		if row == noRow {
			continue
		}
		for _, like := range l.of(row) {
			b := like.bucket
			is := func(id uint32) bool { return m.cfg.bucket(id) == b }
			if some[b>>6%64]>>(b&63)&1 != 0 && slices.ContainsFunc(others, is) {
				dst[i] = like.cosine
				break
			}
		}
	}
}
