//go:build !windows

package coder

import (
	"context"
	"slices"

	"github.com/coder/hnsw"

	"github.com/akin-search/akin/server/internal/index"
)

const (
	// A walk for f vectors takes about as long as scoring scanRows + scanPerFetch*f rows one after the other: at 256
	// dimensions 70 us + 1.8 us*f against .035 us a row, as annbench prints them.
	scanRows     = 2000
	scanPerFetch = 50
	// defaultFetch is how many vectors a walk asks for when Query.Ef says nothing.
	defaultFetch = 64
	// maxFetch bounds what a walk asks for through a filter. The library's cost grows faster than what it returns.
	maxFetch = 8192
	// scanStep is the number of vectors scored between two looks at the context.
	scanStep = 1024
)

// Search implements index.Searcher. A walk asks the library for Query.Ef vectors (default 64, at least 4 K), divided
// by the accepted share, and for four times as many as long as fewer than K of them are accepted, up to 8,192.
// Report.Scored counts the vectors scored by this package; the library does not say how many it met.
func (x *Index) Search(
	ctx context.Context, q *index.Query, dst []index.Candidate,
) ([]index.Candidate, index.Report, error) {
	if err := ctx.Err(); err != nil {
		return dst, index.Report{}, err
	}
	query := make([]float32, x.dims)
	zero, err := normalise(query, q.Vector)
	if err != nil {
		return dst, index.Report{}, err
	}
	rows := x.snapshot()
	k := min(q.K, rows.n)
	if zero || k <= 0 {
		return dst, index.Report{Exact: true}, nil
	}
	fetch := firstFetch(q, k)
	if q.Exact || !q.Walk && accepted(q.Accept, rows.n) <= scanRows+scanPerFetch*fetch {
		best, scored, err := scan(ctx, &rows, query, k, q.Accept)
		return append(dst, best...), index.Report{Exact: err == nil, Scored: scored}, err
	}
	best, scored, err := x.walk(ctx, &rows, query, k, fetch, q.Accept)
	return append(dst, best...), index.Report{Scored: scored}, err
}

// SearchBatch implements index.Searcher, one query after the other.
func (x *Index) SearchBatch(
	ctx context.Context, queries []*index.Query, dst [][]index.Candidate, reports []index.Report,
) error {
	for i, q := range queries {
		var err error
		if dst[i], reports[i], err = x.Search(ctx, q, dst[i]); err != nil {
			return err
		}
	}
	return nil
}

// firstFetch is how many vectors a walk begins by asking for.
func firstFetch(q *index.Query, k int) int {
	fetch := max(4*k, q.Ef)
	if q.Ef == 0 {
		fetch = max(fetch, defaultFetch)
	}
	if q.Accept != nil {
		if share := q.Accept.Share(); share > 0 && share < 1 {
			fetch = max(fetch, int(min(float64(fetch)/share, maxFetch)))
		}
	}
	return fetch
}

// accepted is the number of rows that a scan scores.
func accepted(accept index.Accept, n int) int {
	if accept == nil {
		return n
	}
	if slots := accept.Slots(); slots != nil {
		return slots.Len()
	}
	return int(accept.Share() * float64(n))
}

// scan scores every accepted vector. On an error it returns no candidates.
func scan(
	ctx context.Context, rows *rows, query []float32, k int, accept index.Accept,
) ([]index.Candidate, int, error) {
	best := top{k: k}
	scored := 0
	visit := func(slot uint32) error {
		if scored%scanStep == scanStep-1 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		scored++
		best.offer(query, rows, slot)
		return nil
	}
	if accept != nil {
		if slots := accept.Slots(); slots != nil {
			var some [256]uint32
			for at := uint32(0); at < uint32(rows.n); {
				var n int
				n, at = slots.List(at, uint32(rows.n), some[:])
				for _, slot := range some[:n] {
					if accept.Accepts(slot) {
						if err := visit(slot); err != nil {
							return nil, scored, err
						}
					}
				}
			}
			return best.sorted(), scored, nil
		}
	}
	for slot := range uint32(rows.n) {
		if accept == nil || accept.Accepts(slot) {
			if err := visit(slot); err != nil {
				return nil, scored, err
			}
		}
	}
	return best.sorted(), scored, nil
}

// walk asks the library, filters, and scores what is left again.
func (x *Index) walk(
	ctx context.Context, rows *rows, query []float32, k, fetch int, accept index.Accept,
) ([]index.Candidate, int, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		fetch = min(fetch, rows.n)
		nodes, err := x.fetch(query, fetch)
		if err != nil {
			return nil, 0, err
		}
		best := top{k: k}
		scored := 0
		for _, node := range nodes {
			if int64(node.Key) < int64(rows.n) && (accept == nil || accept.Accepts(node.Key)) {
				scored++
				best.offer(query, rows, node.Key)
			}
		}
		if scored >= k || fetch >= min(rows.n, maxFetch) {
			return best.sorted(), scored, nil
		}
		fetch = min(4*fetch, maxFetch)
	}
}

// fetch returns what the library holds for nearest, in no order.
func (x *Index) fetch(query []float32, n int) (nodes []hnsw.Node[uint32], err error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.fault != nil {
		return nil, x.fault
	}
	err = guard("Search", func() { nodes = x.graph.Search(query, n) })
	return nodes, err
}

// top keeps the k best candidates: a heap with the worst on top once there are k.
type top struct {
	k    int
	heap []index.Candidate
}

// offer scores a slot and keeps it if it is among the best. A zero vector never is.
func (t *top) offer(query []float32, rows *rows, slot uint32) {
	row := rows.row(slot)
	c := index.Candidate{Slot: slot, Score: dot(query, row)}
	full := len(t.heap) == t.k
	if full && compare(c, t.heap[0]) >= 0 || c.Score == 0 && isZero(row) {
		return
	}
	if !full {
		t.heap = append(t.heap, c)
		if len(t.heap) == t.k {
			for i := t.k/2 - 1; i >= 0; i-- {
				t.sink(i)
			}
		}
		return
	}
	t.heap[0] = c
	t.sink(0)
}

func (t *top) sink(i int) {
	for {
		child := 2*i + 1
		if child >= len(t.heap) {
			return
		}
		if child+1 < len(t.heap) && compare(t.heap[child+1], t.heap[child]) > 0 {
			child++
		}
		if compare(t.heap[child], t.heap[i]) <= 0 {
			return
		}
		t.heap[i], t.heap[child] = t.heap[child], t.heap[i]
		i = child
	}
}

func (t *top) sorted() []index.Candidate {
	slices.SortFunc(t.heap, compare)
	return t.heap
}

// compare orders by falling score, then rising slot: negative when a stands before b.
func compare(a, b index.Candidate) int {
	switch {
	case a.Score > b.Score:
		return -1
	case a.Score < b.Score:
		return 1
	case a.Slot < b.Slot:
		return -1
	case a.Slot > b.Slot:
		return 1
	}
	return 0
}

func isZero(v []float32) bool {
	for _, value := range v {
		if value != 0 {
			return false
		}
	}
	return true
}
