package filter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
)

// Load takes in what Save wrote of slots that begin at Len: exactly size bytes of r. It reads them all and verifies
// their checksum before it changes anything, and allocates no more than a small multiple of size, whatever lengths
// they claim. Nothing else may run meanwhile. After an error the columns are of no use.
func (c *Columns) Load(r io.Reader, size int64) error {
	if size < int64(len(magic))+8 {
		return fmt.Errorf("%w: %d bytes", ErrDamaged, size)
	}
	data := make([]byte, size)
	if n, err := io.ReadFull(r, data); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %d bytes, want %d", ErrDamaged, n, size)
	} else if err != nil {
		return err
	}
	if string(data[:len(magic)]) != magic {
		return fmt.Errorf("%w: they do not begin with %s", ErrDamaged, magic)
	}
	if v := binary.LittleEndian.Uint32(data[len(magic):]); v != version {
		return fmt.Errorf("filter: saved columns have format version %d, this server reads %d", v, version)
	}
	body, trailer := data[:len(data)-4], data[len(data)-4:]
	if got, want := crc32.Checksum(body, castagnoli), binary.LittleEndian.Uint32(trailer); got != want {
		return fmt.Errorf("%w: checksum %08x, want %08x", ErrDamaged, got, want)
	}
	return c.decode(body[len(magic)+4:])
}

// decode takes in slots behind their header. It trusts nothing, so that a fault of Save is an error too.
func (c *Columns) decode(body []byte) error {
	d := &decoder{rest: body}
	from, n := d.count(), d.count()
	if from != c.n || n > len(d.rest) { // every slot takes at least the byte of its id's length
		d.fail("%d slots behind %d, in %d bytes behind %d", n, from, len(d.rest), c.n)
	}
	if d.err != nil {
		return d.err
	}
	c.n, d.from, d.n = from+n, from, n
	for range n {
		c.ids.append(d.text())
	}
	for _, slot := range d.slots() {
		seconds, nanos := d.signed(), d.count()
		if nanos > 999_999_999 {
			d.fail("%d nanoseconds", nanos)
			break
		}
		c.times.append(slot, seconds, int32(nanos))
	}
	d.texts(&c.categories)
	d.texts(&c.authors)
	for d.more() {
		name := d.text()
		a := c.attributes[name]
		if a == nil {
			a = &attribute{}
			c.attributes[name] = a
		}
		d.texts(&a.texts)
		for _, slot := range d.slots() {
			a.numbers.append(slot, math.Float64frombits(d.fixed64()))
		}
		a.booleans[0].extend(d.slots())
		a.booleans[1].extend(d.slots())
	}
	if d.err == nil && len(d.rest) > 0 {
		d.fail("%d bytes too many", len(d.rest))
	}
	return d.err
}

// decoder reads from the front of rest. After the first fault it returns zeros.
type decoder struct {
	rest []byte
	from int // slots there were before
	n    int // slots that come in
	err  error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
	}
	d.rest = nil
}

func (d *decoder) count() int {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || v > math.MaxInt32 {
		d.fail("a length is missing or too large")
		return 0
	}
	d.rest = d.rest[n:]
	return int(v)
}

func (d *decoder) signed() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail("a number is missing")
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) fixed64() uint64 {
	if len(d.rest) < 8 {
		d.fail("a number is missing")
		return 0
	}
	v := binary.LittleEndian.Uint64(d.rest)
	d.rest = d.rest[8:]
	return v
}

func (d *decoder) text() string {
	n := d.count()
	if n > len(d.rest) {
		d.fail("a text of %d bytes where %d are left", n, len(d.rest))
		return ""
	}
	s := string(d.rest[:n])
	d.rest = d.rest[n:]
	return s
}

// more reads the byte that says whether another entry follows.
func (d *decoder) more() bool {
	if len(d.rest) == 0 || d.rest[0] > 1 {
		d.fail("a list does not end")
		return false
	}
	more := d.rest[0] == 1
	d.rest = d.rest[1:]
	return more
}

func (d *decoder) slots() []uint32 {
	n := d.count()
	if n > len(d.rest) || n > d.n {
		d.fail("a list of %d slots of %d in %d bytes", n, d.n, len(d.rest))
		return nil
	}
	slots := make([]uint32, 0, n)
	next := uint64(0)
	for range n {
		step := uint64(d.count())
		if slot := next + step - 1; step == 0 || slot >= uint64(d.n) {
			d.fail("a slot is out of order or beyond %d", d.n)
			return nil
		}
		next += step
		slots = append(slots, uint32(uint64(d.from)+next-1))
	}
	return slots
}

func (d *decoder) texts(t *texts) {
	for d.more() {
		text := d.text()
		slots := d.slots()
		if d.err != nil {
			return
		}
		p, known := t.values[text]
		if len(slots) == 0 || p.last() >= int64(d.from) {
			d.fail("the text %.40q stands twice, or without slots", text)
			return
		}
		if t.values == nil {
			t.values = map[string]posting{}
		}
		if !known {
			t.size += int64(len(text)) + mapEntryBytes
		}
		p.extend(slots)
		t.values[text] = p
	}
	t.any.extend(d.slots())
}
