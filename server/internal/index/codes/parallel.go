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

// chunk is the number of rows, or of listed slots, that a goroutine scans between two looks at the context and at who else
// scans: some 20 microseconds. It divides the rows of a block.
const chunk = 2048

// MaxJobs is the largest number of queries of one pass over the rows. Eight share most of what reading memory costs; more
// would push the rows out of the nearest cache before the last query has read them.
const MaxJobs = 8

// helpAbove is the amount of work, in bytes of coarse rows times queries, above which other cores help with a scan: some
// 80,000 rows of 256 dimensions, or a millisecond. BenchmarkCrew shows why: rows that fit the last cache reach one core as fast
// as two, and only beyond it is waking another repaid. Tests lower it.
var helpAbove = 20 << 20

// scanning counts the goroutines of this process that are in scans of more than helpAbove bytes. A scan takes helpers only
// while there are fewer of them than processors, and helpers leave when there are more: a server whose cores are all busy
// with scans runs each of them on one.
var scanning atomic.Int32

// Crew scans, on all idle cores where that pays. The outcome is the same however many take part. It is scratch for one
// goroutine at a time and keeps its memory between uses.
type Crew struct {
	scanner Scanner
	single  [1]Job
	helpers []*helper // those of the largest scan so far
	hired   int

	// The scan at hand, for everyone in it.
	ctx      context.Context //nolint:containedctx // of one call
	view     *View
	jobs     []Job
	slots    []uint32 // what to scan, or nil for rows
	margin   float32  // of jobs[0], for slots
	from, to int      // rows, or indices of slots
	cores    int32
	next     atomic.Int64           // where the next chunk begins
	floors   [MaxJobs]atomic.Uint32 // the best k-th score that anyone has for a job, as float32 bits
	done     sync.WaitGroup
}

// helper is one more goroutine of a scan.
type helper struct {
	scanner  Scanner
	tops     [MaxJobs]Top
	jobs     [MaxJobs]Job
	scored   int
	err      error
	panicked any
	work     func() // made once, so that starting it does not allocate
}

// Scan offers to top the rows from to to-1 whose slot is accepted (accept may be nil) and whose vector is not zero, with the
// exact outcome of scoring every one by both planes. It returns the number of rows scored, and the context's error when that
// ended first. accept is called from several goroutines.
func (c *Crew) Scan(ctx context.Context, v *View, q *Query, from, to int, accept index.Accept, top *Top) (int, error) {
	c.single[0] = Job{q, accept, top}
	return c.do(ctx, v, c.single[:], nil, from, to)
}

// ScanBatch is Scan for up to MaxJobs queries, reading each row from memory once. It returns the number of rows scored for
// each.
func (c *Crew) ScanBatch(ctx context.Context, v *View, jobs []Job, from, to int) (int, error) {
	return c.do(ctx, v, jobs, nil, from, to)
}

// ScanList is Scan over a list of slots, all below v.N.
func (c *Crew) ScanList(ctx context.Context, v *View, q *Query, slots []uint32, accept index.Accept, top *Top) (int, error) {
	if len(slots) == 0 {
		return 0, ctx.Err()
	}
	c.single[0] = Job{q, accept, top}
	c.margin = q.Margin(v)
	return c.do(ctx, v, c.single[:], slots, 0, len(slots))
}

func (c *Crew) do(ctx context.Context, v *View, jobs []Job, slots []uint32, from, to int) (scored int, err error) {
	c.ctx, c.view, c.jobs, c.slots, c.from, c.to = ctx, v, jobs, slots, from, to
	c.next.Store(int64(from &^ (chunk - 1)))
	c.hired = 0
	if (to-from)*v.stride*len(jobs) > helpAbove {
		scanning.Add(1)
		defer scanning.Add(-1)
		c.hire()
	}
	defer c.dismiss() // before the count goes down, and whatever happens
	scored, err = c.scan(&c.scanner, jobs, false)
	c.done.Wait()
	for _, h := range c.helpers[:c.hired] {
		if h.panicked != nil {
			panic(h.panicked) // as it would have come without helpers
		}
		if err == nil {
			err = h.err
		}
		scored += h.scored
		for j := range jobs {
			for _, candidate := range h.tops[j].heap {
				jobs[j].Top.Offer(candidate)
			}
		}
	}
	return scored, err
}

// cores is how many scanners find work at a time. Go may have more processors than that: the server keeps one for the
// network. Tests change it.
var cores = func() int { return min(runtime.GOMAXPROCS(0), runtime.NumCPU()) }

// hire starts a helper for each idle core that there is a chunk for.
func (c *Crew) hire() {
	c.cores = int32(cores()) //nolint:gosec // a small number
	for j := range c.jobs {
		c.floors[j].Store(math.Float32bits(lowest))
	}
	for most := min(int(c.cores-scanning.Load()), (c.to-c.from)/chunk-1); c.hired < most; c.hired++ {
		n := scanning.Load()
		if n >= c.cores || !scanning.CompareAndSwap(n, n+1) {
			return
		}
		if c.hired == len(c.helpers) {
			h := new(helper)
			h.work = func() { c.help(h) }
			c.helpers = append(c.helpers, h)
		}
		h := c.helpers[c.hired]
		h.scored, h.err, h.panicked = 0, nil, nil
		for j, job := range c.jobs {
			h.tops[j].Reset(job.Top.k)
			h.jobs[j] = Job{job.Query, job.Accept, &h.tops[j]}
		}
		c.done.Add(1)
		go h.work()
	}
}

// help is a helper's part of the scan.
func (c *Crew) help(h *helper) {
	defer func() {
		h.panicked = recover()
		scanning.Add(-1)
		c.done.Done()
	}()
	h.scored, h.err = c.scan(&h.scanner, h.jobs[:len(c.jobs)], true)
}

// dismiss waits until every helper has left, and forgets the scan.
func (c *Crew) dismiss() {
	c.next.Store(int64(c.to))
	c.done.Wait()
	for _, h := range c.helpers[:c.hired] {
		clear(h.jobs[:])
	}
	clear(c.single[:])
	c.ctx, c.view, c.jobs, c.slots = nil, nil, nil, nil
}

// scan takes chunks until there are none left, its context ends or, for a helper, others need the processor.
func (c *Crew) scan(s *Scanner, jobs []Job, helps bool) (scored int, err error) {
	for !helps || scanning.Load() <= c.cores {
		at := int(c.next.Add(chunk)) - chunk
		if at >= c.to {
			break
		}
		if err := c.ctx.Err(); err != nil {
			c.next.Store(int64(c.to))
			return scored, err
		}
		from, to := max(at, c.from), min(at+chunk, c.to)
		if helps || c.hired > 0 {
			c.learn(jobs)
		}
		if c.slots == nil {
			s.rows(c.view, jobs, from, to)
		} else {
			s.listed(c.view, &jobs[0], c.margin, c.slots[from:to])
		}
		scored += to - from
	}
	return scored, nil
}

// learn exchanges the k-th best scores of the jobs with the others of the crew.
func (c *Crew) learn(jobs []Job) {
	for j := range jobs {
		top, floor := jobs[j].Top, &c.floors[j]
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
