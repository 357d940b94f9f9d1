package lexical

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestPairsAreUnpackedAsTheyWerePacked(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	for range 300 {
		spread := []uint32{3, 1000, maxGap + 2, features}[rng.IntN(4)]
		var ids []uint32
		var counts []uint16
		for id := rng.Uint32N(spread); id < features && len(ids) < 200; id += 1 + rng.Uint32N(spread) {
			ids = append(ids, id)
			counts = append(counts, []uint16{1, 1, 2, maxCount, maxCount + 1, 65535}[rng.IntN(6)])
		}
		words := packPairs(nil, ids, counts)
		if !countPairs(words, make([]uint32, features)) {
			t.Fatalf("features %v: the check refuses %v", ids, words)
		}
		p := pairs{words: words}
		for i, id := range ids {
			want := id<<countBits | min(uint32(counts[i]), maxCount)
			if got := p.next(); got != want {
				t.Fatalf("pair %d of %v is %d, want %d", i, ids, got, want)
			}
		}
		if len(p.words) != 0 {
			t.Fatalf("%d words are left over", len(p.words))
		}
	}
}

func TestPairsThatNobodyPacksAreRefused(t *testing.T) {
	for name, words := range map[string][]uint16{
		"a feature twice":         {5 << 1, 0},
		"a count of one":          {5<<1 | 1, 1},
		"a count of none":         {5<<1 | 1, 0},
		"too large a count":       {5<<1 | 1, maxCount + 1},
		"a count that is missing": {5<<1 | 1},
		"an end on the way":       {5 << 1, farther},
		"the same with a count":   {farther | 1, 2},
		"a feature beyond all":    slices.Repeat([]uint16{farther}, 40),
	} {
		if countPairs(words, make([]uint32, features)) {
			t.Errorf("%s is taken", name)
		}
	}
}

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
	var r postingRun
	var got []uint32
	p.walk(&tm, &r, func(n int) bool {
		for i, class := range r.classes[:n] {
			if int(class) != len(got)+i {
				t.Errorf("class %d at place %d", class, len(got)+i)
			}
		}
		got = append(got, r.slots[:n]...)
		return true
	})
	if !slices.Equal(got, slots) {
		t.Errorf("slots %v, want %v", got, slots)
	}
}
