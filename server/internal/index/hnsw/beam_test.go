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
		var all, fresh []uint64
		for slot := range uint32(r.IntN(150)) {
			e := entryOf(slot, r.Float32())
			if r.IntN(3) == 0 {
				e |= rejected
			}
			all = append(all, e)
			if entryScore(e) > b.bar() {
				fresh = append(fresh, e)
			}
			if r.IntN(4) == 0 {
				b.merge(fresh)
				fresh = fresh[:0]
				b.next()
			}
		}
		b.merge(fresh)
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
		b.merge([]uint64{entryOf(slot, float32(slot)/100) | rejected})
	}
	if len(b.entries) != 10 || entrySlot(b.entries[0]) != 99 {
		t.Fatalf("%d entries, the best is slot %d", len(b.entries), entrySlot(b.entries[0]))
	}
}

// TestTheFloorFollowsAnAcceptedEntryOnceThereAreK compares the floor with that of sorting everything, and what next
// leaves unexpanded with what lies below it.
func TestTheFloorFollowsAnAcceptedEntryOnceThereAreK(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 400 {
		width := 1 + r.IntN(20)
		k, limit, slack, noise := 1+r.IntN(width), beamLimit, r.Float32(), r.Float32()/10
		rank := 1 + r.IntN(k)
		if round%2 == 0 {
			limit = width + r.IntN(5)
		}
		var b beam
		b.reset(width, limit)
		b.stopBelow(k, rank, slack, noise)
		var fresh []uint64
		for slot := range uint32(r.IntN(150)) {
			e := entryOf(slot, r.Float32())
			if r.IntN(3) == 0 {
				e |= rejected
			}
			if score := entryScore(e); score > b.bar() {
				fresh = append(fresh, e)
			} else if score > b.floor && !b.full() {
				t.Fatalf("%v is refused with room and a floor of %v", score, b.floor)
			}
			if r.IntN(3) > 0 {
				continue
			}
			b.merge(fresh)
			fresh = fresh[:0]
			want, seen := float32(lowest), 0
			for _, e := range b.entries {
				if e&rejected != 0 {
					continue
				}
				if seen++; seen == rank {
					want = entryScore(e) - slack*(1-entryScore(e)) - noise
				}
			}
			if seen < k {
				want = lowest
			}
			if seen != b.accepted || b.floor != want {
				t.Fatalf("rank %d of %d, width %d: floor %v with %d accepted, want %v with %d",
					rank, k, width, b.floor, b.accepted, want, seen)
			}
			if r.IntN(4) == 0 {
				b.next()
			}
		}
		for {
			if _, ok := b.next(); !ok {
				break
			}
		}
		for _, e := range b.entries {
			if e&expanded == 0 && entryScore(e) >= b.floor {
				t.Fatalf("an entry of %v was never expanded, the floor is %v", entryScore(e), b.floor)
			}
		}
	}
}

func TestABeamWithoutAFloorExpandsAll(t *testing.T) {
	var b beam
	b.reset(4, 4)
	b.stopBelow(1, 1, 0, 0)
	b.merge([]uint64{entryOf(1, .9), entryOf(2, .5)})
	if slot, ok := b.next(); slot != 1 || !ok {
		t.Fatalf("%d, %v, want the best", slot, ok)
	}
	if _, ok := b.next(); ok {
		t.Fatal("an entry below the floor is expanded")
	}
	b.reset(4, 4) // a builder's
	b.merge([]uint64{entryOf(2, -1), entryOf(1, .9)})
	for range 2 {
		if _, ok := b.next(); !ok {
			t.Fatal("an entry is not expanded although there is no floor")
		}
	}
}
