package codes

import (
	"context"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index"
)

// chunk is the number of rows, or about that of listed slots, that a goroutine scans between two looks at the context
// and at who else scans: some 20 microseconds. It divides the rows of a block.
const chunk = 2048

// MaxJobs is the largest number of queries of one pass over the rows. Eight share most of what reading memory costs;
// more would push the rows out of the nearest cache before the last query has read them.
const MaxJobs = 8

// parallelAbove is the amount of work, in bytes of coarse rows times queries, above which a scan is parallel: some
// 80,000 rows of 256 dimensions, or a millisecond. BenchmarkParallel shows why: rows that fit the last cache reach one
// core as fast as two, and only beyond it is waking another repaid. Tests lower it.
var parallelAbove = 20 << 20

// scanning counts the goroutines of this process that are in scans of more than parallelAbove bytes. A scan starts
// workers only while there are fewer of them than processors, and workers end when there are more: a server whose
// cores are all busy with scans runs each of them on one.
var scanning atomic.Int32

// Parallel scans on all idle cores, where that pays. The outcome is the same for any number of workers. It is scratch
// for one goroutine at a time and keeps its memory between uses.
type Parallel struct {
	scanner Scanner
	single  [1]Job
	workers []*worker // beside the caller; those of the largest scan so far
	started int       // of them, in the scan at hand

	// The scan at hand, for all workers.
	ctx      context.Context //nolint:containedctx // of one call
	view     *View
	jobs     []Job
	slots    index.Listing // what alone is scanned for jobs[0]; nil: all rows
	margin   float32       // of jobs[0], where slots are listed
	from, to int           // rows
	step     int           // rows of a chunk
	cores    int32
	next     atomic.Int64           // where the next chunk begins
	floors   [MaxJobs]atomic.Uint32 // the best k-th score that any worker has for a job, as float32 bits
	done     sync.WaitGroup
}

// worker is one more goroutine of a scan.
type worker struct {
	scanner  Scanner
	tops     [MaxJobs]Top
	jobs     [MaxJobs]Job
	scored   int
	err      error
	panicked any
	run      func() // made once, so that starting it does not allocate
}

// Scan offers to top the rows from to to-1 whose slot is accepted (accept may be nil) and whose vector is not zero,
// with the exact outcome of scoring every one by both planes. It returns the number of rows scored, and the context's
// error when that ended first. accept is called from several goroutines.
func (p *Parallel) Scan(
	ctx context.Context, v *View, q *Query, from, to int, accept index.Accept, top *Top,
) (int, error) {
	p.single[0] = Job{q, accept, top}
	return p.do(ctx, v, p.single[:], from, to)
}

// ScanBatch is Scan for up to MaxJobs queries, reading each row from memory once. It returns the number of rows scored
// for each.
func (p *Parallel) ScanBatch(ctx context.Context, v *View, jobs []Job, from, to int) (int, error) {
	return p.do(ctx, v, jobs, from, to)
}

// ScanList is Scan over those of the slots that are below v.N, which it reads piece by piece.
func (p *Parallel) ScanList(
	ctx context.Context, v *View, q *Query, slots index.Listing, accept index.Accept, top *Top,
) (int, error) {
	n := slots.Len()
	if n == 0 || v.N == 0 {
		return 0, ctx.Err()
	}
	p.single[0] = Job{q, accept, top}
	p.slots = slots
	p.margin = q.Margin(v)
	p.step = chunk * max(1, v.N/n) // chunk listed slots, if they are spread evenly
	return p.run(ctx, v, p.single[:], 0, v.N, min(n, v.N))
}

func (p *Parallel) do(ctx context.Context, v *View, jobs []Job, from, to int) (scored int, err error) {
	p.slots, p.step = nil, chunk
	return p.run(ctx, v, jobs, from, to, to-from)
}

