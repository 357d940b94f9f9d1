package indextest

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

func (s *suite) testSaveLoad(t *testing.T) {
	if s.Load == nil {
		t.Skip("the engine states no Load")
	}
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
	for _, n := range []int{-1, len(vectors) + 1} {
		if err := x.Save(io.Discard, n); err == nil {
			t.Errorf("Save of %d of %d slots is no error", n, len(vectors))
		}
	}
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
	if s.Load == nil {
		t.Skip("the engine states no Load")
	}
	rng := newRand(81)
	vectors := Clustered(rng, 150, 8)
	x := s.filled(t, vectors)
	var buf bytes.Buffer
	if err := x.Save(&buf, len(vectors)); err != nil {
		t.Fatal(err)
	}
	whole := buf.Bytes()
	for _, n := range []int{0, 1, 7, 8, 16, 40, len(whole) / 3, len(whole) / 2, len(whole) - 1} {
		if _, err := s.Load(bytes.NewReader(whole[:n]), int64(n)); err == nil {
			t.Errorf("Load takes the first %d bytes of %d for a whole index", n, len(whole))
		}
		if _, err := s.Load(bytes.NewReader(whole[:n]), int64(len(whole))); err == nil {
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
	y, err := s.Load(bytes.NewReader(damaged), int64(len(damaged)))
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
