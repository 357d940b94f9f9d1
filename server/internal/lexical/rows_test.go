package lexical

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestBigramsAreUnpackedAsTheyWerePacked(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 4))
	for n := range 2 * packBigramsFrom {
		bigrams := make([]uint16, n)
		for i := range bigrams {
			bigrams[i] = uint16(rng.Uint32N(1 << 16))
		}
		if n > 3 {
			bigrams[0], bigrams[1], bigrams[2] = 0, 1<<16-1, 1<<16-2
		}
		slices.Sort(bigrams)
		bigrams = slices.Compact(bigrams)
		words := make([]uint16, bigramWords(uint32(len(bigrams))))
		packBigrams(words, bigrams)
		if got := unpackBigrams(nil, words, uint32(len(bigrams))); !slices.Equal(got, bigrams) {
			t.Fatalf("%d bigrams: %v, want %v", len(bigrams), got, bigrams)
		}
		wanted := []uint16{0, 5, 1<<16 - 1}
		for range 10 {
			wanted = append(wanted, uint16(rng.Uint32N(1<<16)))
			if n > 0 {
				wanted = append(wanted, bigrams[rng.IntN(len(bigrams))])
			}
		}
		slices.Sort(wanted)
		wanted = slices.Compact(wanted)
		want := 0
		for _, b := range wanted {
			if slices.Contains(bigrams, b) {
				want++
			}
		}
		if got := sharedBigrams(words, uint32(len(bigrams)), wanted); got != want {
			t.Fatalf("%d of %v are among %v, want %d", got, wanted, bigrams, want)
		}
	}
}

// TestPostingsOfFarSlots appends slots at the ends of what a gap can be, up to the last.
func TestPostingsOfFarSlots(t *testing.T) {
	slots := []uint32{0, 1, 127, 128, 1 << 14, 1<<14 + 1, 1<<24 - 1, 1 << 24, 1<<31 + 5, MaxPapers - 1}
	var p postings
	var tm term
	for i, slot := range slots {
		p.append(&tm, slot, uint8(i))
	}
	gotSlots, classes := read(&p, &tm)
	if !slices.Equal(gotSlots, slots) {
		t.Errorf("slots %v, want %v", gotSlots, slots)
	}
	for i, class := range classes {
		if int(class) != i {
			t.Errorf("class %d at place %d", class, i)
		}
	}
}

// read reads a list posting by posting.
func read(p *postings, tm *term) (slots []uint32, classes []byte) {
	address, size := tm.start()
	slot := ^uint32(0)
	for len(slots) < int(tm.count.Load()) {
		packed := p.bytesAt(address, size)
		link := packed[size-linkBytes:]
		for packed = packed[:size-linkBytes]; len(packed) > 0; {
			gap, n := unpack(packed)
			if gap == 0 {
				break
			}
			slot += gap
			slots, classes = append(slots, slot), append(classes, packed[n-1])
			packed = packed[n:]
		}
		if len(slots) < int(tm.count.Load()) {
			address, size = binary.LittleEndian.Uint64(link), min(2*size, maxSlice)
		}
	}
	return slots, classes
}
