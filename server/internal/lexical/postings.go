package lexical

import (
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/akin-search/akin/server/internal/index/slab"
)

// A posting is the gap from the slot before, 7 bits a byte, lowest first, the last byte below 128, and a byte for its
// weight class: two bytes for a word that one paper in 127 has, three for one in 16,000. The class holds the count and
// the length of the paper coarsely (class.go); a list is therefore scored nearly right without touching the papers. A
// gap is at least 1: that of the first posting is its slot and one.
const classBits = 8

// A list of postings lies in slices of growing size, 16, 32, 64 up to maxSlice bytes, of which the last 8 are the
// address of the next slice. No posting crosses slices: the rest of one that is too small for the next posting stays
// zero, and no posting begins with zero. A reader that knows how many postings were published walks the list without
// locks, and no posting ever moves; the address of a slice is written before the first posting in it is published.
const (
	linkBytes     = 8
	firstSlice    = 16
	maxSlice      = 1 << 12
	postingsBits  = 18 // log2 of the bytes in a chunk
	postingsChunk = 1 << postingsBits
)

const termChunk = 1 << 10

// term is the list and the document frequency of one feature.
type term struct {
	first uint64        // address of the first slice; written before count
	tail  uint64        // where the next posting goes; the appender's own
	next  uint32        // the last slot and one; the appender's own
	left  uint16        // bytes left in the last slice, without its link; the appender's own
	slice uint16        // bytes of the last slice; the appender's own
	count atomic.Uint32 // postings published, removed papers included
	live  atomic.Uint32 // papers that are not removed: df
}

// termTable finds the term of a feature. Features that no paper has take no more than 4 bytes.
type termTable struct {
	numbers []atomic.Uint32 // by feature: 1 + number of the term; 0: none
	chunks  slab.Table[*[termChunk]term]
	n       uint32
}

func (t *termTable) init() { t.numbers = make([]atomic.Uint32, features) }

// find returns the term of a feature, or nil.
func (t *termTable) find(feature uint32) *term {
	number := t.numbers[feature].Load()
	if number == 0 {
		return nil
	}
	number--
	return &t.chunks.Chunks()[number/termChunk][number%termChunk]
}

// make returns the term of a feature and creates it first where there is none.
func (t *termTable) make(feature uint32) *term {
	if tm := t.find(feature); tm != nil {
		return tm
	}
	if int(t.n/termChunk) == len(t.chunks.Chunks()) {
		t.chunks.Add(new([termChunk]term))
	}
	tm := &t.chunks.Chunks()[t.n/termChunk][t.n%termChunk]
	t.n++
	t.numbers[feature].Store(t.n)
	return tm
}

// postings is the memory of all lists. An address is the number of a byte.
type postings struct {
	chunks slab.Table[*[postingsChunk]byte]
	blocks *slab.Slab // that chunks are made of; nil before the first
	mu     sync.Mutex // held by alloc: a bulk build has several appenders, each of lists of its own
	next   uint64     // first unused address
}

// alloc returns the address of n unused bytes in one chunk; n is a power of two of at most maxSlice.
func (p *postings) alloc(n uint64) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if rest := postingsChunk - p.next%postingsChunk; rest < n {
		p.next += rest
	}
	if int(p.next>>postingsBits) == len(p.chunks.Chunks()) {
		if p.blocks == nil {
			p.blocks = slab.New(postingsChunk)
		}
		p.chunks.Add((*[postingsChunk]byte)(p.blocks.Bytes()))
	}
	address := p.next
	p.next += n
	return address
}

// bytesAt returns n bytes in one chunk.
func (p *postings) bytesAt(address uint64, n int) []byte {
	return p.chunks.Chunks()[address>>postingsBits][address%postingsChunk:][:n:n]
}

// append adds a posting to a list and publishes it. Slots rise.
func (p *postings) append(tm *term, slot uint32, class byte) {
	p.put(tm, slot, class)
	tm.count.Add(1)
}

