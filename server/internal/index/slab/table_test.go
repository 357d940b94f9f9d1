package slab

import (
	"sync"
	"sync/atomic"
	"testing"
)

// The rows of a table are seen as they were written by whoever takes the count first, while the table grows.
func TestReadersBesideTheWriterSeeEveryPublishedRow(t *testing.T) {
	const rows, chunk = 20_000, 8
	var table Table[*[chunk]uint64]
	var count atomic.Uint32
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for seen := uint32(0); seen < rows; {
				n := count.Load()
				chunks := table.Chunks()
				for ; seen < n; seen++ {
					if got := chunks[seen/chunk][seen%chunk]; got != uint64(seen)*3+1 {
						t.Errorf("row %d is %d", seen, got)
						return
					}
				}
			}
		})
	}
	for i := range uint32(rows) {
		if i%chunk == 0 {
			table.Add(new([chunk]uint64))
		}
		table.Chunks()[i/chunk][i%chunk] = uint64(i)*3 + 1
		count.Store(i + 1)
	}
	readers.Wait()
}

func TestAChunkStaysWhereItIs(t *testing.T) {
	var table Table[[]byte]
	if len(table.Chunks()) != 0 {
		t.Fatal("the zero table has chunks")
	}
	table.Add([]byte{1})
	early, first := table.Chunks(), &table.Chunks()[0][0]
	for i := range 100 {
		table.Add([]byte{byte(i)})
	}
	if len(early) != 1 || len(table.Chunks()) != 101 {
		t.Fatalf("%d chunks in the early list, %d in the last", len(early), len(table.Chunks()))
	}
	if first != &table.Chunks()[0][0] {
		t.Fatal("a chunk was moved")
	}
}
