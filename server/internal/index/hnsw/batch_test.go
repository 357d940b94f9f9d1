package hnsw

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

func TestABatchAnswersAsSearchesDo(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	vectors := clustered(r, 16, 700)
	x := New(16, Config{})
	appendAll(t, x, vectors[:600])
	catchUp(t, x)
	appendAll(t, x, vectors[600:])
	var queries []*index.Query
	for i := range 30 {
		q := &index.Query{Vector: vectors[i], K: i, Exact: i%2 == 0, Walk: i%5 == 0}
		switch i % 3 {
		case 1:
			q.Accept = fakeAccept{300, 700, false}
		case 2:
			q.Accept = fakeAccept{20, 700, true}
		}
		queries = append(queries, q)
	}
	queries[3].Vector = make([]float32, 16)
	dst, reports := make([][]index.Candidate, len(queries)), make([]index.Report, len(queries))
	if err := x.SearchBatch(context.Background(), queries, dst, reports); err != nil {
		t.Fatal(err)
	}
	for i, q := range queries {
		want, report := search(t, x, *q)
		if !slices.Equal(dst[i], want) || reports[i] != report {
			t.Errorf("query %d: %d hits, %+v; alone %d, %+v", i, len(dst[i]), reports[i], len(want), report)
		}
	}
	queries[29].Vector = nil
	if err := x.SearchBatch(context.Background(), queries, dst, reports); !errors.Is(err, index.ErrDims) {
		t.Errorf("a query without a vector: %v", err)
	}
}
