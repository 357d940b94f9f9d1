package store

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/akin-search/akin/server/internal/paper"
)

// mappedBytes is the memory that mappings of a file take in this process.
func mappedBytes(t *testing.T, path string) (total int) {
	t.Helper()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skip("the kernel does not tell:", err)
	}
	defer f.Close()
	within := false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if name, _, _ := strings.Cut(line, " "); !strings.HasSuffix(name, ":") {
			within = strings.HasSuffix(line, path)
		}
		var kilobytes int
		if _, err := fmt.Sscanf(line, "Rss: %d kB", &kilobytes); err == nil && within {
			total += kilobytes << 10
		}
	}
	return total
}

func TestMappedPagesAreGivenBackBesideReaders(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	var muts []Mutation
	for i := range 2000 {
		muts = append(muts, put(sample(fmt.Sprintf("paper-%d", i), i)))
	}
	write(t, s, muts...)
	read := func() (n int) {
		for last := uint64(0); ; {
			next, err := s.Scan(last, 1000, func(_ uint64, p *paper.Paper) error {
				if p.Abstract == "" {
					t.Errorf("paper %q came without its abstract", p.ID)
				}
				n++
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			if next == last {
				return n
			}
			last = next
		}
	}
	read()
	before := mappedBytes(t, s.folder.path())
	if before < 1<<20 {
		t.Fatalf("%d bytes are mapped after a scan: nothing to give back", before)
	}
	if all := MappedBytes(); all < int64(before) {
		t.Errorf("%d bytes of files are mapped in all, %d of them of the store", all, before)
	}
	s.DropMapped()
	if after := mappedBytes(t, s.folder.path()); after > before/10 {
		t.Errorf("%d bytes of %d are still mapped", after, before)
	}
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 5 {
				if n := read(); n != 2000 {
					t.Errorf("%d papers, want 2000", n)
				}
			}
		})
	}
	for range 100 {
		s.DropMapped()
	}
	readers.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.DropMapped() // nothing to do, and no harm
}
