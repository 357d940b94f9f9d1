package lexical

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/embed"
)

func saved(tb testing.TB, x *Index, n int) []byte { return stretch(tb, x, 0, n) }

// stretch saves some papers.
func stretch(tb testing.TB, x *Index, from, to int) []byte {
	tb.Helper()
	var buf bytes.Buffer
	if err := x.Save(context.Background(), &buf, from, to); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// load makes an index of saved bytes.
func load(data []byte, size int) (*Index, error) {
	x := New()
	err := x.Load(bytes.NewReader(data), int64(size))
	if err == nil {
		x.BuildLists()
	}
	return x, err
}

// TestStretchesLoadOneAfterTheOther compares an index that was loaded in stretches, and appended to in between, with
// the one that grew by itself.
func TestStretchesLoadOneAfterTheOther(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	defer func(a, b int) { rowsAWorker, groupRows = a, b }(rowsAWorker, groupRows)
	rowsAWorker, groupRows = 100, 700 // several workers, several groups
	x, y := New(), New()
	for range 3*rowChunk + 50 {
		x.Append(randomTerms(rng, 30, 300)) // long lists of few features: slices of every size
	}
	for from := 0; from < x.Len(); {
		to := min(x.Len(), from+1+rng.IntN(rowChunk+rowChunk/2))
		data := stretch(t, x, from, to)
		if err := y.Load(bytes.NewReader(data), int64(len(data))); err != nil {
			t.Fatal(err)
		}
		if from = to; rng.IntN(3) == 0 {
			continue // the next stretch comes before the lists are made
		}
		y.BuildLists()
		checkIndex(t, y)
		if from < x.Len() {
			var terms embed.Terms
			x.Terms(uint32(from), &terms)
			y.Append(&terms)
			from++
		}
		x.Remove(uint32(rng.IntN(x.Len())))
	}
	y.BuildLists()
	for slot := range uint32(x.Len()) {
		if x.rows.at(slot).removed.Load() {
			y.Remove(slot)
		}
	}
	checkIndex(t, y)
	if !bytes.Equal(saved(t, y, y.Len()), saved(t, x, x.Len())) {
		t.Error("saving again gives other bytes")
	}
	err := New().Load(bytes.NewReader(stretch(t, x, 1, 2)), int64(len(stretch(t, x, 1, 2))))
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("a later stretch in an empty index: %v", err)
	}
}

func TestLoadRestoresWhatSaveWrote(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	x := New()
	for i := range rowChunk + 300 {
		x.Append(randomTerms(rng, 12, 500))
		if i%7 == 0 {
			x.Remove(uint32(i))
		}
	}
	for _, n := range []int{0, 1, rowChunk, x.Len()} {
		data := saved(t, x, n)
		y, err := load(data, len(data))
		if err != nil {
			t.Fatal(err)
		}
		if y.Len() != n {
			t.Fatalf("%d papers, want %d", y.Len(), n)
		}
		checkIndex(t, y)
		var a, b embed.Terms
		for slot := range uint32(n) {
			x.Terms(slot, &a)
			y.Terms(slot, &b)
			if !slices.Equal(a.IDs, b.IDs) || !slices.Equal(a.Counts, b.Counts) || a.Tokens != b.Tokens ||
				!slices.Equal(a.Bigrams, b.Bigrams) {
				t.Fatalf("slot %d differs", slot)
			}
		}
		if !bytes.Equal(saved(t, y, n), data) {
			t.Error("saving again gives other bytes")
		}
		y.Append(terms(1))
		checkIndex(t, y)
	}
}

func TestSaveRefusesMoreThanThereIs(t *testing.T) {
	if err := New().Save(t.Context(), &bytes.Buffer{}, 0, 1); err == nil {
		t.Error("saved one paper of none")
	}
}

func TestLoadNamesDamage(t *testing.T) {
	x := New()
	x.Append(terms(1, 2, 2))
	x.Append(terms(7))
	data := saved(t, x, 2)
	for n := range data {
		if _, err := load(data[:n], n); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut at %d: %v", n, err)
		}
		if _, err := load(data[:n], len(data)); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut at %d with the size of the whole: %v", n, err)
		}
	}
	if _, err := load(append(data, 0), len(data)+1); !errors.Is(err, ErrDamaged) {
		t.Errorf("one byte more: %v", err)
	}
}

// FuzzLoad: whatever the bytes, Load either refuses them or makes an index that holds together.
func FuzzLoad(f *testing.F) {
	x := New()
	x.Append(terms(1, 2, 2))
	x.Append(terms())
	x.Append(terms(7))
	x.Remove(0)
	f.Add(saved(f, x, 3))
	f.Add(saved(f, x, 0))
	f.Add([]byte(fileMagic + "\xff\xff\xff\xff\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		y, err := load(data, len(data))
		if err != nil {
			return
		}
		checkIndex(t, y)
		if !bytes.Equal(saved(t, y, y.Len()), data) {
			t.Error("saving again gives other bytes")
		}
	})
}