// run scans about n of the rows from..to-1.
func (p *Parallel) run(ctx context.Context, v *View, jobs []Job, from, to, n int) (scored int, err error) {
	p.ctx, p.view, p.jobs, p.from, p.to = ctx, v, jobs, from, to
	p.next.Store(int64(from &^ (chunk - 1)))
	p.started = 0
	if n*v.stride*len(jobs) > parallelAbove {
		scanning.Add(1)
		defer scanning.Add(-1)
		p.start()
	}
	defer p.end() // before the count goes down, and whatever happens
	scored, err = p.scan(&p.scanner, jobs, false)
	p.done.Wait()
	for _, w := range p.workers[:p.started] {
		if w.panicked != nil {
			panic(w.panicked) // as it would have come without workers
		}
		if err == nil {
			err = w.err
		}
		scored += w.scored
		for j := range jobs {
			for _, candidate := range w.tops[j].best {
				jobs[j].Top.Offer(candidate)
			}
		}
	}
	return scored, err
}

// cores is how many scanners find work at a time. Go may have more processors than that: the server keeps one for the
// network. Tests change it.
var cores = func() int { return min(runtime.GOMAXPROCS(0), runtime.NumCPU()) }

// start begins a worker for each idle core that there is a chunk for.
func (p *Parallel) start() {
	p.cores = int32(cores()) //nolint:gosec // a small number
	for j := range p.jobs {
		p.floors[j].Store(math.Float32bits(lowest))
	}
	for most := min(int(p.cores-scanning.Load()), (p.to-p.from)/p.step-1); p.started < most; p.started++ {
		n := scanning.Load()
		if n >= p.cores || !scanning.CompareAndSwap(n, n+1) {
			return
		}
		if p.started == len(p.workers) {
			w := new(worker)
			w.run = func() { p.work(w) }
			p.workers = append(p.workers, w)
		}
		w := p.workers[p.started]
		w.scored, w.err, w.panicked = 0, nil, nil
		for j, job := range p.jobs {
			w.tops[j].Reset(job.Top.k)
			w.jobs[j] = Job{job.Query, job.Accept, &w.tops[j]}
		}
		p.done.Add(1)
		go w.run()
	}
}

// work is a worker's part of the scan.
func (p *Parallel) work(w *worker) {
	defer func() {
		w.panicked = recover()
		scanning.Add(-1)
		p.done.Done()
	}()
	w.scored, w.err = p.scan(&w.scanner, w.jobs[:len(p.jobs)], true)
}

// end waits until every worker has ended, and forgets the scan.
func (p *Parallel) end() {
	p.next.Store(int64(p.to))
	p.done.Wait()
	for _, w := range p.workers[:p.started] {
		clear(w.jobs[:])
	}
	clear(p.single[:])
	p.ctx, p.view, p.jobs, p.slots = nil, nil, nil, nil
}

// scan takes chunks until there are none left, its context ends or, beside the caller, others need the processor.
func (p *Parallel) scan(s *Scanner, jobs []Job, beside bool) (scored int, err error) {
	for !beside || scanning.Load() <= p.cores {
		at := int(p.next.Add(int64(p.step))) - p.step
		if at >= p.to {
			break
		}
		if err := p.ctx.Err(); err != nil {
			p.next.Store(int64(p.to))
			return scored, err
		}
		from, to := max(at, p.from), min(at+p.step, p.to)
		if beside || p.started > 0 {
			p.learn(jobs)
		}
		if p.slots != nil {
			scored += s.listed(p.view, &jobs[0], p.margin, p.slots, from, to)
			continue
		}
		s.rows(p.view, jobs, from, to)
		scored += to - from
	}
	return scored, nil
}

// learn exchanges the k-th best scores of the jobs with the other workers.
func (p *Parallel) learn(jobs []Job) {
	for j := range jobs {
		top, floor := jobs[j].Top, &p.floors[j]
		worst := top.Worst()
		for {
			old := floor.Load()
			best := math.Float32frombits(old)
			if worst <= best {
				top.floor = best
				break
			}
			if floor.CompareAndSwap(old, math.Float32bits(worst)) {
				break
			}
		}
	}
}

var _ = [1]struct{}{}[vector.BlockRows%chunk] // chunks do not cross blocks
