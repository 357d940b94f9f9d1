package flat

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/index/slab"
)

// BenchmarkBandwidth holds the scan against the memory: each round streams as many bytes through the runtime's search
// for a byte, which does nothing but read, and then scans. GB/s and memGB/s are of the same rounds, so that what else
// the machine does slows both; share is their ratio.
func BenchmarkBandwidth(b *testing.B) {
	for _, size := range []struct {
		name string
		n    int
	}{{"86k", 86_000}, {"500k", 500_000}} {
		x := build(b, 256, size.n)
		q := &index.Query{Vector: make([]float32, 256), K: 10}
		for i := range q.Vector {
			q.Vector[i] = float32(i%7) - 3
		}
		var dst []index.Candidate
		scanned := size.n * (256 + 4)
		plain := slab.New(scanned).Bytes() // on huge pages, as the rows
		for i := range plain {
			plain[i] = 1
		}
		for _, procs := range []int{1, runtime.NumCPU()} {
			b.Run(fmt.Sprintf("%s/cores-%d", size.name, procs), func(b *testing.B) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				b.ReportAllocs()
				var read, scan time.Duration
				for b.Loop() {
					start := time.Now()
					stream(plain, procs)
					middle := time.Now()
					var err error
					if dst, _, err = x.Search(context.Background(), q, dst[:0]); err != nil {
						b.Fatal(err)
					}
					read += middle.Sub(start)
					scan += time.Since(middle)
				}
				total := float64(scanned) * float64(b.N)
				b.ReportMetric(total/float64(scan.Nanoseconds()), "GB/s")
				b.ReportMetric(total/float64(read.Nanoseconds()), "memGB/s")
				b.ReportMetric(float64(read)/float64(scan), "share")
			})
		}
	}
}

// stream reads all of memory on several cores.
func stream(memory []byte, cores int) {
	var group sync.WaitGroup
	for i := range cores {
		group.Go(func() {
			if bytes.IndexByte(memory[i*len(memory)/cores:(i+1)*len(memory)/cores], 0) >= 0 {
				panic("a zero among ones")
			}
		})
	}
	group.Wait()
}

// BenchmarkBatch prints what a query costs when several are asked together: GB/s counts the bytes scored, not those
// read.
func BenchmarkBatch(b *testing.B) {
	const n = 500_000
	x := build(b, 256, n)
	for _, size := range []int{1, 2, 4, 8, 16} {
		queries, dst, reports := make([]*index.Query, size), make([][]index.Candidate, size), make([]index.Report, size)
		for i := range queries {
			queries[i] = &index.Query{Vector: make([]float32, 256), K: 10}
			for j := range queries[i].Vector {
				queries[i].Vector[j] = float32((i+1)*j%7) - 3
			}
		}
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for i := range dst {
					dst[i] = dst[i][:0]
				}
				if err := x.SearchBatch(context.Background(), queries, dst, reports); err != nil {
					b.Fatal(err)
				}
			}
			scored := float64(b.N) * float64(size) * n
			b.ReportMetric(scored*260/float64(b.Elapsed().Nanoseconds()), "GB/s")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*size), "us/query")
		})
	}
}
