package lexical

import "math/bits"

// A pair is one word of a row, unpacked: the feature in the upper 20 bits, the count in the lower 12, saturated.
const (
	countBits = 12
	maxCount  = 1<<countBits - 1
	features  = 1 << 20
)

// The packed pairs of a row are made to be looked up in, since a query has a few features and a row some 85. The upper
// 4 bits of a feature choose one of 16 buckets, of which each holds some five features of an abstract.
//
//	ends     16 bytes: how many features are in the buckets up to this one. The last is their number; where that is
//	         above 255 all are 0, and 16 numbers of 32 bits follow
//	lows     the lower 16 bits of each feature, by rising feature
//	several  a bit a feature, lowest first: its count is above 1
//	counts   a nibble for each count above 1: it less 2, or escaped
//	escapes  the counts from escaped+2 on
//
// A row without pairs takes no words.
const (
	buckets      = 16
	bucketShift  = 16
	narrowPairs  = 255 // the most pairs whose ends are bytes
	narrowHeader = buckets / 2
	wideHeader   = narrowHeader + 2*buckets
	escaped      = 15
)

// packPairs appends the packed pairs of features, which rise, and their counts, which are at least 1.
func packPairs(dst []uint16, ids []uint32, counts []uint16) []uint16 {
	if len(ids) == 0 {
		return dst
	}
	var ends [buckets]uint32
	for _, id := range ids {
		ends[id>>bucketShift]++
	}
	for b := 1; b < buckets; b++ {
		ends[b] += ends[b-1]
	}
	if len(ids) <= narrowPairs {
		for b := 0; b < buckets; b += 2 {
			dst = append(dst, uint16(ends[b]|ends[b+1]<<8))
		}
	} else {
		dst = append(dst, make([]uint16, narrowHeader)...)
		for _, end := range ends {
			dst = append(dst, uint16(end), uint16(end>>16))
		}
	}
	for _, id := range ids {
		dst = append(dst, uint16(id))
	}
	several := len(dst)
	dst = append(dst, make([]uint16, (len(ids)+15)/16)...)
	nibbles := len(dst)
	n := 0
	for i := range ids {
		if counts[i] < 2 {
			continue
		}
		dst[several+i/16] |= 1 << (i % 16)
		if n%4 == 0 {
			dst = append(dst, 0)
		}
		dst[nibbles+n/4] |= min(counts[i]-2, escaped) << (n % 4 * 4)
		n++
	}
	for i := range ids {
		if count := min(counts[i], maxCount); count >= escaped+2 {
			dst = append(dst, count)
		}
	}
	return dst
}

// pairs reads the packed pairs of a row.
type pairs struct {
	lows    []uint16
	several []uint16 // what is behind lows
	words   []uint16 // the row
}

// pairsOf reads a row's words.
func pairsOf(words []uint16) pairs {
	if len(words) == 0 {
		return pairs{}
	}
	header, n := narrowHeader, int(words[narrowHeader-1]>>8)
	if n == 0 {
		header, n = wideHeader, int(words[wideHeader-2])|int(words[wideHeader-1])<<16
	}
	lows := words[header:]
	return pairs{lows: lows[:n:n], several: lows[n:], words: words}
}

// end is where bucket b ends in lows.
func (p *pairs) end(b uint32) int {
	if len(p.lows) <= narrowPairs {
		return int(p.words[b/2] >> (b % 2 * 8) & 0xff)
	}
	at := narrowHeader + 2*b
	return int(p.words[at]) | int(p.words[at+1])<<16
}

// find returns the place of a feature, or -1.
func (p *pairs) find(feature uint32) int {
	if len(p.lows) == 0 {
		return -1
	}
	b := feature >> bucketShift
	begin := 0
	if b > 0 {
		begin = p.end(b - 1)
	}
	low := uint16(feature)
	for i, x := range p.lows[begin:p.end(b)] {
		if x == low {
			return begin + i
		}
	}
	return -1
}

// has reports whether a feature is at a place, of which the lower bits are known.
func (p *pairs) has(at int, low uint16, feature uint32) bool {
	if uint16(feature) != low {
		return false
	}
	b := feature >> bucketShift
	return at < p.end(b) && (b == 0 || at >= p.end(b-1))
}

// count returns the count of the feature at a place.
func (p *pairs) count(i int) uint32 {
	if p.several[i/16]>>(i%16)&1 == 0 {
		return 1
	}
	rank := bits.OnesCount16(p.several[i/16] & (1<<(i%16) - 1))
	for _, w := range p.several[:i/16] {
		rank += bits.OnesCount16(w)
	}
	counts := p.several[(len(p.lows)+15)/16:]
	if n := counts[rank/4] >> (rank % 4 * 4) & 0xf; n != escaped {
		return uint32(n) + 2
	}
	return p.escape(counts, rank)
}

