package lexical

import (
	"encoding/binary"
	"slices"
	"unsafe"

	"github.com/akin-search/akin/embed/vector"
)

// run is the number of postings that a reader unpacks at a time.
const run = 256

// postingRun is scratch for each: postings unpacked, by rising slot.
type postingRun struct {
	slots   [run]uint32
	classes [run]uint8
}

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

// The lower bytes of four pairs of bytes, a one in each of them, and the sign of each pair.
const (
	lowBytes  = 0x00ff_00ff_00ff_00ff
	lowOnes   = 0x0001_0001_0001_0001
	pairSigns = 0x8000_8000_8000_8000
)

// four returns the first four postings of packed, and whether each is of one digit, as nearly all are.
func four(packed []byte) (postings uint64, plain bool) {
	postings = binary.LittleEndian.Uint64(packed)
	return postings, (postings&lowBytes-lowOnes)&pairSigns == 0 // no lower byte is 0
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

// each hands the published postings of a list to fn, n of r at a time, by rising slot, as long as fn returns true.
func (p *postings) each(tm *term, r *postingRun, fn func(n int) bool) {
	left := int(tm.count.Load())
	if left == 0 {
		return
	}
	chunks := p.chunks.Chunks() // after count: every slice of the published postings is in it
	address, size := tm.start()
	n, slot := 0, ^uint32(0) // postings in r; the last slot
	for {
		slice := chunks[address>>postingsBits][address%postingsChunk:][:size]
		packed, link := slice[:size-linkBytes], slice[size-linkBytes:]
		p.fetchNext(packed, link, left)
		for len(packed) > 0 {
			for left > 4 && n+4 < run && len(packed) >= 4*postingBytes {
				postings, plain := four(packed)
				if !plain {
					break
				}
				slots, classes := r.slots[n:][:4], r.classes[n:][:4]
				slots[0] = slot + uint32(postings&0xff)
				slots[1] = slots[0] + uint32(postings>>16&0xff)
				slots[2] = slots[1] + uint32(postings>>32&0xff)
				slots[3] = slots[2] + uint32(postings>>48&0xff)
				classes[0], classes[1], classes[2], classes[3] = packed[1], packed[3], packed[5], packed[7]
				slot = slots[3]
				n += 4
				left -= 4
				packed = packed[4*postingBytes:]
			}
			if len(packed) == 0 {
				break
			}
			gap, length := unpack(packed)
			if gap == 0 {
				break
			}
			slot += gap
			r.slots[n], r.classes[n] = slot, packed[length-1]
			packed = packed[length:]
			n++
			left--
			if n == run || left == 0 {
				if !fn(n) || left == 0 {
					return
				}
				n = 0
			}
		}
		address, size = binary.LittleEndian.Uint64(link), min(2*size, maxSlice)
	}
}

// addTo adds to sums, of each slot below their number that a list has, what the table says of its posting. Nearly all
// postings are of one digit: four at a time are looked at for others, and none waits for the length of the one before.
// It returns how many.
func (p *postings) addTo(tm *term, sums []uint16, table *[1 << classBits]uint16) int {
	count := int(tm.count.Load())
	left := count
	if left == 0 {
		return 0
	}
	chunks := p.chunks.Chunks() // after count: every slice of the published postings is in it
	address, size := tm.start()
	slot := ^uint32(0)
	for {
		slice := chunks[address>>postingsBits][address%postingsChunk:][:size]
		packed, link := slice[:size-linkBytes], slice[size-linkBytes:]
		p.fetchNext(packed, link, left)
		for left > 0 && len(packed) > 0 { // no byte after the last published
			for left >= 4 && len(packed) >= 4*postingBytes {
				postings, plain := four(packed)
				a := slot + uint32(postings&0xff)
				b := a + uint32(postings>>16&0xff)
				c := b + uint32(postings>>32&0xff)
				d := c + uint32(postings>>48&0xff)
				if !plain || int(d) >= len(sums) {
					break
				}
				sums[a] += table[postings>>8&0xff]
				sums[b] += table[postings>>24&0xff]
				sums[c] += table[postings>>40&0xff]
				sums[d] += table[postings>>56]
				slot = d
				left -= 4
				packed = packed[4*postingBytes:]
			}
			if left == 0 || len(packed) == 0 {
				break
			}
			gap, length := unpack(packed)
			if gap == 0 {
				break
			}
			slot += gap
			if int(slot) >= len(sums) {
				return count - left // it was appended after the query began
			}
			sums[slot] += table[packed[length-1]]
			packed = packed[length:]
			left--
		}
		if left == 0 {
			return count // nor is the link looked at, which may be written now
		}
		address, size = binary.LittleEndian.Uint64(link), min(2*size, maxSlice)
	}
}

// touch is addTo, and appends the slots whose sum was 0 to touched. What the table says is not 0.
func (p *postings) touch(
	tm *term, r *postingRun, sums []uint16, table *[1 << classBits]uint16, touched []uint32,
) ([]uint32, int) {
	m, added := len(touched), 0
	p.each(tm, r, func(n int) bool {
		touched = slices.Grow(touched[:m], n)[:m+n]
		for i, slot := range r.slots[:n] {
			if int(slot) >= len(sums) {
				added += i
				return false // appended after the query began
			}
			sum := sums[slot]
			touched[m] = slot
			if sum == 0 { // compiles to an increment without a branch
				m++
			}
			sums[slot] = sum + table[r.classes[i]]
		}
		added += n
		return true
	})
	return touched[:m], added
}
