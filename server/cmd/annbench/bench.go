package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/cputime"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/index/engines"
	"github.com/akin-search/akin/server/internal/index/hnsw"
)

// bench holds what all engines are measured on.
type bench struct {
	*settings
	base, query  *matrix
	filters      []*accepted // the first is nil: every vector
	kth          [][]float32 // by filter and query
	truthSeconds float64
}

func newBench(s *settings, base, query *matrix) *bench {
	b := &bench{settings: s, base: base, query: query, filters: []*accepted{nil}}
	for _, share := range s.selectivity {
		b.filters = append(b.filters, draw(base.n, share))
	}
	start := time.Now()
	b.kth = truth(base, query, s.k, b.filters)
	b.truthSeconds = time.Since(start).Seconds()
	return b
}

// measure builds an engine and searches it in every way.
func (b *bench) measure(name string) (*engineReport, error) {
	before := heap()
	x, err := engines.New(name, engines.Config{
		Dims: b.base.dims,
		HNSW: hnsw.Config{M: b.m, EfConstruction: b.efConstruc},
	})
	if err != nil {
		return nil, err
	}
	start, cpu := time.Now(), cputime.Used()
	for i := range b.base.n {
		if _, err := x.Append(b.base.row(i)); err != nil {
			return nil, err
		}
	}
	if err := x.Catchup(context.Background(), index.Workers(b.threads)); err != nil {
		return nil, err
	}
	built := time.Since(start)
	cpu = cputime.Used() - cpu
	e := &engineReport{
		Engine:       name,
		BuildSeconds: built.Seconds(),
		BuildCPU:     cpu.Seconds(),
		BytesAVector: float64(x.Info().Bytes) / float64(b.base.n),
		HeapAVector:  float64(heap()-before) / float64(b.base.n),
	}
	widths := b.ef
	if name == "flat" { // scores every vector whatever the width
		widths = []int{0}
	}
	for f, filter := range b.filters {
		for _, ef := range widths {
			row, err := b.search(x, ef, f)
			if err != nil {
				return nil, fmt.Errorf("ef %d: %w", ef, err)
			}
			if filter == nil {
				e.Widths = append(e.Widths, row)
			} else {
				row.Selectivity = filter.share
				e.Filtered = append(e.Filtered, row)
			}
		}
	}
	runtime.KeepAlive(x)
	return e, nil
}

// heap is the live heap in bytes.
func heap() int64 {
	runtime.GC()
	runtime.GC() // pools are emptied by the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// search measures one width through one filter.
func (b *bench) search(x index.Searcher, ef, filter int) (row, error) {
	r := row{Ef: ef, K: b.k}
	if err := b.recall(x, filter, &r); err != nil {
		return r, err
	}
	for range b.rounds {
		cpu := cputime.Used()
		micros, wall, err := b.timed(x, ef, filter)
		if err != nil {
			return r, err
		}
		if cpu = cputime.Used() - cpu; cpu > 0 {
			r.CPUQPS = max(r.CPUQPS, float64(len(micros))/cpu.Seconds())
		}
		if qps := float64(len(micros)) / wall.Seconds(); qps > r.QPS {
			r.QPS = qps
			slices.Sort(micros)
			r.P50 = float64(micros[len(micros)/2])
			r.P99 = float64(micros[len(micros)*99/100])
		}
	}
	return r, nil
}

// ask fills q for query i.
func (b *bench) ask(q *index.Query, i, ef, filter int) {
	*q = index.Query{Vector: b.query.row(i), K: b.k, Ef: ef, Walk: b.walk}
	if accept := b.filters[filter]; accept != nil {
		q.Accept = accept
	}
}

// recall runs every query once, untimed, which also warms the caches.
func (b *bench) recall(x index.Searcher, filter int, r *row) error {
	var q index.Query
	var hits []index.Candidate
	var good, want, scored, exact int
	for i := range b.query.n {
		b.ask(&q, i, r.Ef, filter)
		var err error
		var report index.Report
		if hits, report, err = x.Search(context.Background(), &q, hits[:0]); err != nil {
			return err
		}
		for _, h := range hits {
			if vector.Dot(b.query.row(i), b.base.row(int(h.Slot))) >= b.kth[filter][i] {
				good++
			}
		}
		if a := b.filters[filter]; a != nil {
			want += min(b.k, len(a.slots))
		} else {
			want += b.k
		}
		scored += report.Scored
		if report.Exact {
			exact++
		}
	}
	r.Recall = float64(good) / float64(want)
	r.Scored = float64(scored) / float64(b.query.n)
	r.Exact = float64(exact) / float64(b.query.n)
	return nil
}

// timed searches on all threads until a round is over, whole passes of the queries, and returns each search's time.
func (b *bench) timed(x index.Searcher, ef, filter int) (micros []float32, wall time.Duration, err error) {
	var next atomic.Int64
	var stop atomic.Bool
	times := make([][]float32, b.threads)
	errs := make([]error, b.threads)
	start := time.Now()
	var wg sync.WaitGroup
	for t := range b.threads {
		wg.Go(func() {
			var q index.Query
			var hits []index.Candidate
			for last := time.Now(); !stop.Load(); {
				i := int(next.Add(1)) - 1
				if i > 0 && i%b.query.n == 0 && last.Sub(start) >= b.roundTime {
					stop.Store(true)
					return
				}
				b.ask(&q, i%b.query.n, ef, filter)
				if hits, _, errs[t] = x.Search(context.Background(), &q, hits[:0]); errs[t] != nil {
					stop.Store(true)
					return
				}
				now := time.Now()
				times[t] = append(times[t], float32(now.Sub(last).Nanoseconds())/1e3)
				last = now
			}
		})
	}
	wg.Wait()
	return slices.Concat(times...), time.Since(start), errors.Join(errs...)
}
