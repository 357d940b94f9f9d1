//go:build !windows

package coder

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/coder/hnsw"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/index/indextest"
)

func TestSuite(t *testing.T) {
	indextest.Run(t, func(_ testing.TB, dims int) index.Searcher { return New(dims) }, indextest.Options{
		Recall:      .05, // the library's own walk; see the package comment
		Adversarial: -1,  // among thousands of identical vectors its walk finds none of the others
		MayMiss:     true,
		Epsilon:     1e-5,
		Vectors:     500,
	})
}

func TestAPanicInAnInsertIsAnErrorForGood(t *testing.T) {
	x := New(2)
	for range 3 {
		if _, err := x.Append([]float32{1, 2}); err != nil {
			t.Fatal(err)
		}
	}
	distance := x.graph.Distance
	x.graph.Distance = func(_, _ hnsw.Vector) float32 { panic("as the library does") }
	for range 2 {
		if _, err := x.Append([]float32{2, 1}); !errors.Is(err, ErrLibrary) {
			t.Errorf("Append while the library panics: %v", err)
		}
		x.graph.Distance = distance // the graph may be half linked, so the second Append must not try
	}
	q := index.Query{Vector: []float32{1, 1}, K: 9, Walk: true}
	if _, _, err := x.Search(context.Background(), &q, nil); !errors.Is(err, ErrLibrary) {
		t.Errorf("a walk over a half linked graph: %v", err)
	}
	if x.Check() == nil {
		t.Error("Check finds nothing wrong with a half linked graph")
	}
	q.Walk, q.Exact = false, true
	if hits, _, err := x.Search(context.Background(), &q, nil); err != nil || len(hits) != 3 {
		t.Errorf("an exact search beside a half linked graph: %v, %v", hits, err)
	}
}

func TestAPanicInAWalkIsAnErrorOfThatSearchAlone(t *testing.T) {
	x := New(2)
	for range 3 {
		if _, err := x.Append([]float32{1, 2}); err != nil {
			t.Fatal(err)
		}
	}
	distance := x.graph.Distance
	x.graph.Distance = func(_, _ hnsw.Vector) float32 { panic("as the library does") }
	q := index.Query{Vector: []float32{1, 1}, K: 2, Walk: true}
	if _, _, err := x.Search(context.Background(), &q, nil); !errors.Is(err, ErrLibrary) {
		t.Errorf("a walk that panics: %v", err)
	}
	x.graph.Distance = distance
	if hits, _, err := x.Search(context.Background(), &q, nil); err != nil || len(hits) != 2 {
		t.Errorf("the walk after one that panicked: %v, %v", hits, err)
	}
	if err := x.Check(); err != nil {
		t.Error(err)
	}
}

// A changed byte anywhere is an error, and so is every header that claims what the bytes cannot hold.
func TestEveryChangedByteIsDamage(t *testing.T) {
	x := New(3)
	for i := range 5 {
		if _, err := x.Append([]float32{1, float32(i), -2}); err != nil {
			t.Fatal(err)
		}
	}
	var buf bytes.Buffer
	if err := x.Save(context.Background(), &buf, index.Span{To: 5}); err != nil {
		t.Fatal(err)
	}
	for at := range buf.Len() {
		damaged := bytes.Clone(buf.Bytes())
		damaged[at] ^= 1
		if err := New(3).Load(bytes.NewReader(damaged), int64(len(damaged))); err == nil {
			t.Errorf("Load takes an index with byte %d changed", at)
		}
	}
	huge := bytes.Clone(buf.Bytes())
	binary.LittleEndian.PutUint64(huge[24:], math.MaxUint64/12)
	if err := New(3).Load(bytes.NewReader(huge), int64(len(huge))); !errors.Is(err, ErrDamaged) {
		t.Errorf("Load of a header that claims too much: %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	x := New(2)
	for _, v := range [][]float32{{1, 2}, {0, 0}, {-1, .5}} {
		if _, err := x.Append(v); err != nil {
			f.Fatal(err)
		}
	}
	var buf bytes.Buffer
	if err := x.Save(context.Background(), &buf, index.Span{To: 3}); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Add(buf.Bytes()[:20])
	f.Fuzz(func(t *testing.T, data []byte) {
		y := New(2)
		err := y.Load(bytes.NewReader(data), int64(len(data)))
		if err == nil && y.Check() == nil {
			_, _, err := y.Search(context.Background(), &index.Query{Vector: make([]float32, y.Dims()), K: 1}, nil)
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}
