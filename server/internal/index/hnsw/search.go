package hnsw

import (
	"context"
	"unsafe"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/index/codes"
)

// searcher is the scratch of one search at a time.
type searcher struct {
	walker
	parallel codes.Parallel
	top      codes.Top
	plan     plan
}

// Search implements index.Searcher.
func (x *Index) Search(
	ctx context.Context, q *index.Query, dst []index.Candidate,
) ([]index.Candidate, index.Report, error) {
	if err := ctx.Err(); err != nil {
		return dst, index.Report{}, err
	}
	s := x.searchers.Get().(*searcher)
	defer x.searchers.Put(s)
	ok, err := s.query.Set(x.codes, q.Vector)
	if err != nil {
		return dst, index.Report{}, err
	}
	graphed := int(x.graphed.Load()) // before the length
	s.look(x)
	k := min(q.K, s.view.N)
	if !ok || k <= 0 {
		return dst, index.Report{Exact: true}, nil
	}
	s.scored = 0
	s.top.Reset(k)
	s.plan.choose(&x.config, q, graphed, s.view.N, k)
	if err := s.run(ctx, x, q, graphed); err != nil {
		return dst, index.Report{Scored: s.scored}, err
	}
	if q.Accept != nil && !s.plan.exact() && !s.top.Full() { // the walk gave up, or there are no more to be found
		scan := *q
		scan.Exact = true
		s.plan.choose(&x.config, &scan, graphed, s.view.N, k)
		s.top.Reset(k)
		if err := s.run(ctx, x, &scan, graphed); err != nil {
			return dst, index.Report{Scored: s.scored}, err
		}
	}
	return s.top.AppendSorted(dst), index.Report{Exact: s.plan.exact(), Scored: s.scored}, nil
}

// SearchBatch answers many queries as Search would answer each. Those that the planner scans all vectors for, exact
// ones without a listed filter above all, are scanned for together: the rows are read once for up to codes.MaxJobs of
// them. It appends the hits of queries[i] to dst[i] and writes its report to reports[i], where both are as long as
// queries; after an error, which may be that of any query, they hold nothing of use.
func (x *Index) SearchBatch(
	ctx context.Context, queries []*index.Query, dst [][]index.Candidate, reports []index.Report,
) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b := x.batches.Get().(*codes.Batch)
	defer x.batches.Put(b)
	graphed := int(x.graphed.Load()) // before the length
	n := int(x.n.Load())
	b.Start(x.codes, n)
	var err error
	for i, q := range queries {
		var p plan
		p.choose(&x.config, q, graphed, n, min(q.K, n))
		if p.strategy == scanAll {
			err = b.Add(ctx, x.codes, q, &dst[i], &reports[i])
		} else {
			dst[i], reports[i], err = x.Search(ctx, q, dst[i])
		}
		if err != nil {
			break
		}
	}
	return b.Finish(ctx, err)
}

// run fills top by the plan.
func (s *searcher) run(ctx context.Context, x *Index, q *index.Query, graphed int) (err error) {
	n := 0
	switch s.plan.strategy {
	case scanAll:
		n, err = s.parallel.Scan(ctx, &s.view, &s.query, 0, s.view.N, q.Accept, &s.top)
	case scanListed:
		n, err = s.parallel.ScanList(ctx, &s.view, &s.query, s.plan.slots, q.Accept, &s.top)
	default:
		if err = s.search(ctx, x, q.Accept, graphed); err == nil {
			n, err = s.parallel.Scan(ctx, &s.view, &s.query, graphed, s.view.N, q.Accept, &s.top)
		}
	}
	s.scored += n
	return err
}

// search walks the graph and offers what it finds below graphed to top.
func (s *searcher) search(ctx context.Context, x *Index, accept index.Accept, graphed int) error {
	entry := x.entry.Load()
	if int(entry) >= graphed {
		return nil // no node yet
	}
	at := s.descend(x.graph, entry, int(x.top.Load()), 0)
	noise := s.query.Noise(&s.view)
	limit := s.plan.width
	if accept != nil {
		limit = max(limit, beamLimit)
	}
	s.beam.reset(s.plan.width, limit)
	s.beam.stopBelow(s.plan.k, s.plan.rank, s.plan.slack, noise)
	if err := s.walk(ctx, x.graph, at, 0, accept); err != nil {
		return err
	}
	s.settleBeam(accept, graphed, noise)
	return nil
}

// settleBeam scores the beam's accepted slots and those of their chains by both planes, best first, until the others
// lie below the k-th best by more than noise, which coarse scores are hardly ever off by.
func (s *searcher) settleBeam(accept index.Accept, graphed int, noise float32) {
	n := 0
	for _, e := range s.beam.entries {
		if s.top.Full() && entryScore(e)+noise < s.top.Worst() {
			break
		}
		if e&rejected != 0 {
			continue
		}
		for slot := entrySlot(e); int(slot) < s.view.N; slot = s.tables.behind(slot) {
			if int(slot) >= graphed || accept != nil && !accept.Accepts(slot) {
				continue // the tail's, or not asked for
			}
			fine := s.view.FineRow(slot)
			vector.Prefetch(unsafe.Pointer(unsafe.SliceData(fine)), (len(fine)+63)/64)
			s.fresh[n] = slot
			if n++; n == rerank {
				s.offer(n)
				n = 0
			}
		}
	}
	s.offer(n)
}

// rerank is the number of slots scored by both planes at a time.
const rerank = 16

// offer scores the first n fresh slots by both planes and offers them to top.
func (s *searcher) offer(n int) {
	vector.Fine(s.scores[:n], &s.query.Int8Query, s.view.Coarse, s.view.Fine, s.fresh[:n])
	for i, score := range s.scores[:n] {
		s.top.Offer(index.Candidate{Slot: s.fresh[i], Score: min(score, 1)})
	}
}
