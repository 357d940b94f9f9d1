package filter

import (
	"math"
	"time"
)

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

// mark sets the bits of the slots whose number meets the operator. NaN meets none. The loop has no branch on the
// values, which no processor could predict.
func (n *numbers) mark(words []uint64, o op, want float64) {
	lo, hi := math.Inf(-1), math.Inf(1)
	switch o {
	case equal:
		lo, hi = want, want
	case less:
		hi = math.Nextafter(want, math.Inf(-1))
	case lessEqual:
		hi = want
	case greater:
		lo = math.Nextafter(want, math.Inf(1))
	case greaterEqual:
		lo = want
	}
	slots := n.slots[:len(n.values)]
	for i, v := range n.values {
		slot := slots[i]
		words[slot/64] |= (bit(v >= lo) & bit(v <= hi)) << (slot % 64)
	}
}

// bit is 1 for true; the compiler makes one instruction of it.
func bit(b bool) uint64 {
	var v uint8
	if b {
		v = 1
	}
	return uint64(v)
}

// times holds one time for each slot that has one, ascending by slot.
type times struct {
	slots   []uint32
	seconds []int64 // since 1970
	nanos   []int32 // 0 to 999,999,999
	uneven  bool    // some nanos are not 0
}

func (t *times) append(slot uint32, seconds int64, nanos int32) {
	t.slots = append(t.slots, slot)
	t.seconds = append(t.seconds, seconds)
	t.nanos = append(t.nanos, nanos)
	t.uneven = t.uneven || nanos != 0
}

func (t *times) bytes() int64 {
	return int64(cap(t.slots))*4 + int64(cap(t.seconds))*8 + int64(cap(t.nanos))*4
}

// instant is a time that can be compared with what times holds.
type instant struct {
	seconds int64
	nanos   int32
}

func (t instant) previous() instant {
	if t.nanos == 0 {
		return instant{t.seconds - 1, 999_999_999}
	}
	return instant{t.seconds, t.nanos - 1}
}

func (t instant) next() instant {
	if t.nanos == 999_999_999 {
		return instant{t.seconds + 1, 0}
	}
	return instant{t.seconds, t.nanos + 1}
}

// mark sets the bits of the slots whose time meets the operator, as numbers.mark does.
func (t *times) mark(words []uint64, o op, at time.Time) {
	want := instant{at.Unix(), int32(at.Nanosecond())}
	lo, hi := instant{seconds: math.MinInt64}, instant{seconds: math.MaxInt64}
	switch o {
	case equal:
		lo, hi = want, want
	case less:
		hi = want.previous()
	case lessEqual:
		hi = want
	case greater:
		lo = want.next()
	case greaterEqual:
		lo = want
	}
	if t.uneven {
		t.markUneven(words, lo, hi)
		return
	}
	if lo.nanos > 0 { // the first whole second not before lo
		lo.seconds++
	}
	slots := t.slots[:len(t.seconds)]
	for i, s := range t.seconds {
		slot := slots[i]
		words[slot/64] |= (bit(s >= lo.seconds) & bit(s <= hi.seconds)) << (slot % 64)
	}
}

func (t *times) markUneven(words []uint64, lo, hi instant) {
	for i, s := range t.seconds {
		slot, nanos := t.slots[i], t.nanos[i]
		notBefore := bit(s > lo.seconds) | bit(s == lo.seconds)&bit(nanos >= lo.nanos)
		notAfter := bit(s < hi.seconds) | bit(s == hi.seconds)&bit(nanos <= hi.nanos)
		words[slot/64] |= (notBefore & notAfter) << (slot % 64)
	}
}
