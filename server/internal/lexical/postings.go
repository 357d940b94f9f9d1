package lexical

import (
	"encoding/binary"
	"math"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/akin-search/akin/server/internal/index/slab"
)

// A posting is the gap from the slot before and a byte for its weight class. The class holds the count and the length
// of the paper coarsely (class.go); a list is therefore scored nearly right without touching the papers. A gap is at
// least 1: that of the first posting is its slot and one. It is written by digits from 1 to 255, the highest first, of
// which each is worth 255 times the next (bijective numeration): so a digit is never 0, and two bytes tell what they
// are.
//
//	digit class    the last digit: so a posting of a word that one paper in 255 has is of two bytes most often
//	0     digit    one before it: a gap up to 65,280 takes four bytes, one up to 16,646,655 six
//	0     0        the rest of a slice is unused
const classBits = 8

// A list of postings lies in slices of growing size, 16, 32, 64 up to maxSlice bytes, of which the last 8 are the
// address of the next slice; a bulk build begins with a slice for all that it has. No posting crosses slices: the rest
// of one that is too small for the next posting stays zero. A reader that knows how many postings were published walks
// the list without locks, and no posting ever moves; the address of a slice is written before the first posting in it
// is published.
const (
	postingBytes  = 2 // of a posting of one digit
	mostDigit     = 255
	mostDigits    = 5 // of a gap
	linkBytes     = 8
	firstSlice    = 16
	maxSlice      = 1 << 12
	sizeShift     = 56 // of the logarithm of a first slice's size above its address
	postingsBits  = 18 // log2 of the bytes in a chunk
	postingsChunk = 1 << postingsBits
)

const termChunk = 1 << 10

// term is the list and the document frequency of one feature.
type term struct {
	first uint64        // address of the first slice, above it the binary logarithm of its bytes; written before count
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
	gap := slot + 1 - tm.next
	if gap <= mostDigit && tm.left >= postingBytes { // nearly always
		chunk, at := p.chunks.Chunks()[tm.tail>>postingsBits], tm.tail%postingsChunk
		chunk[at], chunk[at+1] = byte(gap), class
		tm.advance(postingBytes, slot)
		return
	}
	var digits [mostDigits]byte
	n := len(digits)
	for rest := gap; rest > 0; rest = (rest - 1) / mostDigit {
		n--
		digits[n] = byte((rest-1)%mostDigit + 1)
	}
	size := uint16(postingBytes * (len(digits) - n))
	for tm.left < size {
		p.extend(tm)
	}
	packed := p.bytesAt(tm.tail, int(size))
	for _, digit := range digits[n:] {
		packed[0], packed[1] = 0, digit
		packed = packed[postingBytes:]
	}
	last := p.bytesAt(tm.tail, int(size))[size-postingBytes:]
	last[0], last[1] = digits[len(digits)-1], class
	tm.advance(size, slot)
}

// advance notes that a posting of n bytes was put.
func (tm *term) advance(n uint16, slot uint32) {
	tm.tail += uint64(n)
	tm.left -= n
	tm.next = slot + 1
}

// extend goes on to another slice, twice as long as the last.
func (p *postings) extend(tm *term) {
	if tm.slice == 0 {
		p.begin(tm, firstSlice)
		return
	}
	size := min(2*tm.slice, maxSlice)
	fresh := p.alloc(uint64(size))
	binary.LittleEndian.PutUint64(p.bytesAt(tm.tail+uint64(tm.left), linkBytes), fresh)
	tm.tail, tm.left, tm.slice = fresh, size-linkBytes, size
}

// begin gives an empty list its first slice, whose size is a power of two from firstSlice to maxSlice.
func (p *postings) begin(tm *term, size uint16) {
	fresh := p.alloc(uint64(size))
	tm.first = fresh | uint64(bits.TrailingZeros16(size))<<sizeShift
	tm.tail, tm.left, tm.slice = fresh, size-linkBytes, size
}

// start returns where the first slice of a list lies, and its size. The list has postings.
func (tm *term) start() (address uint64, size int) {
	return tm.first & (1<<sizeShift - 1), 1 << (tm.first >> sizeShift)
}

// sliceFor is the size of the first slice for n postings among so many papers, as long as one slice takes. Gaps of a
// word that is as frequent everywhere fall off exponentially, and each above mostDigit takes two bytes more.
func sliceFor(n, papers float64) uint16 {
	bytes := postingBytes*n*(1+math.Exp(-mostDigit*n/papers)) + linkBytes
	size := uint16(firstSlice)
	for size < maxSlice && float64(size) < bytes {
		size *= 2
	}
	return size
}

func (p *postings) bytes() int64 { return int64(len(p.chunks.Chunks())) * postingsChunk }
