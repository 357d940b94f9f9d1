package lexical

import (
	"sync/atomic"

	"github.com/akin-search/akin/server/internal/index/slab"
)

// A posting is one uint32: the slot in the upper 24 bits, its weight class in the lower 8. The class holds the count and
// the length of the paper coarsely (class.go); a list is therefore scored nearly right without touching the papers.
const (
	classBits = 8
	// MaxPapers is the number of slots that the inverted index can tell apart. Append panics beyond it.
	MaxPapers = 1 << (32 - classBits)
)

// A list of postings lies in slices of growing size, 2, 4, 8 up to maxSlice words, of which the last word is the address
// of the next slice. So a reader that knows how many postings were published can walk the list without locks, and no
// posting ever moves; the address of a slice is written before the first posting in it is published.
const (
	firstSlice    = 2
	maxSlice      = 1 << 12
	postingsBits  = 16 // log2 of the words in an arena chunk
	postingsChunk = 1 << postingsBits
)

const termChunk = 1 << 10

// term is the list and the document frequency of one feature.
type term struct {
	first uint32        // address of the first slice; written before count
	tail  uint32        // where the next posting goes; the appender's own
	left  uint32        // words left in the last slice, its link included; the appender's own
	slice uint32        // words of the last slice; the appender's own
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

// postings is the memory of all lists.
type postings struct {
	chunks slab.Table[*[postingsChunk]uint32]
	next   uint32 // first unused address; the appender's own
}

// alloc returns the address of n unused words in one chunk; n is a power of two of at most maxSlice.
func (p *postings) alloc(n uint32) uint32 {
	if rest := postingsChunk - p.next%postingsChunk; p.next%postingsChunk != 0 && rest < n {
		p.next += rest
	}
	if int(p.next>>postingsBits) == len(p.chunks.Chunks()) {
		p.chunks.Add(new([postingsChunk]uint32))
	}
	address := p.next
	p.next += n
	return address
}

func (p *postings) word(address uint32) *uint32 {
	return &p.chunks.Chunks()[address>>postingsBits][address%postingsChunk]
}

// append adds a posting to a list and publishes it.
func (p *postings) append(tm *term, posting uint32) {
	switch tm.left {
	case 0: // no slice yet
		tm.slice = firstSlice
		tm.first = p.alloc(firstSlice)
		tm.tail, tm.left = tm.first, firstSlice
	case 1: // only the link is left
		tm.slice = min(2*tm.slice, maxSlice)
		next := p.alloc(tm.slice)
		*p.word(tm.tail) = next
		tm.tail, tm.left = next, tm.slice
	}
	*p.word(tm.tail) = posting
	tm.tail++
	tm.left--
	tm.count.Add(1)
}

// walk hands the published postings of a list to fn in pieces, by rising slot, as long as fn returns true.
func (p *postings) walk(tm *term, fn func(piece []uint32) bool) {
	left := tm.count.Load()
	if left == 0 {
		return
	}
	chunks := p.chunks.Chunks() // after count: every slice of the published postings is in it
	address, slice := tm.first, uint32(firstSlice)
	for {
		words := chunks[address>>postingsBits][address%postingsChunk:][:slice]
		if left < slice {
			fn(words[:left])
			return
		}
		if !fn(words[:slice-1]) {
			return
		}
		left -= slice - 1
		address, slice = words[slice-1], min(2*slice, maxSlice)
	}
}

func (p *postings) bytes() int64 { return int64(len(p.chunks.Chunks())) * postingsChunk * 4 }
