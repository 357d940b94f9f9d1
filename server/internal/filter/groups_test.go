package filter

import (
	"fmt"
	"slices"
	"testing"

	"github.com/akin-search/akin/server/internal/paper"
)

func TestGroupsAreTheMostFrequentValues(t *testing.T) {
	c := NewColumns()
	for i := range 300 {
		p := &paper.Paper{ID: fmt.Sprintf("p%d", i), Categories: []string{"common"},
			Attributes: map[string]paper.Value{"venue": {Kind: paper.StringValue, String: fmt.Sprintf("v%03d", i)}}}
		switch {
		case i < 200: // common outdoes rare
			p.Categories = []string{"rare", "common"}
			if i >= 10 {
				p.Categories = p.Categories[1:]
			}
		case i < 250:
			p.Categories = nil
		default:
			p.Categories = []string{"middling"}
		}
		c.Append(p)
	}
	of := make([]uint8, 300)
	of[0] = 77
	if names := c.Groups("", of); !slices.Equal(names, []string{"common", "middling", "rare"}) {
		t.Errorf("groups are %q", names)
	}
	for slot, want := range map[int]uint8{0: 1, 100: 1, 220: 0, 299: 2} {
		if of[slot] != want {
			t.Errorf("slot %d is in group %d, not %d", slot, of[slot], want)
		}
	}
	if names := c.Groups("venue", of[:100]); len(names) != MaxGroups || names[0] != "v000" || of[3] != 4 {
		t.Errorf("%d venues, slot 3 in %d", len(names), of[3])
	}
	if names := c.Groups("nothing", of); names != nil || slices.Max(of) != 0 {
		t.Errorf("an attribute that no paper has names %q", names)
	}
	if got := c.IDs(nil, []uint32{7, 2}); !slices.Equal(got, []string{"p7", "p2"}) {
		t.Errorf("ids are %q", got)
	}
}