// put adds a posting to a list without publishing it.
func (p *postings) put(tm *term, slot uint32, class byte) {
	if gap := slot + 1 - tm.next; gap < 1<<14 && tm.left >= 3 { // nearly always
		chunk, at := p.chunks.Chunks()[tm.tail>>postingsBits], tm.tail%postingsChunk
		n := uint16(2)
		if gap < 1<<7 {
			chunk[at], chunk[at+1] = byte(gap), class
		} else {
			chunk[at], chunk[at+1], chunk[at+2] = byte(gap)|1<<7, byte(gap>>7), class
			n = 3
		}
		tm.tail += uint64(n)
		tm.left -= n
		tm.next = slot + 1
		return
	}
	var posting [binary.MaxVarintLen32 + 1]byte
	n := binary.PutUvarint(posting[:], uint64(slot)+1-uint64(tm.next))
	posting[n] = class
	n++
	if int(tm.left) < n {
		size := uint16(firstSlice)
		if tm.slice > 0 {
			size = min(2*tm.slice, maxSlice)
		}
		fresh := p.alloc(uint64(size))
		if tm.slice == 0 {
			tm.first = fresh
		} else {
			binary.LittleEndian.PutUint64(p.bytesAt(tm.tail+uint64(tm.left), linkBytes), fresh)
		}
		tm.tail, tm.left, tm.slice = fresh, size-linkBytes, size
	}
	copy(p.bytesAt(tm.tail, n), posting[:n])
	tm.tail += uint64(n)
	tm.left -= uint16(n)
	tm.next = slot + 1
}

// run is the number of postings that a reader unpacks at a time.
const run = 256

// postingRun is scratch for each: postings unpacked, by rising slot.
type postingRun struct {
	slots   [run]uint32
	classes [run]uint8
}

// each hands the published postings of a list to fn, n of r at a time, by rising slot, as long as fn returns true.
func (p *postings) each(tm *term, r *postingRun, fn func(n int) bool) {
	left := tm.count.Load()
	if left == 0 {
		return
	}
	chunks := p.chunks.Chunks() // after count: every slice of the published postings is in it
	address, size := tm.first, firstSlice
	n, next := 0, uint32(0) // postings in r; the last slot and one
	for {
		slice := chunks[address>>postingsBits][address%postingsChunk:][:size]
		packed, link := slice[:size-linkBytes], slice[size-linkBytes:]
		for at := 0; at < len(packed) && packed[at] != 0; {
			gap := uint32(packed[at])
			at++
			if gap >= 1<<7 {
				gap &= 1<<7 - 1
				for shift := 7; ; shift += 7 {
					more := uint32(packed[at])
					at++
					gap |= more & (1<<7 - 1) << shift
					if more < 1<<7 {
						break
					}
				}
			}
			next += gap
			r.slots[n], r.classes[n] = next-1, packed[at]
			at++
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

// addTo adds to sums, of each slot below their number that a list has, what the table says of its posting, which
// is not 0, and appends the slots whose sum was 0 to touched. It is each without the detour over a run.
func (p *postings) addTo(tm *term, sums []uint16, table *[1 << classBits]uint16, touched []uint32) []uint32 {
	left := int(tm.count.Load())
	if left == 0 {
		return touched
	}
	m := len(touched)
	touched = slices.Grow(touched, left+1)[:m+left+1]
	chunks := p.chunks.Chunks() // after count: every slice of the published postings is in it
	address, size, next := tm.first, firstSlice, uint32(0)
	for {
		slice := chunks[address>>postingsBits][address%postingsChunk:][:size]
		packed, link := slice[:size-linkBytes], slice[size-linkBytes:]
		for at := 0; left > 0 && at < len(packed) && packed[at] != 0; left-- { // no byte after the last published
			gap := uint32(packed[at])
			at++
			if gap >= 1<<7 {
				gap &= 1<<7 - 1
				for shift := 7; ; shift += 7 {
					more := uint32(packed[at])
					at++
					gap |= more & (1<<7 - 1) << shift
					if more < 1<<7 {
						break
					}
				}
			}
			next += gap
			class := packed[at]
			at++
			slot := next - 1
			if int(slot) >= len(sums) {
				return touched[:m] // appended after the query began
			}
			sum := sums[slot]
			touched[m] = slot
			if sum == 0 { // compiles to an increment without a branch
				m++
			}
			sums[slot] = sum + table[class]
		}
		if left == 0 {
			break // nor is the link looked at, which may be written now
		}
		address, size = binary.LittleEndian.Uint64(link), min(2*size, maxSlice)
	}
	return touched[:m]
}

func (p *postings) bytes() int64 { return int64(len(p.chunks.Chunks())) * postingsChunk }
