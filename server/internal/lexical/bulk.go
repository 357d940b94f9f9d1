package lexical

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// rowsAWorker is how many rows are worth a goroutine of a bulk build, and groupRows how many rows are taken at a time,
// at most 2^16. Variables so that tests share few rows out.
var (
	rowsAWorker = 1000
	groupRows   = 1 << 16
)

// loaded is what Load has counted of rows that have no lists yet.
type loaded struct {
	from   uint32   // the first of them
	counts []uint32 // by feature: papers that have it
	dead   []uint32 // of them, removed papers; nil: there are none
}

// counting returns the counts of rows that are being loaded.
func (x *Index) counting() *loaded {
	if x.loaded == nil {
		x.loaded = &loaded{from: uint32(x.Len()), counts: make([]uint32, features)}
	}
	return x.loaded
}

// remove counts a row's features among those of removed papers.
func (l *loaded) remove(p pairs) {
	if l.dead == nil {
		l.dead = make([]uint32, features)
	}
	for way := p.all(); len(way.lows) > 0; {
		l.dead[way.next()>>countBits]++
	}
}

// BuildLists makes the terms and the lists of the rows that were loaded. It comes after the last Load and before
// anything else; nobody reads meanwhile. It leaves what appending row by row would, but for the numbers of terms and
// the places of slices.
//
// Rows are taken in groups. The postings of a group are first shared out by ranges of features, by workers that each
// unpack some of its rows, and then put into the lists range by range: so a worker has the ends of few lists in the
// near caches, and every row is unpacked once. What readers see is published once a feature.
func (x *Index) BuildLists() {
	l := x.loaded
	if l == nil {
		return
	}
	x.loaded = nil
	for feature, n := range l.counts {
		if n > 0 {
			if tm := x.terms.make(uint32(feature)); tm.slice == 0 {
				x.lists.begin(tm, sliceFor(float64(n), float64(x.Len())))
			}
		}
	}
	n := x.Len()
	workers := make([]bulkWorker, max(1, min(runtime.GOMAXPROCS(0), 8, (n-int(l.from))/rowsAWorker)))
	classes := make([]uint8, groupRows)
	for start := int(l.from); start < n; start += groupRows {
		end := min(start+groupRows, n)
		share := (end - start + len(workers) - 1) / len(workers)
		each(workers, func(i int) {
			first := min(start+i*share, end)
			workers[i].unpack(x, uint32(start), uint32(first), uint32(min(first+share, end)), classes)
		})
		var next atomic.Int32
		each(workers, func(int) {
			for r := next.Add(1) - 1; r < ranges; r = next.Add(1) - 1 {
				for i := range workers { // by rising slot
					workers[i].put(x, uint32(start), uint32(r), classes)
				}
			}
		})
	}
	for feature, n := range l.counts {
		if n == 0 {
			continue
		}
		tm := x.terms.find(uint32(feature))
		tm.count.Add(n)
		if l.dead != nil {
			n -= l.dead[feature]
		}
		tm.live.Add(n)
	}
}

// each runs work once for each worker, side by side, and waits.
func each(workers []bulkWorker, work func(i int)) {
	var group sync.WaitGroup
	for i := range workers[1:] {
		group.Go(func() { work(i + 1) })
	}
	work(0)
	group.Wait()
}

// A posting on its way is 13 bits of its feature, the slot within its group, and the class of its count.
const (
	rangeBits = 13                    // log2 of the features in a range
	ranges    = features >> rangeBits // of features
	slotBits  = 16
)

// bulkWorker holds postings of a group of rows, by range of features and rising slot.
type bulkWorker struct {
	postings [ranges][]uint32
}

// unpack takes in the rows first..end-1 of the group that begins at start, and notes their classes of length.
func (w *bulkWorker) unpack(x *Index, start, first, end uint32, classes []uint8) {
	for slot := first; slot < end; slot++ {
		at := slot - start
		classes[at] = uint8(lengthClass(x.rows.at(slot).tokens))
		p := x.row(slot)
		if len(p.lows) == 0 {
			continue
		}
		way, begin := p.all(), 0
		for b := range uint32(buckets) {
			stop := p.end(b)
			for i, low := range p.lows[begin:stop] {
				class := uint32(0) // that of the count 1
				if i += begin; p.several[i/16]>>(i%16)&1 != 0 {
					class = countClass(way.count())
				}
				feature := b<<bucketShift | uint32(low)
				list := &w.postings[feature>>rangeBits]
				*list = append(*list, feature<<(32-rangeBits)|at<<(32-rangeBits-slotBits)|class)
			}
			begin = stop
		}
	}
}

// put moves the postings of a range into their lists, without publishing them.
func (w *bulkWorker) put(x *Index, start, r uint32, classes []uint8) {
	terms, numbers := x.terms.chunks.Chunks(), x.terms.numbers[r<<rangeBits:][:1<<rangeBits]
	chunks := x.lists.chunks.Chunks()
	for _, p := range w.postings[r] {
		at := p >> (32 - rangeBits - slotBits) & (1<<slotBits - 1)
		number := numbers[p>>(32-rangeBits)].Load() - 1
		tm := &terms[number/termChunk][number%termChunk]
		class, slot := uint8(p&(countClasses-1))*lengthClasses+classes[at], start+at
		gap := slot + 1 - tm.next
		if gap > mostDigit || tm.left < postingBytes || int(tm.tail>>postingsBits) >= len(chunks) {
			x.lists.put(tm, slot, class)
			continue
		}
		posting := chunks[tm.tail>>postingsBits][tm.tail%postingsChunk:][:postingBytes] // as postings.put does
		posting[0], posting[1] = byte(gap), class
		tm.advance(postingBytes, slot)
	}
	w.postings[r] = w.postings[r][:0]
}
