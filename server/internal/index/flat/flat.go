// Package flat is the exact engine: it scores every vector.
//
// A scan reads one byte a dimension and is bound by the memory's bandwidth; the few rows whose error bound reaches the
// k-th best are scored again at full precision (see package codes). For small sets that is faster than any graph, and
// it is what recall is measured against inside the server.
package flat

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/index/codes"
)

// Index is a flat index.Searcher.
type Index struct {
	codes   *codes.Codes
	scratch sync.Pool // *scratch
	batches sync.Pool // *codes.Batch
}

var _ index.Searcher = (*Index)(nil)

type scratch struct {
	query    codes.Query
	parallel codes.Parallel
	top      codes.Top
}

// New returns an empty index of vectors of dims dimensions, 1 to vector.MaxCodeDims.
func New(dims int) *Index {
	return &Index{
		codes:   codes.New(dims),
		scratch: sync.Pool{New: func() any { return new(scratch) }},
		batches: sync.Pool{New: func() any { return new(codes.Batch) }},
	}
}

// Append implements index.Searcher.
func (x *Index) Append(v []float32) (uint32, error) { return x.codes.Append(v) }

// Catchup implements index.Searcher: there is no graph.
func (x *Index) Catchup(context.Context, func() int) error { return nil }

// Search implements index.Searcher. Ef, Exact and Walk change nothing: every search is exact.
func (x *Index) Search(
	ctx context.Context, q *index.Query, dst []index.Candidate,
) ([]index.Candidate, index.Report, error) {
	report := index.Report{Exact: true}
	if err := ctx.Err(); err != nil {
		return dst, report, err
	}
	s := x.scratch.Get().(*scratch)
	defer x.scratch.Put(s)
	ok, err := s.query.Set(x.codes, q.Vector)
	if err != nil {
		return dst, report, err
	}
	view := x.codes.View()
	k := min(q.K, view.N)
	if !ok || k <= 0 {
		return dst, report, nil
	}
	s.top.Reset(k)
	if slots := list(q.Accept, view.N); slots != nil {
		report.Scored, err = s.parallel.ScanList(ctx, &view, &s.query, slots, q.Accept, &s.top)
	} else {
		report.Scored, err = s.parallel.Scan(ctx, &view, &s.query, 0, view.N, q.Accept, &s.top)
	}
	if err != nil {
		return dst, report, err
	}
	return s.top.AppendSorted(dst), report, nil
}

// SearchBatch answers many queries as Search would answer each, reading the rows once for up to codes.MaxJobs of them.
// It appends the hits of queries[i] to dst[i] and writes its report to reports[i], where both are as long as queries;
// after an error, which may be that of any query, they hold nothing of use.
func (x *Index) SearchBatch(
	ctx context.Context, queries []*index.Query, dst [][]index.Candidate, reports []index.Report,
) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b := x.batches.Get().(*codes.Batch)
	defer x.batches.Put(b)
	n := x.codes.Len()
	b.Start(x.codes, n)
	var err error
	for i, q := range queries {
		if list(q.Accept, n) != nil {
			dst[i], reports[i], err = x.Search(ctx, q, dst[i])
		} else {
			err = b.Add(ctx, x.codes, q, &dst[i], &reports[i])
		}
		if err != nil {
			break
		}
	}
	return b.Finish(ctx, err)
}

// list returns the accepted slots, when they are known and so few that reading them one by one costs less than reading
// everything: a row out of order costs up to four times a row in order. Else it returns nil.
func list(accept index.Accept, n int) index.Listing {
	if accept == nil {
		return nil
	}
	if slots := accept.Slots(); slots != nil && slots.Len() <= n/4 {
		return slots
	}
	return nil
}

// Scores implements index.Searcher.
func (x *Index) Scores(v []float32, slots []uint32, dst []float32) error {
	s := x.scratch.Get().(*scratch)
	defer x.scratch.Put(s)
	return x.codes.Scores(&s.query, v, slots, dst)
}

// Vector implements index.Searcher.
func (x *Index) Vector(slot uint32, dst []float32) error { return x.codes.Vector(slot, dst) }

// Len implements index.Searcher.
func (x *Index) Len() int { return x.codes.Len() }

// Dims implements index.Searcher.
func (x *Index) Dims() int { return x.codes.Dims() }

// Info implements index.Searcher.
func (x *Index) Info() index.Info {
	n := x.codes.Len()
	return index.Info{Engine: "flat", Vectors: n, Graph: n, Zero: x.codes.Zero(), Bytes: x.codes.Bytes()}
}

// magic opens a saved span: the engine's name and the version of the format.
//
//	1  the first
//	2  a span instead of the first n slots
const magic = "AKINFLT2"

// Save implements index.Searcher.
func (x *Index) Save(ctx context.Context, w io.Writer, s index.Span) error {
	if _, err := io.WriteString(w, magic); err != nil {
		return err
	}
	return x.codes.Save(ctx, w, s.From, s.To)
}

// Saved implements index.Searcher.
func (x *Index) Saved(bool) {}

// Unsaved implements index.Searcher.
func (x *Index) Unsaved() int64 { return 0 }

// ErrFormat: the bytes are not a span of a flat index of this version. Build the index again from its vectors.
var ErrFormat = errors.New("flat: not a saved flat index of this version")

// Load implements index.Searcher.
func (x *Index) Load(r io.Reader, size int64) error {
	var head [len(magic)]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || string(head[:]) != magic {
		return ErrFormat
	}
	return x.codes.Load(r, size-int64(len(magic)))
}

// Check implements index.Searcher.
func (x *Index) Check() error { return x.codes.Check() }