// escape returns a count that its nibble, at a place among the nibbles, does not hold.
func (p *pairs) escape(counts []uint16, at int) uint32 {
	several, before := 0, 0
	for _, w := range p.several[:(len(p.lows)+15)/16] {
		several += bits.OnesCount16(w)
	}
	for i := range at {
		if counts[i/4]>>(i%4*4)&0xf == escaped {
			before++
		}
	}
	return uint32(counts[(several+3)/4+before])
}

// pairWay is the way through all pairs of a row, by rising feature.
type pairWay struct {
	lows   []uint16 // what is left
	pairs  pairs
	place  int
	bucket uint32
	end    int // of the bucket
	rank   int // among the counts above 1
}

// all begins at the first pair.
func (p pairs) all() pairWay {
	e := pairWay{lows: p.lows, pairs: p}
	if len(p.lows) > 0 {
		e.end = p.end(0)
	}
	return e
}

// next returns the next pair, feature<<countBits | count; there must be one, which is so while lows are left.
func (e *pairWay) next() uint32 {
	for e.place == e.end {
		e.bucket++
		e.end = e.pairs.end(e.bucket)
	}
	i := e.place
	pair := (e.bucket<<bucketShift | uint32(e.lows[0])) << countBits
	e.lows = e.lows[1:]
	e.place++
	if e.pairs.several[i/16]>>(i%16)&1 == 0 {
		return pair | 1
	}
	return pair | e.count()
}

// count returns the next count above 1.
func (e *pairWay) count() uint32 {
	counts := e.pairs.several[(len(e.pairs.lows)+15)/16:]
	rank := e.rank
	e.rank++
	if n := counts[rank/4] >> (rank % 4 * 4) & 0xf; n != escaped {
		return uint32(n) + 2
	}
	return e.pairs.escape(counts, rank)
}

// countPairs is checkPairs, and adds 1 to the count of each feature.
func countPairs(words []uint16, counts []uint32) bool {
	if !checkPairs(words) {
		return false
	}
	p := pairsOf(words)
	begin := 0
	for b := range uint32(buckets) {
		if len(p.lows) == 0 {
			break
		}
		end := p.end(b)
		for _, low := range p.lows[begin:end] {
			counts[b<<bucketShift|uint32(low)]++
		}
		begin = end
	}
	return true
}

// checkPairs reports whether words are what packPairs makes: features that rise, and counts from 2 to maxCount that
// are written in the shortest way.
func checkPairs(words []uint16) bool {
	if len(words) == 0 {
		return true
	}
	if len(words) < narrowHeader {
		return false
	}
	header, n := narrowHeader, int(words[narrowHeader-1]>>8)
	if n == 0 {
		if len(words) < wideHeader {
			return false
		}
		header, n = wideHeader, int(words[wideHeader-2])|int(words[wideHeader-1])<<16
		for _, w := range words[:narrowHeader] {
			if w != 0 {
				return false
			}
		}
		if n <= narrowPairs || n > features {
			return false
		}
	}
	if len(words) < header+n+(n+15)/16 {
		return false
	}
	p := pairsOf(words)
	begin := 0
	for b := range uint32(buckets) {
		end := p.end(b)
		if end < begin || end > n {
			return false
		}
		for i := begin + 1; i < end; i++ {
			if p.lows[i] <= p.lows[i-1] {
				return false
			}
		}
		begin = end
	}
	return begin == n && p.checkCounts()
}

func (p *pairs) checkCounts() bool {
	n := len(p.lows)
	several, counts := p.several[:(n+15)/16], p.several[(n+15)/16:]
	if last := n % 16; last != 0 && several[n/16]>>last != 0 {
		return false
	}
	ones := 0
	for _, w := range several {
		ones += bits.OnesCount16(w)
	}
	nibbles := (ones + 3) / 4
	if len(counts) < nibbles {
		return false
	}
	escapes := counts[nibbles:]
	long := 0
	for i := range nibbles * 4 {
		switch n := counts[i/4] >> (i % 4 * 4) & 0xf; {
		case i >= ones && n != 0:
			return false
		case i < ones && n == escaped:
			long++
		}
	}
	if len(escapes) != long {
		return false
	}
	for _, count := range escapes {
		if count < escaped+2 || count > maxCount {
			return false
		}
	}
	return true
}
