package indextest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

func (s *suite) testSaveLoad(t *testing.T) {
	rng := newRand(80)
	vectors := Clustered(rng, s.Vectors, dims)
	vectors[11] = make([]float32, dims)
	x := s.index(t, dims)
	half := len(vectors) / 2
	appendAll(t, x, vectors[:half])
	catchup(t, x)
	appendAll(t, x, vectors[half:])
	for _, n := range []int{0, 1, 12, half - 1, half + 1, len(vectors)} {
		y := s.reload(t, x, n)
		s.sameScores(t, x, y, vectors[:n])
		// A loaded index goes on as if it had never stopped.
		appendAll(t, y, vectors[n:min(n+60, len(vectors))])
		catchup(t, y)
		known := vectors[:min(n+60, len(vectors))]
		s.wantRecall(t, y, known, vectors[:30], nil, s.Recall)
		if got := s.meanRecall(t, y, known, vectors[:30], index.Query{K: 10, Exact: true}); got < .98 {
			t.Errorf("exact searches after a load of %d slots have recall %.3f", n, got)
		}
	}
	for _, span := range []index.Span{{To: -1}, {To: len(vectors) + 1}, {From: 2, To: 1}, {From: -1}} {
		if err := x.Save(context.Background(), io.Discard, span); err == nil {
			t.Errorf("Save of %+v of %d slots is no error", span, len(vectors))
		}
	}
	ended, end := context.WithCancel(context.Background())
	end()
	if err := x.Save(ended, io.Discard, index.Span{To: len(vectors)}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled Save: got %v", err)
	}
}

// testSpans saves an index in spans while it grows, some of which come to nothing, and loads those that were kept.
func (s *suite) testSpans(t *testing.T) {
	rng := newRand(82)
	vectors := Clustered(rng, s.Vectors, dims)
	vectors[3] = make([]float32, dims)
	vectors[len(vectors)/2] = vectors[1]
	x, y := s.index(t, dims), s.index(t, dims)
	for from := 0; from < len(vectors); {
		to := min(len(vectors), from+rng.IntN(len(vectors)/5))
		appendAll(t, x, vectors[x.Len():max(to, x.Len())])
		if rng.IntN(4) > 0 {
			catchup(t, x)
		}
		var buf bytes.Buffer
		if err := x.Save(context.Background(), &buf, index.Span{From: from, To: to, Links: rng.IntN(3) > 0}); err != nil {
			t.Fatal(err)
		}
		kept := rng.IntN(3) > 0
		if rng.IntN(8) > 0 { // else: nobody says what became of it
			x.Saved(kept)
		} else {
			kept = false
		}
		if !kept {
			continue
		}
		if err := y.Load(bytes.NewReader(buf.Bytes()), int64(buf.Len())); err != nil {
			t.Fatalf("Load of the slots %d to %d: %v", from, to, err)
		}
		from = to
	}
	catchup(t, x)
	var buf bytes.Buffer
	if err := x.Save(context.Background(), &buf, index.Span{From: x.Len(), To: x.Len(), Links: true}); err != nil {
		t.Fatal(err)
	}
	x.Saved(true)
	if n := x.Unsaved(); n != 0 {
		t.Errorf("%d bytes are unsaved after everything was", n)
	}
	if err := y.Load(&buf, int64(buf.Len())); err != nil {
		t.Fatal(err)
	}
	if got, want := y.Info().Graph, x.Info().Graph; got != want {
		t.Errorf("%d vectors in the loaded graph of %d", got, want)
	}
	s.sameScores(t, x, y, vectors)
	s.wantRecall(t, y, vectors, vectors[:20], nil, s.Recall)
}

// sameScores demands that a saved vector scores what it scored before, to the bit.
func (s *suite) sameScores(t *testing.T, x, y index.Searcher, vectors [][]float32) {
	t.Helper()
	slots := make([]uint32, len(vectors))
	for i := range slots {
		slots[i] = uint32(i)
	}
	before, after := make([]float32, len(slots)), make([]float32, len(slots))
	for _, v := range vectors[:min(5, len(vectors))] {
		if err := x.Scores(unit(v), slots, before); err != nil {
			t.Fatal(err)
		}
		if err := y.Scores(unit(v), slots, after); err != nil {
			t.Fatal(err)
		}
		for i := range slots {
			if before[i] != after[i] {
				t.Fatalf("slot %d scores %g before Save and %g after Load", i, before[i], after[i])
			}
		}
	}
}

// testDamaged cuts and changes saved bytes. Load must neither panic nor believe a length that the bytes cannot hold. It
// may miss a change within a vector, where the owner's checksum stands guard; what it then returns must still answer.
func (s *suite) testDamaged(t *testing.T) {
	rng := newRand(81)
	vectors := Clustered(rng, 150, 8)
	x := s.filled(t, vectors)
	var buf bytes.Buffer
	if err := x.Save(context.Background(), &buf, index.Span{To: len(vectors)}); err != nil {
		t.Fatal(err)
	}
	whole := buf.Bytes()
	for _, n := range []int{0, 1, 7, 8, 16, 40, len(whole) / 3, len(whole) / 2, len(whole) - 1} {
		if err := s.make(t, 8).Load(bytes.NewReader(whole[:n]), int64(n)); err == nil {
			t.Errorf("Load takes the first %d bytes of %d for a whole index", n, len(whole))
		}
		if err := s.make(t, 8).Load(bytes.NewReader(whole[:n]), int64(len(whole))); err == nil {
			t.Errorf("Load takes %d bytes of a stated %d for a whole index", n, len(whole))
		}
	}
	positions := make([]int, 0, 400)
	for i := range min(64, len(whole)) {
		positions = append(positions, i)
	}
	random := 200
	if testing.Short() { // a load takes the memory of whole blocks
		positions, random = positions[:min(24, len(positions))], 16
	}
	for range random {
		positions = append(positions, rng.IntN(len(whole)))
	}
	for _, at := range positions {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			damaged := bytes.Clone(whole)
			damaged[at] ^= flip
			s.loadDamaged(t, damaged, at, len(vectors), x.Dims())
		}
	}
}

func (s *suite) loadDamaged(t *testing.T, damaged []byte, at, n, dims int) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	y := s.make(t, dims)
	err := y.Load(bytes.NewReader(damaged), int64(len(damaged)))
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 256<<20 {
		t.Fatalf("Load of %d bytes damaged at byte %d allocates %d", len(damaged), at, grown)
	}
	if err != nil {
		return
	}
	if y.Dims() != dims || y.Len() != n {
		t.Fatalf("%d vectors of %d dimensions with byte %d damaged load as %d of %d", n, dims, at, y.Len(), y.Dims())
	}
	if y.Check() != nil {
		return
	}
	for _, q := range ways {
		q.Vector, q.K = make([]float32, y.Dims()), 5
		q.Vector[0] = 1
		if _, _, err := y.Search(context.Background(), &q, nil); err != nil {
			t.Fatalf("an index damaged at byte %d loads, passes Check, and fails to search: %v", at, err)
		}
	}
}
