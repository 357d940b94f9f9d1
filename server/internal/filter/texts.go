package filter

import (
	"bytes"
	"slices"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/cespare/xxhash/v2"
)

// posting is the ascending set of slots that share a value: a plain list while it is short, since most values (authors,
// above all) belong to a few papers, and a bitmap beyond.
type posting struct {
	few  []uint32
	many *roaring.Bitmap
}

// fewSlots is the length up to which a list is smaller and faster than a bitmap. Tests lower it.
var fewSlots = 64

// append adds a slot at least as high as the last.
func (p *posting) append(slot uint32) {
	if p.many != nil {
		p.many.Add(slot)
		return
	}
	if n := len(p.few); n > 0 && p.few[n-1] == slot { // a paper that names a value twice
		return
	}
	if p.few = append(p.few, slot); len(p.few) > fewSlots {
		p.many = roaring.BitmapOf(p.few...)
		p.few = nil
	}
}

// last is the highest slot, -1 without one.
func (p *posting) last() int64 {
	if p.many != nil {
		return int64(p.many.Maximum())
	}
	if n := len(p.few); n > 0 {
		return int64(p.few[n-1])
	}
	return -1
}

func (p *posting) bytes() int64 {
	if p.many != nil {
		return int64(p.many.GetSizeInBytes()) + 200
	}
	return int64(cap(p.few)) * 4
}

// bitmap returns the slots as a bitmap, which is the posting's own (shared) or made for the caller.
func (p *posting) bitmap() (b *roaring.Bitmap, shared bool) {
	if p.many != nil {
		return p.many, true
	}
	return roaring.BitmapOf(p.few...), false
}

func (p *posting) each(fn func(slot uint32)) {
	if p.many == nil {
		for _, slot := range p.few {
			fn(slot)
		}
		return
	}
	p.many.Iterate(func(slot uint32) bool {
		fn(slot)
		return true
	})
}

// between returns the slots from..to-1.
func (p *posting) between(from, to uint32) []uint32 {
	if p.many == nil {
		if n := len(p.few); n == 0 || p.few[n-1] < from {
			return nil
		}
		i, _ := slices.BinarySearch(p.few, from)
		k, _ := slices.BinarySearch(p.few, to)
		return p.few[i:k]
	}
	var list []uint32
	it := p.many.Iterator()
	for it.AdvanceIfNeeded(from); it.HasNext(); {
		slot := it.Next()
		if slot >= to {
			break
		}
		list = append(list, slot)
	}
	return list
}

// extend adds ascending slots above all it has.
func (p *posting) extend(slots []uint32) {
	switch {
	case p.many != nil:
		p.many.AddMany(slots)
	case len(p.few)+len(slots) > fewSlots:
		p.many = roaring.BitmapOf(p.few...)
		p.many.AddMany(slots)
		p.few = nil
	default:
		p.few = append(p.few, slots...)
	}
}

// texts is an inverted list: text -> slots.
type texts struct {
	values map[string]posting
	any    posting // slots with at least one value
	size   int64   // bytes of texts and map entries
}

// mapEntryBytes is about what a map takes for a string header and a posting, with its spare room.
const mapEntryBytes = 72

func (t *texts) append(slot uint32, values ...string) {
	for _, v := range values {
		p, known := t.values[v]
		if !known {
			if t.values == nil {
				t.values = map[string]posting{}
			}
			v = strings.Clone(v) // the paper's text must not be kept alive by a part of it
			t.size += int64(len(v)) + mapEntryBytes
		}
		p.append(slot)
		t.values[v] = p
		t.any.append(slot)
	}
}

func (t *texts) bytes() int64 {
	total := t.size + t.any.bytes()
	for _, p := range t.values {
		total += p.bytes()
	}
	return total
}

// ids holds the id of every slot, one after the other, with a hash of each to find one without reading them all.
type ids struct {
	text   []byte
	ends   []uint64 // by slot: where its id ends in text
	hashes []uint32
}

func hashID(id string) uint32 { return uint32(xxhash.Sum64String(id)) }

func (d *ids) append(id string) {
	d.text = append(d.text, id...)
	d.ends = append(d.ends, uint64(len(d.text)))
	d.hashes = append(d.hashes, hashID(id))
}

func (d *ids) bytes() int64 {
	return int64(cap(d.text)) + int64(cap(d.ends))*8 + int64(cap(d.hashes))*4
}

func (d *ids) at(slot int) []byte {
	start := uint64(0)
	if slot > 0 {
		start = d.ends[slot-1]
	}
	return d.text[start:d.ends[slot]]
}

// each calls fn with the slots whose id meets the operator, which is not equal.
func (d *ids) each(o op, want string, fn func(slot uint32)) {
	bound := []byte(want)
	for slot := range d.ends {
		if o.holds(bytes.Compare(d.at(slot), bound)) {
			fn(uint32(slot))
		}
	}
}

// eachOf calls fn with the slots whose id is one of those wanted. Several slots may hold one id: its versions.
func (d *ids) eachOf(want []string, fn func(slot uint32)) {
	if len(want) == 1 {
		hash := hashID(want[0])
		for slot, h := range d.hashes {
			if h == hash && string(d.at(slot)) == want[0] {
				fn(uint32(slot))
			}
		}
		return
	}
	hashes := make(map[uint32]struct{}, len(want))
	set := make(map[string]struct{}, len(want))
	for _, id := range want {
		hashes[hashID(id)] = struct{}{}
		set[id] = struct{}{}
	}
	for slot, h := range d.hashes {
		if _, ok := hashes[h]; !ok {
			continue
		}
		if _, ok := set[string(d.at(slot))]; ok {
			fn(uint32(slot))
		}
	}
}
