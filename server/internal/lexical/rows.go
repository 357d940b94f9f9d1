package lexical

import (
	"sync/atomic"

	"github.com/akin-search/akin/server/internal/index/slab"
)

// A pair is one word of a row: the feature in the upper 20 bits, the count in the lower 12, saturated.
const (
	countBits = 12
	maxCount  = 1<<countBits - 1
	features  = 1 << 20
)

// arenaChunk is the number of words in a chunk of the forward index, 256 KiB of them. A variable so that tests cross
// chunks with few rows.
var arenaChunk uint32 = 1 << 16

// rowChunk is the number of rows in a chunk of the row table.
const rowChunk = 1 << 12

// A row is the pairs of a paper by rising feature, then its distinct bigrams, rising, the first of two in the lower half
// of a word.

// row says where the row of a slot lies. All but removed is written before the slot is published.
type row struct {
	chunk, offset uint32
	pairs         uint32
	bigrams       uint32 // behind the pairs, two to a word
	tokens        uint32 // content words
	removed       atomic.Bool
}

// arena holds the words of rows. One goroutine allocates, any number read what was published to them.
type arena struct {
	chunks slab.Table[[]uint32]
	used   uint32 // of the last chunk; the allocator's own
	bytes  atomic.Int64
}

// alloc returns n words in one chunk, with their place. A request larger than a chunk gets a chunk of its own.
func (a *arena) alloc(n uint32) (words []uint32, chunk, offset uint32) {
	chunks := a.chunks.Chunks()
	if len(chunks) == 0 || uint64(a.used)+uint64(n) > uint64(len(chunks[len(chunks)-1])) {
		size := max(arenaChunk, n)
		a.chunks.Add(make([]uint32, size))
		a.bytes.Add(int64(size) * 4)
		chunks, a.used = a.chunks.Chunks(), 0
	}
	chunk, offset = uint32(len(chunks)-1), a.used
	a.used += n
	return chunks[chunk][offset : offset+n], chunk, offset
}

// at returns n words that alloc placed there.
func (a *arena) at(chunk, offset, n uint32) []uint32 {
	return a.chunks.Chunks()[chunk][offset : offset+n]
}

// bigramWords is the number of words that n bigrams take.
func bigramWords(n uint32) uint32 { return (n + 1) / 2 }

// packBigrams writes bigrams to dst, of length bigramWords, and unpackBigrams appends n of them to dst.
func packBigrams(dst []uint32, bigrams []uint16) {
	for i, b := range bigrams {
		if i%2 == 0 {
			dst[i/2] = uint32(b)
		} else {
			dst[i/2] |= uint32(b) << 16
		}
	}
}

func unpackBigrams(dst []uint16, words []uint32, n uint32) []uint16 {
	for i := range n {
		dst = append(dst, uint16(words[i/2]>>(i%2*16)))
	}
	return dst
}

// rowTable holds a row a slot.
type rowTable struct {
	chunks slab.Table[*[rowChunk]row]
	n      atomic.Uint32 // rows published
}

// next returns the row of the slot to be published next.
func (t *rowTable) next() (uint32, *row) {
	slot := t.n.Load()
	if int(slot/rowChunk) == len(t.chunks.Chunks()) {
		t.chunks.Add(new([rowChunk]row))
	}
	return slot, t.at(slot)
}

func (t *rowTable) at(slot uint32) *row {
	return &t.chunks.Chunks()[slot/rowChunk][slot%rowChunk]
}
