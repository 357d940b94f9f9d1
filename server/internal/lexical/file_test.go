package lexical

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/embed"
)

func saved(tb testing.TB, x *Index, n int) []byte {
	tb.Helper()
	var buf bytes.Buffer
	if err := x.Save(&buf, n); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
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
		y, err := Load(bytes.NewReader(data), int64(len(data)))
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
	if err := New().Save(&bytes.Buffer{}, 1); err == nil {
		t.Error("saved one paper of none")
	}
}

func TestLoadNamesDamage(t *testing.T) {
	x := New()
	x.Append(terms(1, 2, 2))
	x.Append(terms(7))
	data := saved(t, x, 2)
	for n := range data {
		if _, err := Load(bytes.NewReader(data[:n]), int64(n)); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut at %d: %v", n, err)
		}
		if _, err := Load(bytes.NewReader(data[:n]), int64(len(data))); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut at %d with the size of the whole: %v", n, err)
		}
	}
	if _, err := Load(bytes.NewReader(append(data, 0)), int64(len(data)+1)); !errors.Is(err, ErrDamaged) {
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
		y, err := Load(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		checkIndex(t, y)
		if !bytes.Equal(saved(t, y, y.Len()), data) {
			t.Error("saving again gives other bytes")
		}
	})
}
