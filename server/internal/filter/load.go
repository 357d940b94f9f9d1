package filter

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
)

// LoadColumns reads what Save wrote: exactly size bytes of r. It reads them all, verifies their checksum, and allocates
// no more than a small multiple of them, whatever lengths they claim.
func LoadColumns(r io.Reader, size int64) (*Columns, error) {
	var buf bytes.Buffer
	if _, err := io.Copy(&buf, io.LimitReader(r, size)); err != nil {
		return nil, err
	}
	data := buf.Bytes()
	if int64(len(data)) != size || len(data) < len(magic)+8 {
		return nil, fmt.Errorf("%w: %d bytes, want %d", ErrDamaged, len(data), size)
	}
	if string(data[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: they do not begin with %s", ErrDamaged, magic)
	}
	if v := binary.LittleEndian.Uint32(data[len(magic):]); v != version {
		return nil, fmt.Errorf("filter: saved columns have format version %d, this server reads %d", v, version)
	}
	body, trailer := data[:len(data)-4], data[len(data)-4:]
	if got, want := crc32.Checksum(body, castagnoli), binary.LittleEndian.Uint32(trailer); got != want {
		return nil, fmt.Errorf("%w: checksum %08x, want %08x", ErrDamaged, got, want)
	}
	return decode(body[len(magic)+4:])
}

// decode reads columns behind their header. It trusts nothing, so that a fault of Save is an error too.
func decode(body []byte) (*Columns, error) {
	d := &decoder{rest: body}
	c := NewColumns()
	c.n = d.count()
	if c.n > len(d.rest) { // every slot takes at least the byte of its id's length
		return nil, fmt.Errorf("%w: %d slots in %d bytes", ErrDamaged, c.n, len(d.rest))
	}
	for range c.n {
		c.ids.append(d.text())
	}
	d.n = c.n
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
		a := &attribute{}
		c.attributes[d.text()] = a
		d.texts(&a.texts)
		for _, slot := range d.slots() {
			a.numbers.append(slot, math.Float64frombits(d.fixed64()))
		}
		a.booleans[0] = newPosting(d.slots())
		a.booleans[1] = newPosting(d.slots())
	}
	if d.err == nil && len(d.rest) > 0 {
		d.fail("%d bytes too many", len(d.rest))
	}
	if d.err != nil {
		return nil, d.err
	}
	return c, nil
}

// decoder reads from the front of rest. After the first fault it returns zeros.
type decoder struct {
	rest []byte
	n    int // slots there are
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
		slots = append(slots, uint32(next-1))
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
		if _, twice := t.values[text]; twice || len(slots) == 0 {
			d.fail("the text %.40q stands twice, or without slots", text)
			return
		}
		if t.values == nil {
			t.values = map[string]posting{}
		}
		t.values[text] = newPosting(slots)
		t.size += int64(len(text)) + mapEntryBytes
	}
	t.any = newPosting(d.slots())
}
