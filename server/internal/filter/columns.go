package filter

import (
	"cmp"
	"math"
	"strings"
	"sync"

	"github.com/akin-search/akin/server/internal/paper"
)

// Columns holds, by slot, the fields that filters ask about. A slot is the number of a paper in the order of Append, from
// 0; it never changes. Append is for one goroutine at a time; everything else is for any number, beside it.
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
	total := c.ids.bytes() + c.times.bytes() + c.categories.bytes() + c.authors.bytes()
	for name, a := range c.attributes {
		total += int64(len(name)) + 256 + a.texts.bytes() + a.numbers.bytes() + a.booleans[0].bytes() + a.booleans[1].bytes()
	}
	return total
}

// numbers holds one number for each slot that has one, ascending by slot.
type numbers struct {
	slots  []uint32
	values []float64
}

func (n *numbers) append(slot uint32, v float64) {
	n.slots = append(n.slots, slot)
	n.values = append(n.values, v)
}

func (n *numbers) bytes() int64 { return int64(cap(n.slots))*4 + int64(cap(n.values))*8 }

// each calls fn with the slots whose number meets the operator. NaN meets none.
func (n *numbers) each(o op, want float64, fn func(slot uint32)) {
	for i, v := range n.values {
		if !math.IsNaN(v) && o.holds(cmp.Compare(v, want)) {
			fn(n.slots[i])
		}
	}
}

// times holds one time for each slot that has one, ascending by slot.
type times struct {
	slots   []uint32
	seconds []int64 // since 1970
	nanos   []int32 // 0 to 999,999,999
}

func (t *times) append(slot uint32, seconds int64, nanos int32) {
	t.slots = append(t.slots, slot)
	t.seconds = append(t.seconds, seconds)
	t.nanos = append(t.nanos, nanos)
}

func (t *times) bytes() int64 {
	return int64(cap(t.slots))*4 + int64(cap(t.seconds))*8 + int64(cap(t.nanos))*4
}

// each calls fn with the slots whose time meets the operator.
func (t *times) each(o op, seconds int64, nanos int32, fn func(slot uint32)) {
	for i, s := range t.seconds {
		sign := cmp.Compare(s, seconds)
		if sign == 0 {
			sign = cmp.Compare(t.nanos[i], nanos)
		}
		if o.holds(sign) {
			fn(t.slots[i])
		}
	}
}
