package replog

import "testing"

func TestTheLogIsTrimmedBelowWhatTwoNodesHave(t *testing.T) {
	for _, c := range []struct {
		what        string
		applied     []uint64
		first, last uint64
		share       float64
		below       uint64
	}{
		{"there is room", []uint64{100, 100, 100}, 1, 100, .49, 0},
		{"all are level: a quarter of the log's size is kept", []uint64{100, 100, 100}, 1, 100, .5, 51},
		{"one is away", []uint64{100, 3, 100}, 1, 100, .5, 51},
		{"two are behind", []uint64{100, 3, 7}, 1, 100, .9, 8},
		{"two are behind what is trimmed already", []uint64{100, 3, 7}, 50, 100, .9, 0},
		{"the log is empty", []uint64{100, 100, 100}, 101, 100, .9, 0},
	} {
		if below := trimmable(c.applied, c.first, c.last, c.share); below != c.below {
			t.Errorf("%s: below %d, not %d", c.what, below, c.below)
		}
	}
}
