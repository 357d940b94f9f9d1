package filter

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
)

// slotsOf lists a whole set, a few slots at a time.
func slotsOf(s *Set) []uint32 {
	all, dst := []uint32{}, make([]uint32, 3)
	const end = 1 << 20 // behind all that tests put into a set
	for at := uint32(0); at < end; {
		var n int
		n, at = s.List(at, end, dst)
		all = append(all, dst[:n]...)
	}
	return all
}

// highest is the last slot of a set that is not empty.
func highest(s *Set) int {
	all := slotsOf(s)
	return int(all[len(all)-1])
}

func TestASetIsListedPieceByPiece(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 63, 64, 65, 1000} {
		var want []uint32
		for slot := range uint32(n) {
			if rng.IntN(3) == 0 {
				want = append(want, slot)
			}
		}
		s := newSet(roaring.BitmapOf(want...))
		if s.Len() != len(want) {
			t.Errorf("%d slots, want %d", s.Len(), len(want))
		}
		for range 200 {
			from, to := rng.Uint32N(uint32(n)+70), rng.Uint32N(uint32(n)+200)
			dst := make([]uint32, 1+rng.IntN(100))
			var got, among []uint32
			for at := from; at < to; {
				var k int
				before := at
				if k, at = s.List(at, to, dst); at < before || at > to || at < to && k < len(dst) {
					t.Fatalf("from %d to %d: %d slots and on from %d", before, to, k, at)
				}
				got = append(got, dst[:k]...)
			}
			for _, slot := range want {
				if slot >= from && slot < to {
					among = append(among, slot)
				}
			}
			if !slices.Equal(got, among) {
				t.Fatalf("%d to %d of %v: %v", from, to, want, got)
			}
		}
	}
}

func TestListingASetAllocatesNothing(t *testing.T) {
	bits := roaring.New()
	bits.AddRange(0, 1_000_000)
	s := newSet(bits)
	dst := make([]uint32, 256)
	if n := testing.AllocsPerRun(3, func() {
		for at := uint32(0); at < 1_000_000; {
			_, at = s.List(at, 1_000_000, dst)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
