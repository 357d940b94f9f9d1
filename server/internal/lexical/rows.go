package lexical

import (
	"math/bits"
	"sync/atomic"

	"github.com/akin-search/akin/server/internal/index/slab"
)

// arenaChunk is the number of words in the first chunk of the forward index, 256 KiB of them. A further one is as long
// as all before it, at most mostArenaChunk, 8 MiB: on huge pages, a row that is read alone costs no miss of the
// address cache. A variable so that tests cross chunks with few rows.
var arenaChunk uint32 = 1 << 17

const mostArenaChunk = 1 << 22

// rowChunk is the number of rows in a chunk of the row table.
const rowChunk = 1 << 12

// A row is the packed pairs of a paper (pairs.go), then its packed distinct bigrams, rising, all in words of 16 bits.
// An abstract has some 85 pairs and 115 bigrams: about 210 and 160 bytes, of 340 and 230 unpacked.

// row says where the row of a slot lies. All but removed is written before the slot is published.
type row struct {
	chunk, offset uint32
	pairs         uint32 // words of the packed pairs
	bigrams       uint32 // number of bigrams behind the pairs
	tokens        uint32 // content words
	removed       atomic.Bool
}

// arena holds the words of rows. One goroutine allocates, any number read what was published to them.
type arena struct {
	chunks slab.Table[[]uint16]
	used   uint32 // of the last chunk; the allocator's own
	bytes  atomic.Int64
}

// alloc returns n words in one chunk, with their place. A request larger than a chunk gets a chunk of its own.
func (a *arena) alloc(n uint32) (words []uint16, chunk, offset uint32) {
	chunks := a.chunks.Chunks()
	if len(chunks) == 0 || uint64(a.used)+uint64(n) > uint64(len(chunks[len(chunks)-1])) {
		size := max(arenaChunk, uint32(min(a.bytes.Load()/2, mostArenaChunk)), n)
		a.chunks.Add(slab.Halves(int(size)))
		a.bytes.Add(int64(size) * 2)
		chunks, a.used = a.chunks.Chunks(), 0
	}
	chunk, offset = uint32(len(chunks)-1), a.used
	a.used += n
	return chunks[chunk][offset : offset+n], chunk, offset
}

// at returns n words that alloc placed there.
func (a *arena) at(chunk, offset, n uint32) []uint16 {
	return a.chunks.Chunks()[chunk][offset : offset+n]
}

// Fewer bigrams than packBigramsFrom are written as they are. More are split: of each the lower byte stands in a list,
// two to a word, and the upper bytes are a set of bits in front of it, 256 zeros and a one for each bigram: the i-th
// one, at bit h + i, says that the i-th bigram has the upper byte h (Elias 1974, Fano 1971).
const packBigramsFrom = 36

// bigramWords is the number of words that n bigrams take, and bitWords that of their set of bits.
func bigramWords(n uint32) uint32 {
	if n < packBigramsFrom {
		return n
	}
	return bitWords(n) + (n+1)/2
}

func bitWords(n uint32) uint32 { return (256 + n + 15) / 16 }

// packBigrams writes bigrams, which rise, to dst, of length bigramWords and all zero.
func packBigrams(dst []uint16, bigrams []uint16) {
	n := uint32(len(bigrams))
	if n < packBigramsFrom {
		copy(dst, bigrams)
		return
	}
	low := dst[bitWords(n):]
	for i, b := range bigrams {
		at := int(b>>8) + i
		dst[at/16] |= 1 << (at % 16)
		low[i/2] |= b & 0xff << (i % 2 * 8)
	}
}

// eachBigram calls fn with n bigrams, at most those that words hold, by rising bigram.
func eachBigram(words []uint16, n uint32, fn func(b uint16)) {
	if n < packBigramsFrom {
		for _, b := range words[:n] {
			fn(b)
		}
		return
	}
	high, low := words[:bitWords(n)], words[bitWords(n):]
	i := 0
	for at, w := range high {
		for ; w != 0 && i < int(n); w &= w - 1 {
			upper := at*16 + bits.TrailingZeros16(w) - i
			fn(uint16(upper)<<8 | low[i/2]>>(i%2*8)&0xff)
			i++
		}
	}
}

// sharedBigrams is how many of the wanted bigrams, which rise, are among n packed ones.
func sharedBigrams(words []uint16, n uint32, wanted []uint16) (shared int) {
	if n < packBigramsFrom {
		at := 0
		for _, b := range wanted {
			for at < int(n) && words[at] < b {
				at++
			}
			if at < int(n) && words[at] == b {
				shared++
			}
		}
		return shared
	}
	high, low := words[:bitWords(n)], words[bitWords(n):]
	word, before := 0, 0 // the zeros in front of a word
	for _, b := range wanted {
		upper, begin := int(b>>8), 0
		if upper > 0 { // behind as many zeros
			zeros := 16 - bits.OnesCount16(high[word])
			for before+zeros < upper {
				before += zeros
				word++
				zeros = 16 - bits.OnesCount16(high[word])
			}
			rest := ^high[word]
			for range upper - before - 1 {
				rest &= rest - 1
			}
			begin = word*16 + bits.TrailingZeros16(rest) + 1
		}
		for at := begin; high[at/16]>>(at%16)&1 != 0; at++ {
			if i := at - upper; low[i/2]>>(i%2*8)&0xff == b&0xff {
				shared++
				break
			}
		}
	}
	return shared
}

// unpackBigrams appends n bigrams to dst, at most those that words hold.
func unpackBigrams(dst []uint16, words []uint16, n uint32) []uint16 {
	eachBigram(words, n, func(b uint16) { dst = append(dst, b) })
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
