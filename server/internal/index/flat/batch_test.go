package flat

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

type even struct{}

func (even) Accepts(slot uint32) bool { return slot%2 == 0 }
func (even) Slots() index.Listing     { return nil }
func (even) Share() float64           { return .5 }

func TestABatchAnswersAsSearchesDo(t *testing.T) {
	x := build(t, 16, 3000)
	var queries []*index.Query
	for i := range 21 { // two passes and a part of one
		q := &index.Query{Vector: make([]float32, 16), K: 10 * i}
		q.Vector[i%16] = float32(i%5) - 1 // zero vectors among them
		q.Vector[3] += float32(i % 3)
		switch i % 4 {
		case 1:
			q.Accept = even{}
		case 2:
			q.Accept = listed{[]uint32{3, 500, 999, 5000}}
		}
		queries = append(queries, q)
	}
	queries[4].K = -1
	dst, reports := make([][]index.Candidate, len(queries)), make([]index.Report, len(queries))
	kept := index.Candidate{Slot: 7, Score: 3}
	for i := range dst {
		dst[i] = append(dst[i], kept)
	}
	if err := x.SearchBatch(context.Background(), queries, dst, reports); err != nil {
		t.Fatal(err)
	}
	for i, q := range queries {
		want, report, err := x.Search(context.Background(), q, []index.Candidate{kept})
		if err != nil || !slices.Equal(dst[i], want) || reports[i] != report {
			t.Errorf("query %d: %d hits, %+v; alone %d, %+v, %v", i, len(dst[i]), reports[i], len(want), report, err)
		}
	}
}

func TestABatchEndsWithItsErrorsAndWorksAgain(t *testing.T) {
	x := build(t, 16, 3000)
	good := &index.Query{Vector: make([]float32, 16), K: 10}
	good.Vector[1] = 1
	dst, reports := make([][]index.Candidate, 3), make([]index.Report, 3)
	ctx, cancel := context.WithCancel(context.Background())
	bad := []*index.Query{good, {Vector: make([]float32, 15), K: 10}, good}
	if err := x.SearchBatch(ctx, bad, dst, reports); !errors.Is(err, index.ErrDims) {
		t.Errorf("a short vector: %v", err)
	}
	cancel()
	if err := x.SearchBatch(ctx, []*index.Query{good, good, good}, dst, reports); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled batch: %v", err)
	}
	clear(dst)
	if err := x.SearchBatch(context.Background(), []*index.Query{good, good, good}, dst, reports); err != nil ||
		len(dst[2]) != 10 {
		t.Errorf("the next one: %d hits, %v", len(dst[2]), err)
	}
}
