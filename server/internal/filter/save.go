package filter

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
)

// Saved form. Integers are unsigned varints unless said otherwise; a text is its length and bytes; fixed-width numbers
// are little-endian.
//
//	magic "AKINCOLS" | version uint32 | n | ids | times | categories | authors | attributes | CRC32C uint32
//
//	ids         n texts
//	times       slots, then for each: seconds since 1970 (signed varint), nanoseconds
//	categories  texts
//	authors     texts
//	attributes  for each: 1, name, texts, numbers, slots that are false, slots that are true; then 0
//	texts       for each: 1, text, slots; then 0, and the slots of them all
//	numbers     slots, then for each: float64 bits
//	slots       count, then the step from the slot before (the first: from -1), at least 1
//
// Version 1: the first.
const (
	magic   = "AKINCOLS"
	version = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Save writes the first n slots. Append may run meanwhile, and waits only while they are encoded in memory.
func (c *Columns) Save(w io.Writer, n int) error {
	e, err := c.encode(n)
	if err != nil {
		return err
	}
	e = binary.LittleEndian.AppendUint32(e, crc32.Checksum(e, castagnoli))
	_, err = w.Write(e)
	return err
}

// encoder appends to itself.
type encoder []byte

func (c *Columns) encode(n int) (encoder, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if n < 0 || n > c.n {
		return nil, fmt.Errorf("filter: Save of %d slots, there are %d", n, c.n)
	}
	e := encoder(magic)
	e = binary.LittleEndian.AppendUint32(e, version)
	e.count(n)
	for slot := range n {
		id := c.ids.at(slot)
		e.count(len(id))
		e = append(e, id...)
	}
	below := uint32(n)
	kept := e.slots(cut(c.times.slots, below))
	for i := range kept {
		e = binary.AppendVarint(e, c.times.seconds[i])
		e.count(int(c.times.nanos[i]))
	}
	e.texts(&c.categories, below)
	e.texts(&c.authors, below)
	for name, a := range c.attributes {
		e = append(e, 1)
		e.text(name)
		e.texts(&a.texts, below)
		kept := e.slots(cut(a.numbers.slots, below))
		for _, v := range a.numbers.values[:kept] {
			e = binary.LittleEndian.AppendUint64(e, math.Float64bits(v))
		}
		e.slots(a.booleans[0].below(below))
		e.slots(a.booleans[1].below(below))
	}
	return append(e, 0), nil
}

func cut(slots []uint32, below uint32) []uint32 {
	i, _ := slices.BinarySearch(slots, below)
	return slots[:i]
}

func (e *encoder) count(n int) { *e = binary.AppendUvarint(*e, uint64(n)) }

func (e *encoder) text(s string) {
	e.count(len(s))
	*e = append(*e, s...)
}

func (e *encoder) slots(slots []uint32) (n int) {
	e.count(len(slots))
	next := uint32(0)
	for _, slot := range slots {
		*e = binary.AppendUvarint(*e, uint64(slot-next)+1)
		next = slot + 1
	}
	return len(slots)
}

func (e *encoder) texts(t *texts, below uint32) {
	for text, p := range t.values {
		slots := p.below(below)
		if len(slots) == 0 {
			continue
		}
		*e = append(*e, 1)
		e.text(text)
		e.slots(slots)
	}
	*e = append(*e, 0)
	e.slots(t.any.below(below))
}
