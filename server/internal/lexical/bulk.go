package lexical

import (
	"runtime"
	"sync"
)

// rowsAWorker is how many rows are worth a goroutine of a bulk build. A variable so that tests share few rows out.
var rowsAWorker = 1000

// buildLists makes the terms and the lists of the rows from a slot on. Nobody reads meanwhile. It leaves what
// appending row by row would, but for the numbers of terms and the places of slices: the features are shared out among
// the cores, and what readers see is published once a feature.
func (x *Index) buildLists(from uint32) {
	n := x.Len() - int(from)
	workers := max(1, min(runtime.GOMAXPROCS(0), 8, n/rowsAWorker))
	counts, live := make([]uint32, features), make([]uint32, features)
	for slot := from; slot < uint32(x.Len()); slot++ {
		alive := uint32(1)
		if x.rows.at(slot).removed.Load() {
			alive = 0
		}
		for p := x.row(slot); len(p.words) > 0; {
			feature := p.next() >> countBits
			counts[feature]++
			live[feature] += alive
		}
	}
	total := uint64(0)
	for feature, n := range counts {
		if n > 0 {
			x.terms.make(uint32(feature))
			total += uint64(n)
		}
	}
	var group sync.WaitGroup
	begin, share := uint32(0), uint64(0)
	for feature, n := range counts {
		share += uint64(n)
		if last := feature == len(counts)-1; last || share > total/uint64(workers) {
			first, end := begin, uint32(feature)
			group.Go(func() { x.fillLists(from, first, end) })
			begin, share = uint32(feature)+1, 0
		}
	}
	group.Wait()
	for feature, n := range counts {
		if n > 0 {
			tm := x.terms.find(uint32(feature))
			tm.live.Add(live[feature])
			tm.count.Add(n)
		}
	}
}

// fillLists writes the postings of the features first..end of the rows from a slot on, without publishing them.
func (x *Index) fillLists(from, first, end uint32) {
	terms := x.terms.chunks.Chunks()
	for slot := from; slot < uint32(x.Len()); slot++ {
		class := lengthClass(x.rows.at(slot).tokens)
		for p := x.row(slot); len(p.words) > 0; {
			word := p.next()
			feature := word >> countBits
			if feature < first {
				continue
			}
			if feature > end {
				break
			}
			number := x.terms.numbers[feature].Load() - 1
			x.lists.put(&terms[number/termChunk][number%termChunk], slot, byte(countClass(word&maxCount)*lengthClasses+class))
		}
	}
}
