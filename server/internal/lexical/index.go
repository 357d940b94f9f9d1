package lexical

import (
	"slices"
	"sync/atomic"

	"github.com/akin-search/akin/embed"
)

// Parameters of BM25.
const (
	DefaultK1 = 1.2
	b         = .75
)

// Index holds the words of papers by slot, the dense number of a paper in the order of Append, from 0. Append and
// Remove are for one goroutine at a time; all else may be called from many at once beside them.
type Index struct {
	rows  rowTable
	words arena
	terms termTable
	lists postings

	papers atomic.Int64 // live
	tokens atomic.Int64 // content words of the live papers

	bigrams, packed []uint16 // scratch of Append
	loaded          *loaded  // rows that have no lists yet; nil but between Load and BuildLists
}

// New makes an empty index. It takes 4 MiB of address space, which become memory as features are first seen.
func New() *Index {
	x := &Index{}
	x.terms.init()
	return x
}

// MaxPapers is the number of slots that the index can tell apart. Its owner must not append more.
const MaxPapers = 1<<32 - 1

// Append adds a paper and returns its slot. The terms are copied; counts above 4,095 are held as 4,095. IDs at or above
// 2^20 break the contract of embed.Terms and panic.
func (x *Index) Append(t *embed.Terms) (slot uint32) {
	slot, r := x.rows.next()
	x.bigrams = append(x.bigrams[:0], t.Bigrams...)
	slices.Sort(x.bigrams)
	x.bigrams = slices.Compact(x.bigrams)
	x.packed = packPairs(x.packed[:0], t.IDs, t.Counts)
	r.pairs, r.bigrams, r.tokens = uint32(len(x.packed)), uint32(len(x.bigrams)), uint32(t.Tokens)
	words, chunk, offset := x.words.alloc(r.pairs + bigramWords(r.bigrams))
	r.chunk, r.offset = chunk, offset
	copy(words, x.packed)
	packBigrams(words[r.pairs:], x.bigrams)
	for i, id := range t.IDs {
		tm := x.terms.make(id)
		tm.live.Add(1)
		x.lists.append(tm, slot, postingClass(min(uint32(t.Counts[i]), maxCount), r.tokens))
	}
	x.papers.Add(1)
	x.tokens.Add(int64(r.tokens))
	x.rows.n.Store(slot + 1)
	return slot
}

// Remove takes a paper out of the document frequencies, the number of papers and their mean length. Its row stays
// readable, for queries of an older revision. Removing it again changes nothing.
func (x *Index) Remove(slot uint32) {
	r := x.rows.at(slot)
	if r.removed.Swap(true) {
		return
	}
	for p := x.row(slot).all(); len(p.lows) > 0; {
		x.terms.find(p.next() >> countBits).live.Add(^uint32(0))
	}
	x.papers.Add(-1)
	x.tokens.Add(-int64(r.tokens))
}

// row returns the pairs of a slot below Len, by rising feature.
func (x *Index) row(slot uint32) pairs {
	r := x.rows.at(slot)
	return pairsOf(x.words.at(r.chunk, r.offset, r.pairs))
}

// rowBigrams returns the bigrams of a slot below Len, packed, with their number.
func (x *Index) rowBigrams(slot uint32) (words []uint16, n uint32) {
	r := x.rows.at(slot)
	return x.words.at(r.chunk, r.offset+r.pairs, bigramWords(r.bigrams)), r.bigrams
}

// Terms writes the terms of a slot below Len to dst, over the memory that dst has. Its bigrams are distinct and rise.
func (x *Index) Terms(slot uint32, dst *embed.Terms) {
	dst.IDs, dst.Counts = dst.IDs[:0], dst.Counts[:0]
	for p := x.row(slot).all(); len(p.lows) > 0; {
		word := p.next()
		dst.IDs = append(dst.IDs, word>>countBits)
		dst.Counts = append(dst.Counts, uint16(word&maxCount))
	}
	words, n := x.rowBigrams(slot)
	dst.Bigrams = unpackBigrams(dst.Bigrams[:0], words, n)
	dst.Tokens = int(x.rows.at(slot).tokens)
}

// Len is the number of papers appended, removed ones included.
func (x *Index) Len() int { return int(x.rows.n.Load()) }

// Papers is the number of live papers.
func (x *Index) Papers() int { return int(x.papers.Load()) }

// Frequency is the number of live papers that have a feature.
func (x *Index) Frequency(feature uint32) int {
	if tm := x.terms.find(feature); tm != nil {
		return int(tm.live.Load())
	}
	return 0
}

// Bytes is the memory held, in bytes: pairs, postings and tables.
func (x *Index) Bytes() int64 {
	const rowBytes, termBytes = 24, 32
	return x.words.bytes.Load() + x.lists.bytes() +
		int64(len(x.rows.chunks.Chunks()))*rowChunk*rowBytes +
		int64(len(x.terms.chunks.Chunks()))*termChunk*termBytes +
		int64(len(x.terms.numbers))*4
}
