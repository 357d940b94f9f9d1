package slab

import "testing"

func TestBlocksAreZeroedDistinctAndOfTheAskedSize(t *testing.T) {
	const size = 96 << 10
	s := New(size)
	var blocks [][]byte
	for i := range 3 * maxBlocks {
		b := s.Bytes()
		if len(b) != size || cap(b) != size {
			t.Fatalf("block of %d bytes with room for %d, want %d", len(b), cap(b), size)
		}
		for _, x := range b {
			if x != 0 {
				t.Fatal("block is not zeroed, or shared with an earlier one")
			}
		}
		for j := range b {
			b[j] = byte(i + 1)
		}
		blocks = append(blocks, b)
	}
	for i, b := range blocks {
		if b[0] != byte(i+1) || b[size-1] != byte(i+1) {
			t.Fatalf("block %d was overwritten by a later one", i)
		}
	}
}

func TestHalvesAreZeroed(t *testing.T) {
	for _, n := range []int{0, 1, 3 << 20} {
		words := Halves(n)
		if len(words) != n {
			t.Fatalf("%d words, want %d", len(words), n)
		}
		for _, w := range words {
			if w != 0 {
				t.Fatal("a word is not zero")
			}
		}
	}
}

func TestWordsCoverTheBlock(t *testing.T) {
	if got := len(New(4 << 20).Words()); got != 1<<20 {
		t.Fatalf("%d words, want %d", got, 1<<20)
	}
}
