package lexical

import (
	"encoding/binary"
	"unsafe"

	"github.com/akin-search/akin/embed/vector"
)

// unpack returns the gap of the posting that packed begins with, and its length, the class being its last byte. The gap
// is 0 where the rest of a slice is unused.
func unpack(packed []byte) (gap uint32, n int) {
	for n = postingBytes; packed[n-2] == 0; n += postingBytes {
		if packed[n-1] == 0 {
			return 0, n
		}
		gap = (gap + uint32(packed[n-1])) * mostDigit
	}
	return gap + uint32(packed[n-2]), n
}

// Four pairs of bytes are looked at together, four postings of one digit or fewer of more: the lower byte of a pair is
// in the lower half of a lane.
const (
	lanes     = 4
	lowBytes  = 0x00ff_00ff_00ff_00ff
	lowOnes   = 0x0001_0001_0001_0001
	laneBits  = 16
	wideClass = 1 << classBits // stands for the class of a digit before the last
)

// four returns the first four pairs of packed, and in bit 8 of the lane of each whether it is a digit before the last.
func four(packed []byte) (pairs, wide uint64) {
	pairs = binary.LittleEndian.Uint64(packed)
	return pairs, ^(pairs&lowBytes + lowBytes) & (lowOnes << 8) // where the lower byte is 0
}

// spread tells of each of four pairs how far the slot goes on with it, and the class, which is wideClass where it is a
// digit before the last. This is right of gaps of up to two digits: those of more have two such pairs in succession.
// The unused rest of a slice goes nowhere.
func spread(pairs, wide uint64) (gaps, classes uint64) {
	low, high := pairs&lowBytes, pairs>>8&lowBytes
	digits := high & (wide - wide>>8)
	return low + digits<<8 - digits, high - digits + wide
}

// fetch fetches what a slice begins with. What is behind it the processor fetches by itself, as it reads on.
func (p *postings) fetch(address uint64) {
	const lines = 4
	vector.Prefetch(unsafe.Pointer(&p.chunks.Chunks()[address>>postingsBits][address%postingsChunk]), lines)
}

// fetchNext fetches the slice behind one that holds the next of so many published postings: if they are too many for
// it, then there is one, and its address is written.
func (p *postings) fetchNext(packed, link []byte, left int) {
	if left > len(packed)/postingBytes {
		p.fetch(binary.LittleEndian.Uint64(link))
	}
}

// place is where the reading of a list stopped.
type place struct {
	address uint64 // of the slice
	size    int    // of the slice
	at      int    // in the slice, of the next posting
	slot    uint32 // of the last posting
	left    int    // published postings that are not read
}

// place is before all postings of a list that are published now.
func (tm *term) place() place {
	left := int(tm.count.Load())
	if left == 0 {
		return place{}
	}
	address, size := tm.start()
	return place{address: address, size: size, slot: ^uint32(0), left: left}
}

// next is the address of the next posting, if there is one in the slice.
func (p *place) next() uint64 { return p.address + uint64(p.at) }

// addTo reads a list on, as long as its slots are below the number of sums, and adds to each what the table says of its
// posting. Nearly all postings are of one digit or two: four pairs of bytes at a time are looked at for others, and
// none waits for the length of the one before.
func (p *postings) addTo(from *place, sums []uint16, table *impacts) {
	slot, left := from.slot, from.left
	for left > 0 {
		chunks := p.chunks.Chunks() // after the count: every slice of the published postings is in it
		slice := chunks[from.address>>postingsBits][from.address%postingsChunk:][:from.size]
		packed, link := slice[:from.size-linkBytes], slice[from.size-linkBytes:]
		at := from.at
		if at == 0 {
			p.fetchNext(packed, link, left)
		}
		for left > 0 && at < len(packed) { // no byte after the last published
			last := uint64(0) // whether the last pair looked at is a digit before the last of its posting
			for left >= lanes && at+lanes*postingBytes <= len(packed) {
				pairs, wide := four(packed[at:])
				if wide|last == 0 {
					a := slot + uint32(pairs&0xff)
					b := a + uint32(pairs>>laneBits&0xff)
					c := b + uint32(pairs>>(2*laneBits)&0xff)
					d := c + uint32(pairs>>(3*laneBits)&0xff)
					if int(d) >= len(sums) {
						break
					}
					sums[a] += table[pairs>>8&0xff]
					sums[b] += table[pairs>>24&0xff]
					sums[c] += table[pairs>>40&0xff]
					sums[d] += table[pairs>>56]
					slot = d
					left -= lanes
					at += lanes * postingBytes
					continue
				}
				gaps, classes := spread(pairs, wide)
				a := slot + uint32(gaps&0xffff)
				b := a + uint32(gaps>>laneBits&0xffff)
				c := b + uint32(gaps>>(2*laneBits)&0xffff)
				d := c + uint32(gaps>>(3*laneBits))
				if wide&(wide<<laneBits|last) != 0 || int(d) >= len(sums) {
					break
				}
				sums[a] += table[classes%(2*wideClass)]
				sums[b] += table[classes>>laneBits%(2*wideClass)]
				sums[c] += table[classes>>(2*laneBits)%(2*wideClass)]
				sums[d] += table[classes>>(3*laneBits)%(2*wideClass)]
				slot = d
				left -= lanes - int(wide>>8*lowOnes>>(3*laneBits))
				last = wide >> (3 * laneBits)
				at += lanes * postingBytes
			}
			if last != 0 { // its posting is read from the first digit on
				at -= postingBytes
				slot -= mostDigit * uint32(packed[at+1])
			}
			if left == 0 || at == len(packed) {
				break
			}
			gap, length := unpack(packed[at:])
			if gap == 0 {
				break
			}
			if int(slot+gap) >= len(sums) {
				from.at, from.slot, from.left = at, slot, left
				return
			}
			slot += gap
			at += length
			sums[slot] += table[packed[at-1]]
			left--
		}
		if left > 0 { // else the link may be written now
			from.address, from.size, from.at = binary.LittleEndian.Uint64(link), min(2*from.size, maxSlice), 0
		}
	}
	from.slot, from.left = slot, 0
}
