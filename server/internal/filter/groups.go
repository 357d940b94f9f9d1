package filter

import (
	"cmp"
	"slices"
	"strings"
)

// MaxGroups is the number of groups that Groups tells apart at most; the others are group 0.
const MaxGroups = 255

// Groups sorts slots by a field of texts: the categories, or with a name the attribute of that name. Of the values it
// names the most frequent, most frequent first, at most MaxGroups; the groups of slots below Len are written to dst, 1
// for the first name, 0 for slots without any of them. A slot with several values counts for the most frequent one.
func (c *Columns) Groups(attribute string, dst []uint8) (names []string) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	t := &c.categories
	if attribute != "" {
		a := c.attributes[attribute]
		if a == nil {
			clear(dst)
			return nil
		}
		t = &a.texts
	}
	type group struct {
		name string
		size int
	}
	var all []group
	for name, p := range t.values {
		all = append(all, group{name, p.len()})
	}
	slices.SortFunc(all, func(a, b group) int {
		return cmp.Or(cmp.Compare(b.size, a.size), strings.Compare(a.name, b.name))
	})
	all = all[:min(len(all), MaxGroups)]
	clear(dst)
	for i := len(all) - 1; i >= 0; i-- { // the most frequent last, so that it is what stays
		p := t.values[all[i].name]
		p.each(func(slot uint32) {
			if int(slot) < len(dst) {
				dst[slot] = uint8(i + 1)
			}
		})
	}
	names = make([]string, len(all))
	for i, g := range all {
		names[i] = strings.Clone(g.name)
	}
	return names
}

// len is the number of slots.
func (p *posting) len() int {
	if p.many != nil {
		return int(p.many.GetCardinality())
	}
	return len(p.few)
}

// IDs appends the ids of slots below Len.
func (c *Columns) IDs(dst []string, slots []uint32) []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, slot := range slots {
		dst = append(dst, string(c.ids.at(int(slot))))
	}
	return dst
}
