package lexical

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// eachWindow runs the test with windows of several sizes.
func eachWindow(t *testing.T, fn func(t *testing.T)) {
	defer func(n int) { window = n }(window)
	for _, window = range []int{1 << 17, 1 << 12, 192} {
		t.Run(strconv.Itoa(window), fn)
	}
}

func TestListsAddWhatTheTableSaysWhateverTheirGaps(t *testing.T) {
	eachWindow(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(13, 14))
		const slots = 70_001
		gaps := []int{1, 2, 255, 256, 300, 5000, 65_280, 65_281, slots}
		for i := range 4 * len(gaps) {
			most := func() int { return gaps[i%len(gaps)] }
			if i >= 2*len(gaps) { // all kinds in one list
				most = func() int { return gaps[rng.IntN(2+i%(len(gaps)-1))] }
			}
			var lists postings
			var tm term
			var s sums
			want := make([]uint16, slots)
			n := 0
			for slot := rng.IntN(most()); slot < slots; slot += 1 + rng.IntN(most()) {
				class := byte(rng.Uint32())
				lists.append(&tm, uint32(slot), class)
				want[slot] = uint16(class) + 1
				n++
			}
			var impact [1 << classBits]float32
			for class := range impact {
				impact[class] = float32(class)
			}
			for _, end := range []int{slots, slots / 2, slots} { // what comes behind was appended after the query began
				s.prepare(end)
				if got := s.take(&tm, &impact, 1); got != n {
					t.Fatalf("list %d: %d postings of %d", i, got, n)
				}
				if err := s.add(t.Context(), &lists); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(s.by[:end], want[:end]) || slices.Max(s.by[end:(end+63)&^63]) != 0 {
					t.Fatalf("list %d: other sums of %d", i, end)
				}
			}
		}
	})
}

func TestListsHoldTheWidestGaps(t *testing.T) {
	var lists postings
	var tm term
	var want []uint32
	for _, gap := range []uint32{255, 256, 65_280, 65_281, 16_646_655, 16_646_656, 1, 1 << 31} {
		last := ^uint32(0)
		if len(want) > 0 {
			last = want[len(want)-1]
		}
		want = append(want, last+gap)
		lists.append(&tm, last+gap, 0)
	}
	var rare term // whose first posting is wider than the first slice
	lists.append(&rare, MaxPapers-1, 9)
	for _, list := range []struct {
		tm   *term
		want []uint32
	}{{&tm, want}, {&rare, []uint32{MaxPapers - 1}}} {
		got, _ := read(&lists, list.tm)
		if !slices.Equal(got, list.want) {
			t.Errorf("slots %v, want %v", got, list.want)
		}
	}
}

func TestTheHighestSumsAreFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	for _, n := range []int{1, 63, 64, 65, 5000, 70_001} {
		for _, share := range []float64{.01, .2, 1} {
			var s sums
			var sorted []int // falling
			s.prepare(n)
			for slot := range n {
				if rng.Float64() < share {
					s.by[slot] = uint16(1 + rng.IntN(1+rng.IntN(1<<15)))
					sorted = append(sorted, -int(s.by[slot]))
				}
			}
			slices.Sort(sorted)
			s.stale = false
			if err := s.add(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			for _, k := range []int{1, 2, 32, 200, 3000} {
				for _, bound := range []int{1 << 16, 1 << 14} {
					checkBest(t, &s, sorted, k, bound)
				}
			}
		}
	}
}

// checkBest compares what best finds with the sums, negative and rising.
func checkBest(t *testing.T, s *sums, sorted []int, k, bound int) {
	t.Helper()
	lower := s.best(k, bound)
	want := 0
	for _, negative := range sorted {
		if sum := -negative; sum < bound && (k > len(sorted) || sum >= -sorted[k-1]) {
			want++
		}
	}
	if len(s.slots) != want || !slices.IsSorted(s.slots) || (lower == 0) != (k > len(sorted)) {
		t.Fatalf("best %d of %d sums below %d: %d slots above %d, want %d", k, len(sorted), bound, len(s.slots), lower, want)
	}
	others := 0 // that are not below what the sums of all others are said to be below
	for _, negative := range sorted {
		if sum := -negative; sum < bound && sum >= lower {
			others++
		}
	}
	if others != want {
		t.Fatalf("best %d of %d sums below %d: %d slots, but %d are not below %d", k, len(sorted), bound, want, others, lower)
	}
	for _, slot := range s.slots {
		if sum := int(s.by[slot]); sum < max(1, lower) || sum >= bound {
			t.Fatalf("best %d of %d sums below %d: a slot of sum %d, above %d", k, len(sorted), bound, sum, lower)
		}
	}
}
