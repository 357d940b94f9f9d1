package filter

import (
	"strings"
	"sync"

	"github.com/akin-search/akin/server/internal/paper"
)

// Columns holds, by slot, the fields that filters ask about. A slot is the number of a paper in the order of Append,
// from 0; it never changes. Append is for one goroutine at a time; everything else is for any number, beside it.
type Columns struct {
	// mu guards all below. Append holds it for microseconds; Eval for as long as it combines lists, so that the lists
	// themselves can be used without copying them.
	mu         sync.RWMutex
	n          int
	ids        ids
	times      times // publish times
	categories texts
	authors    texts
	attributes map[string]*attribute

	cache cache
}

// attribute holds the values of one name, by kind.
type attribute struct {
	texts    texts
	numbers  numbers
	booleans [2]posting // false, true
}

// NewColumns returns columns without papers.
func NewColumns() *Columns { return &Columns{attributes: map[string]*attribute{}} }

// Append takes over the fields of the next paper and returns its slot. It keeps copies.
func (c *Columns) Append(p *paper.Paper) (slot uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	slot = uint32(c.n)
	c.n++
	c.ids.append(p.ID)
	if !p.PublishTime.IsZero() {
		c.times.append(slot, p.PublishTime.Unix(), int32(p.PublishTime.Nanosecond()))
	}
	c.categories.append(slot, p.Categories...)
	c.authors.append(slot, p.Authors...)
	for name, v := range p.Attributes {
		a := c.attributes[name]
		if a == nil {
			a = &attribute{}
			c.attributes[strings.Clone(name)] = a
		}
		switch v.Kind {
		case paper.StringValue:
			a.texts.append(slot, v.String)
		case paper.NumberValue:
			a.numbers.append(slot, v.Number)
		case paper.BoolValue:
			a.booleans[truth(v.Bool)].append(slot)
		}
	}
	return slot
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Len is the number of slots.
func (c *Columns) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.n
}

// Bytes estimates the memory that the columns take.
func (c *Columns) Bytes() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	total := c.ids.bytes() + c.times.bytes() + c.categories.bytes() + c.authors.bytes() + c.cache.bytes()
	for name, a := range c.attributes {
		total += int64(len(name)) + 256 + a.texts.bytes() + a.numbers.bytes() + a.booleans[0].bytes() + a.booleans[1].bytes()
	}
	return total
}
