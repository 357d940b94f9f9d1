package filter

import (
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// Check verifies what the columns rely on: every list ascends and stays below Len, arrays have one entry a slot, and
// the slots with any text are those of its texts together. It is for tests and for a load that is in doubt.
func (c *Columns) Check() error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if len(c.ids.ends) != c.n || len(c.ids.hashes) != c.n {
		return fmt.Errorf("filter: %d ids, %d hashes of %d slots", len(c.ids.ends), len(c.ids.hashes), c.n)
	}
	for slot, hash := range c.ids.hashes {
		if hash != hashID(string(c.ids.at(slot))) {
			return fmt.Errorf("filter: slot %d has the hash of another id", slot)
		}
	}
	if len(c.times.seconds) != len(c.times.slots) || len(c.times.nanos) != len(c.times.slots) {
		return fmt.Errorf("filter: %d times in %d slots", len(c.times.seconds), len(c.times.slots))
	}
	if err := c.checkSlots("publish_time", c.times.slots); err != nil {
		return err
	}
	if err := c.checkTexts("categories", &c.categories); err != nil {
		return err
	}
	if err := c.checkTexts("authors", &c.authors); err != nil {
		return err
	}
	for name, a := range c.attributes {
		if err := c.checkAttribute("attributes."+name, a); err != nil {
			return err
		}
	}
	return nil
}

func (c *Columns) checkAttribute(name string, a *attribute) error {
	if len(a.numbers.values) != len(a.numbers.slots) {
		return fmt.Errorf("filter: %s: %d numbers in %d slots", name, len(a.numbers.values), len(a.numbers.slots))
	}
	for _, slots := range [][]uint32{a.numbers.slots, a.booleans[0].between(0, ^uint32(0)),
		a.booleans[1].between(0, ^uint32(0))} {
		if err := c.checkSlots(name, slots); err != nil {
			return err
		}
	}
	return c.checkTexts(name, &a.texts)
}

func (c *Columns) checkTexts(name string, t *texts) error {
	union := roaring.New()
	for text, p := range t.values {
		slots := p.between(0, ^uint32(0))
		if len(slots) == 0 {
			return fmt.Errorf("filter: %s: %.40q has no slots", name, text)
		}
		if err := c.checkSlots(name, slots); err != nil {
			return err
		}
		union.AddMany(slots)
	}
	if !slices.Equal(union.ToArray(), t.any.between(0, ^uint32(0))) {
		return fmt.Errorf("filter: %s: the slots with any text are not those of its texts", name)
	}
	return nil
}

func (c *Columns) checkSlots(name string, slots []uint32) error {
	for i, slot := range slots {
		if int64(slot) >= int64(c.n) || i > 0 && slot <= slots[i-1] {
			return fmt.Errorf("filter: %s: slot %d of %d is out of order", name, slot, c.n)
		}
	}
	return nil
}
