package indextest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

// testConcurrent has one appender, one goroutine that catches up, and readers in every mode, all at once. Each reader
// checks what can be said while the index grows; the race detector and Check say the rest.
func (s *suite) testConcurrent(t *testing.T) {
	rng := newRand(60)
	vectors := Clustered(rng, s.Vectors, dims)
	x := s.index(t, dims)
	var appended atomic.Int64 // slots whose Append has returned
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(done)
		for _, v := range vectors {
			if _, err := x.Append(v); err != nil {
				t.Errorf("Append: %v", err)
				return
			}
			appended.Add(1)
		}
	})
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if err := x.Catchup(context.Background(), index.Workers(2)); err != nil {
				t.Errorf("Catchup: %v", err)
				return
			}
		}
	})
	for reader := range 3 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				if err := s.readWhileGrowing(x, vectors, int(appended.Load()), reader+i); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	catchup(t, x)
	s.wantRecall(t, x, vectors, vectors[:40], nil, s.Recall)
}

// readWhileGrowing searches once beside the writers. n is a number of slots that are visible by now.
func (s *suite) readWhileGrowing(x index.Searcher, vectors [][]float32, n, i int) error {
	if n == 0 {
		return nil
	}
	slot := uint32(i*7919) % uint32(n)
	q := ways[i%len(ways)]
	q.Vector, q.K = vectors[slot], 5
	if i%2 == 0 {
		q.Accept = NewSet([]uint32{slot, slot / 2, slot / 3}, i%4 == 0)
	}
	hits, _, err := x.Search(context.Background(), &q, nil)
	if err != nil {
		return fmt.Errorf("Search beside writers: %w", err)
	}
	for j, h := range hits {
		if int(h.Slot) >= len(vectors) || j > 0 && byRank(hits[j-1], h) >= 0 {
			return fmt.Errorf("Search beside writers: hits %v out of order", hits)
		}
		if q.Accept != nil && !q.Accept.Accepts(h.Slot) {
			return fmt.Errorf("Search beside writers: slot %d is not accepted", h.Slot)
		}
		if want := cosine(vectors[h.Slot], q.Vector); !within(float64(h.Score), want, s.Epsilon) {
			return fmt.Errorf("Search beside writers: slot %d scores %g, its cosine is %g", h.Slot, h.Score, want)
		}
	}
	if q.Exact && (len(hits) == 0 || float64(hits[0].Score) < 1-s.Epsilon) {
		return fmt.Errorf("exact search beside writers: visible slot %d of %d does not find itself: %v", slot, n, hits)
	}
	got := make([]float32, 1)
	if err := x.Scores(unit(vectors[slot]), []uint32{slot}, got); err != nil || !within(float64(got[0]), 1, s.Epsilon) {
		return fmt.Errorf("Scores beside writers: slot %d with itself gives %g, %w", slot, got[0], err)
	}
	stored := make([]float32, x.Dims())
	if err := x.Vector(slot, stored); err != nil || !within(cosine(stored, vectors[slot]), 1, s.Epsilon) {
		return fmt.Errorf("Vector beside writers: slot %d: cosine %g, %w", slot, cosine(stored, vectors[slot]), err)
	}
	if info := x.Info(); info.Vectors < n || info.Graph > info.Vectors {
		return fmt.Errorf("Info beside writers: %+v with %d visible", info, n)
	}
	return nil
}

func (s *suite) testSaveConcurrent(t *testing.T) {
	rng := newRand(61)
	vectors := Clustered(rng, s.Vectors, dims)
	x := s.index(t, dims)
	start := len(vectors) / 3
	appendAll(t, x, vectors[:start])
	var wg sync.WaitGroup
	wg.Go(func() {
		for i, v := range vectors[start:] {
			if _, err := x.Append(v); err != nil {
				t.Errorf("Append: %v", err)
				return
			}
			if i%100 == 0 {
				if err := x.Catchup(context.Background(), index.Workers(2)); err != nil {
					t.Errorf("Catchup: %v", err)
					return
				}
			}
		}
	})
	y := s.make(t, dims)
	for _, span := range []index.Span{{To: start / 2}, {From: start / 2, To: start, Links: true},
		{From: start, To: start}} {
		var buf bytes.Buffer
		if err := x.Save(context.Background(), &buf, span); err != nil {
			t.Errorf("Save beside writers: %v", err)
			break
		}
		x.Saved(true)
		if err := y.Load(bytes.NewReader(buf.Bytes()), int64(buf.Len())); err != nil {
			t.Errorf("Load of what was saved beside writers: %v", err)
			break
		}
		if y.Len() != span.To {
			t.Errorf("%d slots loaded, want %d", y.Len(), span.To)
			break
		}
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	// What was written meanwhile follows.
	var buf bytes.Buffer
	if err := x.Save(context.Background(), &buf, index.Span{From: start, To: x.Len(), Links: true}); err != nil {
		t.Fatal(err)
	}
	if err := y.Load(&buf, int64(buf.Len())); err != nil {
		t.Fatal(err)
	}
	checkAtEnd(t, y)
	catchup(t, y)
	s.sameScores(t, x, y, vectors)
	s.wantRecall(t, y, vectors, vectors[:20], nil, s.Recall)
}
