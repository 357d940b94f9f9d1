package hnsw

import (
	"math"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

// fakeAccept accepts the first n slots.
type fakeAccept struct {
	n, of int
	lists bool
}

func (a fakeAccept) Accepts(slot uint32) bool { return int(slot) < a.n }
func (a fakeAccept) Share() float64           { return float64(a.n) / float64(a.of) }
func (a fakeAccept) Slots() index.Listing {
	if !a.lists {
		return nil
	}
	slots := make(index.Slots, a.n)
	for i := range slots {
		slots[i] = uint32(i)
	}
	return slots
}

func TestThePlannerTakesTheCheapestWay(t *testing.T) {
	const large = 100_000
	some := func(n int, lists bool) index.Accept { return fakeAccept{n, large, lists} }
	for _, test := range []struct {
		name             string
		query            index.Query
		graphed, n, want int
	}{
		{"a large set is walked", index.Query{}, large, large, int(walkGraph)},
		{"a small set is scanned", index.Query{}, 1000, 1000, int(scanAll)},
		{"a small set is walked when asked", index.Query{Walk: true}, 1000, 1000, int(walkGraph)},
		{"exact scans", index.Query{Exact: true}, large, large, int(scanAll)},
		{"exact wins over walk", index.Query{Exact: true, Walk: true}, large, large, int(scanAll)},
		{"exact scans the listed alone", index.Query{Exact: true, Accept: some(5000, true)}, large, large, int(scanListed)},
		{"a wide walk is dearer than a scan", index.Query{Ef: 3000}, large, large, int(scanAll)},
		{"a set all tail is scanned", index.Query{}, 0, large, int(scanAll)},
		{"few listed are scanned", index.Query{Accept: some(1000, true)}, large, large, int(scanListed)},
		{"half listed is walked", index.Query{Accept: some(large/2, true)}, large, large, int(walkGraph)},
		{"nearly all, not listed, is walked", index.Query{Accept: some(large-5, false)}, large, large, int(walkGraph)},
		{"few, not listed, means a scan", index.Query{Accept: some(100, false)}, large, large, int(scanAll)},
		{"none, not listed, means a scan", index.Query{Accept: some(0, false)}, large, large, int(scanAll)},
	} {
		var p plan
		p.choose(&Config{Ef: 64}, &test.query, test.graphed, test.n, 10)
		if int(p.strategy) != test.want {
			t.Errorf("%s: strategy %d, want %d", test.name, p.strategy, test.want)
		}
	}
}

func TestWidthIsTheQuerysOrTheDefaultAndAtLeastK(t *testing.T) {
	for _, test := range []struct{ ef, k, want int }{{0, 10, 64}, {5, 10, 10}, {0, 200, 200}, {300, 10, 300}} {
		var p plan
		p.choose(&Config{Ef: 64}, &index.Query{Ef: test.ef}, 1000, 1000, test.k)
		if p.ef != test.want {
			t.Errorf("ef %d, k %d: width %d, want %d", test.ef, test.k, p.ef, test.want)
		}
	}
}

func TestAWalkEndsFartherFromItsLastHitTheWiderItIs(t *testing.T) {
	for _, test := range []struct {
		ef, k, least, rank, width int
		slack                     float32
	}{
		{64, 64, 64, 56, 256, .01}, {128, 64, 64, 56, 512, .075}, {640, 10, 10, 10, 2560, .45}, // doublings of k
		{80, 1, 10, 10, 320, .225}, {5, 1, 5, 5, 20, .01}, {11, 11, 11, 10, 44, .01}, // a small k
		{2000, 1000, 1000, 875, 4096, .075}, {8000, 4000, 4000, 3500, 8000, .075}, // as wide as beams grow
		{10_000, 10, 0, 0, 10_000, 0}, // as wide as the graph
	} {
		var p plan
		p.choose(&Config{Ef: 64}, &index.Query{Ef: test.ef}, 10_000, 10_000, test.k)
		if p.k != test.least || p.rank != test.rank || p.width != test.width ||
			math.Abs(float64(p.slack-test.slack)) > 1e-6 {
			t.Errorf("ef %d, k %d: %d hits, rank %d, width %d, slack %v; want %+v",
				test.ef, test.k, p.k, p.rank, p.width, p.slack, test)
		}
	}
}

func TestTheDefaultWidthGrowsWithTheGraph(t *testing.T) {
	for _, test := range []struct{ graphed, n, ef, want int }{
		{100_000, 100_000, 0, 64}, {200_000, 200_000, 0, 80}, {1_600_000, 1_600_000, 0, 128}, {MaxSlots, MaxSlots, 0, 278},
		{100_000, 200_000, 0, 64},  // the tail is scanned
		{800_000, 800_000, 40, 40}, // what a query names holds
	} {
		var p plan
		p.choose(&Config{Ef: 64}, &index.Query{Ef: test.ef}, test.graphed, test.n, 10)
		if p.ef != test.want {
			t.Errorf("ef %d, %d of %d in the graph: width %d, want %d", test.ef, test.graphed, test.n, p.ef, test.want)
		}
	}
}

func TestInsertionsWalkWiderInLargerGraphs(t *testing.T) {
	var c Config
	c.EnsureDefaults()
	for _, test := range []struct{ n, width int }{{0, 128}, {100_000, 128}, {200_000, 170}, {1_600_000, 298}} {
		if got := c.construction(test.n); got != test.width {
			t.Errorf("%d vectors in the graph: width %d, want %d", test.n, got, test.width)
		}
	}
}
