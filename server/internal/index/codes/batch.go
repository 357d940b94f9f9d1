package codes

import (
	"context"

	"github.com/akin-search/akin/server/internal/index"
)

// Batch scans a set for many queries, MaxJobs of them a pass. It is scratch for one goroutine at a time and keeps its
// memory between uses.
type Batch struct {
	parallel Parallel
	view     View
	queries  [MaxJobs]Query
	tops     [MaxJobs]Top
	jobs     [MaxJobs]Job
	asks     [MaxJobs]ask
	n        int
}

// ask is where the answer to a query goes.
type ask struct {
	hits   *[]index.Candidate
	report *index.Report
}

// Start begins a batch over the first n vectors, which must have been visible before.
func (b *Batch) Start(c *Codes, n int) {
	b.view, b.n = c.View(), 0
	b.view.N = n
}

// Add puts a query into the batch, whose hits will be appended to hits; a full pass is scanned at once. Neither the
// query nor the places for its answer may be touched until Finish. The error is that of Query.Set or of the context.
func (b *Batch) Add(
	ctx context.Context, c *Codes, q *index.Query, hits *[]index.Candidate, report *index.Report,
) error {
	*report = index.Report{Exact: true}
	query, top := &b.queries[b.n], &b.tops[b.n]
	ok, err := query.Set(c, q.Vector)
	k := min(q.K, b.view.N)
	if err != nil || !ok || k <= 0 {
		return err
	}
	top.Reset(k)
	b.jobs[b.n], b.asks[b.n] = Job{query, q.Accept, top}, ask{hits, report}
	if b.n++; b.n < MaxJobs {
		return nil
	}
	return b.scan(ctx)
}

// Finish scans for the queries that are left. It must be called, even after an error, which it is given and returns.
func (b *Batch) Finish(ctx context.Context, err error) error {
	if err == nil && b.n > 0 {
		err = b.scan(ctx)
	}
	b.view, b.n = View{}, 0
	clear(b.jobs[:])
	clear(b.asks[:])
	return err
}

func (b *Batch) scan(ctx context.Context) error {
	n := b.n
	b.n = 0
	scored, err := b.parallel.ScanBatch(ctx, &b.view, b.jobs[:n], 0, b.view.N)
	if err != nil {
		return err
	}
	for i, a := range b.asks[:n] {
		*a.hits = b.tops[i].AppendSorted(*a.hits)
		a.report.Scored = scored
	}
	return nil
}
