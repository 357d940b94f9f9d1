package engine

import (
	"context"
	"testing"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/store"
)

// TestMappedPagesAreGivenBackByTheTask reads all papers, which maps their pages, and runs the task that lets go of
// them.
func TestMappedPagesAreGivenBackByTheTask(t *testing.T) {
	if store.MappedBytes() == 0 {
		t.Skip("the kernel does not tell")
	}
	lower(t, &mappedMax, 1<<40) // only the test runs it
	e := open(t, t.TempDir())
	for at := 0; at < 4000; at += 500 {
		mustUpsert(t, e, testPapers(at, at+500)...)
	}
	e.store.DropMapped()
	before := store.MappedBytes()
	for last := uint64(0); ; {
		next, err := e.store.Scan(last, 1000, func(uint64, *paper.Paper) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if next == last {
			break
		}
		last = next
	}
	read := store.MappedBytes()
	if err := e.run(unmap); err != nil {
		t.Fatal(err)
	}
	if after := store.MappedBytes(); read <= before || after-before > (read-before)/2 {
		t.Errorf("%d bytes mapped before a scan, %d after it, %d after the task", before, read, after)
	}
	if err := e.Check(context.Background()); err != nil {
		t.Error(err)
	}
}
