package flat

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

func build(t testing.TB, dims, n int) *Index {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	x := New(dims)
	v := make([]float32, dims)
	for range n {
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		if _, err := x.Append(v); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

type listed struct{ slots []uint32 }

func (l listed) Accepts(slot uint32) bool { return slices.Contains(l.slots, slot) }
func (l listed) Slots() index.Listing     { return index.Slots(l.slots) }
func (l listed) Share() float64           { return .001 }

func TestListedSlotsAreScannedAlone(t *testing.T) {
	x := build(t, 16, 1000)
	q := &index.Query{Vector: make([]float32, 16), K: 10, Accept: listed{[]uint32{3, 500, 999, 5000}}}
	q.Vector[0] = 1
	hits, report, err := x.Search(context.Background(), q, nil)
	if err != nil || len(hits) != 3 || report.Scored != 3 || !report.Exact {
		t.Fatalf("%d hits, %+v, %v", len(hits), report, err)
	}
}

func TestSavedIndexAnswersTheSame(t *testing.T) {
	x := build(t, 16, 1000)
	var file bytes.Buffer
	if err := x.Save(context.Background(), &file, index.Span{To: 1000}); err != nil {
		t.Fatal(err)
	}
	loaded := New(16)
	err := loaded.Load(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil || loaded.Check() != nil {
		t.Fatal(err, loaded.Check())
	}
	q := &index.Query{Vector: make([]float32, 16), K: 10}
	q.Vector[3] = 1
	want, _, _ := x.Search(context.Background(), q, nil)
	got, _, err := loaded.Search(context.Background(), q, nil)
	if err != nil || !slices.Equal(got, want) || len(got) != 10 {
		t.Fatalf("%v, want %v: %v", got, want, err)
	}
	file.Bytes()[0] ^= 1
	if err := New(16).Load(bytes.NewReader(file.Bytes()), int64(file.Len())); !errors.Is(err, ErrFormat) {
		t.Fatalf("foreign bytes: %v", err)
	}
}

func BenchmarkSearch(b *testing.B) {
	x := build(b, 256, 86_000)
	q := &index.Query{Vector: make([]float32, 256), K: 10}
	for i := range q.Vector {
		q.Vector[i] = float32(i%7) - 3
	}
	var dst []index.Candidate
	b.ReportAllocs()
	b.SetBytes(86_000 * 260)
	for b.Loop() {
		var err error
		if dst, _, err = x.Search(context.Background(), q, dst[:0]); err != nil {
			b.Fatal(err)
		}
	}
}
