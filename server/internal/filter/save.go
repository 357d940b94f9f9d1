package filter

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
)

// Saved form of a stretch of slots. Integers are unsigned varints unless said otherwise; a text is its length and
// bytes; fixed-width numbers are little-endian.
//
//	magic "AKINCOLS" | version uint32 | from | n | ids | times | categories | authors | attributes | CRC32C uint32
//
//	ids         n texts
//	times       slots, then for each: seconds since 1970 (signed varint), nanoseconds
//	categories  texts
//	authors     texts
//	attributes  for each: 1, name, texts, numbers, slots that are false, slots that are true; then 0
//	texts       for each: 1, text, slots; then 0, and the slots of them all
//	numbers     slots, then for each: float64 bits
//	slots       count, then the step from the slot before (the first: from from-1), at least 1
//
//	1  the first: the first n slots
//	2  the n slots behind from
const (
	magic   = "AKINCOLS"
	version = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Save writes the slots from..to-1. Append may run meanwhile, and waits for no more than a few thousand texts at a
// time.
func (c *Columns) Save(ctx context.Context, w io.Writer, from, to int) error {
	e, err := c.encode(ctx, from, to)
	if err != nil {
		return err
	}
	_, err = w.Write(binary.LittleEndian.AppendUint32(e.b, crc32.Checksum(e.b, castagnoli)))
	return err
}

// encoder appends to b.
type encoder struct {
	b        []byte
	from, to uint32
	rest     func() error // lets Append in for a moment
}

// textsAtOnce is how many texts are encoded before Append is let in.
const textsAtOnce = 4096

func (c *Columns) encode(ctx context.Context, from, to int) (*encoder, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if from < 0 || from > to || to > c.n {
		return nil, fmt.Errorf("filter: Save of the slots %d to %d, there are %d", from, to, c.n)
	}
	e := &encoder{b: []byte(magic), from: uint32(from), to: uint32(to)}
	// What is saved never changes again: Append adds slots behind it, and entries to the maps, which a running iteration
	// may or may not meet.
	e.rest = func() error {
		c.mu.RUnlock()
		c.mu.RLock()
		return ctx.Err()
	}
	e.b = binary.LittleEndian.AppendUint32(e.b, version)
	e.count(from)
	e.count(to - from)
	for slot := from; slot < to; slot++ {
		id := c.ids.at(slot)
		e.count(len(id))
		e.b = append(e.b, id...)
	}
	first, kept := e.cut(c.times.slots)
	for i := first; i < first+kept; i++ {
		e.b = binary.AppendVarint(e.b, c.times.seconds[i])
		e.count(int(c.times.nanos[i]))
	}
	if err := errors.Join(e.texts(&c.categories), e.texts(&c.authors)); err != nil {
		return nil, err
	}
	for name, a := range c.attributes {
		e.b = append(e.b, 1)
		e.text(name)
		if err := e.texts(&a.texts); err != nil {
			return nil, err
		}
		first, kept := e.cut(a.numbers.slots)
		for _, v := range a.numbers.values[first : first+kept] {
			e.b = binary.LittleEndian.AppendUint64(e.b, math.Float64bits(v))
		}
		e.slots(a.booleans[0].between(e.from, e.to))
		e.slots(a.booleans[1].between(e.from, e.to))
	}
	e.b = append(e.b, 0)
	return e, nil
}

// cut writes those of ascending slots that are saved, and returns where they begin and how many they are.
func (e *encoder) cut(slots []uint32) (first, n int) {
	first, _ = slices.BinarySearch(slots, e.from)
	end, _ := slices.BinarySearch(slots, e.to)
	e.slots(slots[first:end])
	return first, end - first
}

func (e *encoder) count(n int) { e.b = binary.AppendUvarint(e.b, uint64(n)) }

func (e *encoder) text(s string) {
	e.count(len(s))
	e.b = append(e.b, s...)
}

func (e *encoder) slots(slots []uint32) {
	e.count(len(slots))
	next := e.from
	for _, slot := range slots {
		e.b = binary.AppendUvarint(e.b, uint64(slot-next)+1)
		next = slot + 1
	}
}

func (e *encoder) texts(t *texts) error {
	left := textsAtOnce
	for text, p := range t.values {
		if left--; left == 0 {
			left = textsAtOnce
			if err := e.rest(); err != nil {
				return err
			}
		}
		slots := p.between(e.from, e.to)
		if len(slots) == 0 {
			continue
		}
		e.b = append(e.b, 1)
		e.text(text)
		e.slots(slots)
	}
	e.b = append(e.b, 0)
	e.slots(t.any.between(e.from, e.to))
	return nil
}
