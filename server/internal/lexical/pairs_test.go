package lexical

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// somePairs are up to 700 features, of which few or many have a count above 1.
func somePairs(rng *rand.Rand) (ids []uint32, counts []uint16) {
	spread := []uint32{3, 1000, 40_000, features}[rng.IntN(4)]
	most := []int{0, 1, 15, 16, 17, narrowPairs, narrowPairs + 1, 700}[rng.IntN(8)]
	values := []uint16{1, 1, 1, 1, 2, 3, escaped + 1, escaped + 2, maxCount, maxCount + 1, 65535}
	if rng.IntN(2) == 0 {
		values = values[:5]
	}
	for id := rng.Uint32N(spread); id < features && len(ids) < most; id += 1 + rng.Uint32N(spread) {
		ids = append(ids, id)
		counts = append(counts, values[rng.IntN(len(values))])
	}
	return ids, counts
}

func TestPairsAreFoundAndUnpackedAsTheyWerePacked(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	numbers := make([]uint32, features)
	for range 1000 {
		ids, counts := somePairs(rng)
		words := packPairs(nil, ids, counts)
		if !checkPairs(words) {
			t.Fatalf("features %v: the check refuses %v", ids, words)
		}
		p := pairsOf(words)
		if !countPairs(words, numbers) {
			t.Fatal("counting refuses what the check takes")
		}
		all := p.all()
		for i, id := range ids {
			count := min(uint32(counts[i]), maxCount)
			if got := all.next(); got != id<<countBits|count {
				t.Fatalf("pair %d of %v is %d, %d times, want %d times", i, ids, got>>countBits, got&maxCount, count)
			}
			if numbers[id] != 1 {
				t.Fatalf("%d is counted %d times", id, numbers[id])
			}
			numbers[id] = 0
			if at := p.find(id); at != i || p.count(at) != count {
				t.Fatalf("%d of %v is found at %d, want %d, %d times", id, ids, at, i, count)
			}
		}
		if len(all.lows) != 0 {
			t.Fatalf("%d pairs are left over", len(all.lows))
		}
		for range 50 {
			id := rng.Uint32N(features)
			if got, want := p.find(id), slices.Index(ids, id); got != want {
				t.Fatalf("%d is found at %d of %v, want %d", id, got, ids, want)
			}
		}
	}
}

func TestPairsThatNobodyPacksAreRefused(t *testing.T) {
	pack := func(ids []uint32, counts ...uint16) []uint16 { return packPairs(nil, ids, counts) }
	many := make([]uint32, narrowPairs+1)
	for i := range many {
		many[i] = uint32(i)
	}
	wide := pack(many, make([]uint16, len(many))...)
	changed := func(words []uint16, at int, to uint16) []uint16 {
		words = slices.Clone(words)
		words[at] = to
		return words
	}
	two := pack([]uint32{5, 6}, 1, 7)
	for name, words := range map[string][]uint16{
		"a feature twice":             changed(two, narrowHeader+1, 5),
		"features that fall":          changed(two, narrowHeader+1, 4),
		"buckets that fall":           changed(two, 0, 2|1<<8),
		"a bucket beyond the last":    changed(two, 0, 2|3<<8),
		"a number below the buckets'": changed(two, narrowHeader-1, 2|1<<8),
		"a count of nothing":          changed(two, narrowHeader+2, 1<<1|1<<2),
		"a nibble too many":           changed(two, narrowHeader+3, 5|1<<4),
		"a nibble that is missing":    two[:narrowHeader+3],
		"a count that is missing":     pack([]uint32{5}, 1000)[:narrowHeader+3],
		"a count too many":            append(slices.Clone(two), 100),
		"too short a count":           changed(pack([]uint32{5}, 1000), narrowHeader+3, escaped+1),
		"too large a count":           changed(pack([]uint32{5}, 1000), narrowHeader+3, maxCount+1),
		"an end within the header":    two[:narrowHeader-1],
		"an end within the features":  two[:narrowHeader+1],
		"an end within wide numbers":  wide[:wideHeader-1],
		"ends twice":                  changed(wide, 0, 1),
		"a wide row of few":           changed(wide, wideHeader-2, 5),
		"a wide row of too many":      changed(wide, wideHeader-1, 1<<5),
	} {
		if checkPairs(words) {
			t.Errorf("%s is taken", name)
		}
	}
	if !checkPairs(wide) || !checkPairs(two) || !checkPairs(nil) {
		t.Error("what was packed is refused")
	}
}

// FuzzPairs: whatever the words, they are refused, or every way through them agrees.
func FuzzPairs(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 7, 0, 1, 0, 3, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		words := make([]uint16, len(b)/2)
		for i := range words {
			words[i] = uint16(b[2*i]) | uint16(b[2*i+1])<<8
		}
		if !checkPairs(words) {
			return
		}
		p := pairsOf(words)
		var ids []uint32
		var counts []uint16
		for all := p.all(); len(all.lows) > 0; {
			pair := all.next()
			if at := p.find(pair >> countBits); at != len(ids) || p.count(at) != pair&maxCount {
				t.Fatalf("feature %d is found at %d, want %d", pair>>countBits, at, len(ids))
			}
			ids, counts = append(ids, pair>>countBits), append(counts, uint16(pair&maxCount))
		}
		if got := packPairs(nil, ids, counts); !slices.Equal(got, words) {
			t.Fatalf("packed again %v, want %v", got, words)
		}
	})
}
