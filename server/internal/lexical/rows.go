package lexical

import (
	"math/bits"
	"sync/atomic"

	"github.com/akin-search/akin/server/internal/index/slab"
)

// A pair is one word of a row, unpacked: the feature in the upper 20 bits, the count in the lower 12, saturated.
const (
	countBits = 12
	maxCount  = 1<<countBits - 1
	features  = 1 << 20
)

// arenaChunk is the number of words in a chunk of the forward index, 256 KiB of them. A variable so that tests cross
// chunks with few rows.
var arenaChunk uint32 = 1 << 17

// rowChunk is the number of rows in a chunk of the row table.
const rowChunk = 1 << 12

// A row is the packed pairs of a paper by rising feature, then its packed distinct bigrams, rising, all in words of 16
// bits. An abstract has some 85 pairs and 115 bigrams: about 210 and 160 bytes, of 340 and 230 unpacked.

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
		size := max(arenaChunk, n)
		a.chunks.Add(make([]uint16, size))
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

// A packed pair is a word: the gap from the feature before in the upper 15 bits, and a bit that says that the count is
// above 1 and stands in the word behind. A gap of maxGap or more is spelt with words of farther before it, each
// maxGap. The mean gap of an abstract is 12,000, so one pair in fifteen needs that.
const (
	maxGap  = 1<<15 - 1
	farther = maxGap << 1
)

// packPairs appends the packed pairs of features, which rise, and their counts, which are at least 1.
func packPairs(dst []uint16, ids []uint32, counts []uint16) []uint16 {
	last := uint32(0)
	for i, id := range ids {
		gap := id - last
		last = id
		for ; gap >= maxGap; gap -= maxGap {
			dst = append(dst, farther)
		}
		count := min(counts[i], maxCount)
		if count == 1 {
			dst = append(dst, uint16(gap<<1))
		} else {
			dst = append(dst, uint16(gap<<1|1), count)
		}
	}
	return dst
}

// pairs unpacks the pairs of a row one after the other.
type pairs struct {
	words   []uint16
	feature uint32
}

// next returns the next pair, feature<<countBits | count; there must be one, which is so while words are left.
func (p *pairs) next() uint32 {
	w := p.words[0]
	if w&1 == 0 && w != farther {
		p.words = p.words[1:]
		p.feature += uint32(w >> 1)
		return p.feature<<countBits | 1
	}
	return p.long()
}

// long is next for a far or repeated word.
func (p *pairs) long() uint32 {
	i := 0
	for ; p.words[i] == farther; i++ {
		p.feature += maxGap
	}
	w := p.words[i]
	p.feature += uint32(w >> 1)
	i++
	count := uint32(1)
	if w&1 != 0 {
		count = uint32(p.words[i])
		i++
	}
	p.words = p.words[i:]
	return p.feature<<countBits | count
}

// countPairs reports whether words are what packPairs makes: features that rise and are below features, counts from 2
// to maxCount where they are written at all. It adds 1 to the count of each feature that it comes by.
func countPairs(words []uint16, counts []uint32) bool {
	feature := int64(-1) // before the first
	at := int64(0)
	for i := 0; i < len(words); i++ {
		w := words[i]
		if w == farther {
			if at += maxGap; at >= features || i+1 == len(words) {
				return false
			}
			continue
		}
		if w>>1 == maxGap {
			return false // spelt as farther and 0
		}
		if at += int64(w >> 1); at >= features || at <= feature {
			return false
		}
		feature = at
		counts[at]++
		if w&1 != 0 {
			if i++; i == len(words) || words[i] == 0 || words[i] == 1 || words[i] > maxCount {
				return false
			}
		}
	}
	return true
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
