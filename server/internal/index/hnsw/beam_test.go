package hnsw

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestEntriesSortAsScoresThenSlots(t *testing.T) {
	scores := []float32{-1, -.5, -1e-30, float32(math.Copysign(0, -1)), 0, 1e-30, .25, 1}
	last := uint64(0)
	for i, score := range scores {
		for _, slot := range []uint32{MaxSlots - 1, 77, 0} { // the lower slot first among equals
			e := entryOf(slot, score)
			if entrySlot(e) != slot || entryScore(e) != score {
				t.Fatalf("%v %d came back as %v %d", score, slot, entryScore(e), entrySlot(e))
			}
			if e <= last && (i > 0 || slot != MaxSlots-1) {
				t.Fatalf("%v %d does not sort behind its predecessor", score, slot)
			}
			last = e
		}
	}
}

// TestBeamKeepsTheBestAccepted compares with sorting everything: the beam holds the width best accepted entries and the
// rejected ones above the worst of them.
func TestBeamKeepsTheBestAccepted(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		width := 1 + r.IntN(20)
		var b beam
		b.reset(width, beamLimit)
		var all []uint64
		for slot := range uint32(r.IntN(150)) {
			e := entryOf(slot, r.Float32())
			if r.IntN(3) == 0 {
				e |= rejected
			}
			all = append(all, e)
			if entryScore(e) > b.bar() {
				b.insert(e)
			}
			if r.IntN(4) == 0 {
				b.next()
			}
		}
		slices.SortFunc(all, func(p, q uint64) int {
			if p > q {
				return -1
			}
			return 1
		})
		var want []uint64
		accepted := 0
		for _, e := range all {
			if accepted == width {
				break
			}
			want = append(want, e)
			if e&rejected == 0 {
				accepted++
			}
		}
		got := slices.Clone(b.entries)
		for i := range got {
			got[i] &^= expanded
		}
		if !slices.Equal(got, want) || b.accepted != accepted {
			t.Fatalf("width %d: %d entries, %d accepted, want %d and %d", width, len(got), b.accepted, len(want), accepted)
		}
		for {
			if _, ok := b.next(); !ok {
				break
			}
		}
		for _, e := range b.entries {
			if e&expanded == 0 {
				t.Fatal("an entry was never expanded")
			}
		}
	}
}

func TestBeamStaysWithinItsLimit(t *testing.T) {
	var b beam
	b.reset(5, 10)
	for slot := range uint32(100) {
		b.insert(entryOf(slot, float32(slot)/100) | rejected)
	}
	if len(b.entries) != 10 || entrySlot(b.entries[0]) != 99 {
		t.Fatalf("%d entries, the best is slot %d", len(b.entries), entrySlot(b.entries[0]))
	}
}
