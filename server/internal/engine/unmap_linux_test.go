package engine

import (
	"context"
	"strings"
	"testing"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/store"
)

// TestMappedPagesAreGivenBack reads all papers, which maps their pages, and does what lets go of them.
func TestMappedPagesAreGivenBack(t *testing.T) {
	if store.MappedBytes() == 0 {
		t.Skip("the kernel does not tell")
	}
	lower(t, &mappedMax, 1<<40) // only the test lets go
	lower(t, &runsMapped, 1<<30)
	e := open(t, t.TempDir(), func(c *Config) { c.NoMap, c.NoCheckpoints = true, true })
	for at := 0; at < 4000; at += 500 {
		papers := testPapers(at, at+500)
		for _, p := range papers {
			p.Abstract = strings.Repeat("protein ", 400) // 13 MB in all, beside which the process's own pages are few
		}
		mustUpsert(t, e, papers...)
	}
	soon(t, "a graph", func() bool { return e.live.Load().tailLength() == 0 })
	e.store.DropMapped()
	before := store.MappedBytes()
	read := func() int64 {
		for last := uint64(0); ; {
			next, err := e.store.Scan(last, 1000, func(uint64, *paper.Paper) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			if next == last {
				return store.MappedBytes()
			}
			last = next
		}
	}
	within := int64(0) // mapped in the midst of the last run of a long scan
	scan := func() error {
		return e.scan(context.Background(), func([]uint64, []*paper.Paper) error {
			within = store.MappedBytes()
			return nil
		})
	}
	long := func() error {
		defer func() { runsMapped = 1 << 30 }()
		runsMapped = 1
		return scan()
	}
	for what, letGo := range map[string]func() error{
		"the task":     func() error { return e.run(unmap) },
		"a checkpoint": func() error { return e.writeCheckpoint(context.Background()) },
		"a scan":       scan,
		"a long scan":  long,
	} {
		all := read()
		if all-before < 8<<20 {
			t.Fatalf("%d bytes are mapped by reading all papers", all-before)
		}
		if err := letGo(); err != nil {
			t.Fatal(err)
		}
		if after := store.MappedBytes(); after-before > (all-before)/2 {
			t.Errorf("%d bytes mapped before reading, %d after it, %d after %s", before, all, after, what)
		}
		if what == "a long scan" && within-before > (all-before)*3/4 {
			t.Errorf("%d bytes mapped before reading, %d after it, %d in the last run of a scan", before, all, within)
		}
	}
	if err := e.Check(context.Background()); err != nil {
		t.Error(err)
	}
}
