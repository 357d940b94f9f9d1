package hnsw

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index/codes"
)

// Load implements index.Searcher. Every link is verified; that the codes are what encode writes is left to their
// owner's checksums and to Check, and that every node can be reached, where the spans do not vouch for it, to the next
// Catchup.
func (x *Index) Load(r io.Reader, size int64) error {
	in := bufio.NewReaderSize(r, 1<<16)
	var header [headerSize]byte
	if _, err := io.ReadFull(in, header[:]); err != nil || string(header[:len(magic)]) != magic {
		return ErrFormat
	}
	field := func(i int) uint32 { return binary.LittleEndian.Uint32(header[len(magic)+4*i:]) }
	m, before, graphed, changed, proven := field(0), field(1), field(2), field(3), field(4)
	if field(5) != crc32.Checksum(header[:headerSize-4], castagnoli) {
		return fmt.Errorf("%w: header fails its checksum", ErrDamaged)
	}
	if int64(m) != int64(x.config.M) {
		return fmt.Errorf("%w: it has M %d, the configuration %d", ErrFormat, m, x.config.M)
	}
	first := x.codes.Len()
	if err := x.codes.Load(in, size-int64(headerSize)); err != nil {
		return err
	}
	x.twins.reserve(x.codes)
	for slot := first; slot < x.codes.Len(); slot++ {
		x.place(uint32(slot))
	}
	if int64(before) != x.graphed.Load() || graphed < before || int64(graphed) > int64(x.codes.Len()) || changed > before {
		return fmt.Errorf("%w: %d slots in the graph behind %d, %d of them changed, of %d", ErrDamaged, graphed, before,
			changed, x.codes.Len())
	}
	l := &loader{Index: x, in: in, view: x.codes.View(), tables: x.graph.tables(), graphed: graphed}
	if err := l.links(before, changed); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	x.graphed.Store(int64(graphed))
	x.saved.Store(int64(graphed))
	if len(x.builders) == 0 {
		x.builders = []*builder{new(builder)}
	}
	switch {
	case graphed == before && changed == 0: // as the spans before left it
	case proven == 1:
		x.unproven = 0
	default:
		x.unproven = max(1, int(graphed)) // the next Catchup verifies it, unless a further span settles it
	}
	return nil
}

// loader reads and verifies links.
type loader struct {
	*Index
	in      io.Reader
	view    codes.View
	tables  linkTables
	graphed uint32
	seen    []uint32 // by slot: 1 + the slot whose list was last seen to have a link to it, or notNode
	buffer  []byte
}

// notNode marks a slot to which no list may have a link.
const notNode = none

func (l *loader) links(before, changed uint32) error {
	if l.graphed == before && changed == 0 {
		return nil
	}
	l.seen = make([]uint32, l.graphed)
	for slot := range l.graphed {
		if !l.isNode(&l.view, &l.tables, slot) {
			l.seen[slot] = notNode
		}
	}
	for slot := before; slot < l.graphed; {
		// The lists of layer 0 of a block stand one after the other, on disk as in memory.
		end := min(l.graphed, (slot/vector.BlockRows+1)*vector.BlockRows)
		if err := l.read(int(end-slot) * 2 * l.graph.m); err != nil {
			return fmt.Errorf("links of slot %d and behind: %w", slot, err)
		}
		for rest := l.buffer; slot < end; slot++ {
			if err := l.list(slot, 0, rest[:8*l.graph.m]); err != nil {
				return err
			}
			rest = rest[8*l.graph.m:]
		}
	}
	for slot := before; slot < l.graphed; slot++ {
		if err := l.upper(slot); err != nil {
			return err
		}
	}
	last := int64(-1)
	for range changed {
		if err := l.read(1 + 2*l.graph.m); err != nil {
			return fmt.Errorf("changed links behind those of slot %d: %w", last, err)
		}
		slot := binary.LittleEndian.Uint32(l.buffer)
		if int64(slot) <= last || slot >= before {
			return fmt.Errorf("changed links of slot %d behind those of %d", slot, last)
		}
		last = int64(slot)
		if err := l.list(slot, 0, l.buffer[4:]); err != nil {
			return err
		}
		if err := l.upper(slot); err != nil {
			return err
		}
	}
	return nil
}

// read reads words into the buffer.
func (l *loader) read(words int) error {
	if cap(l.buffer) < 4*words {
		l.buffer = make([]byte, 4*words)
	}
	l.buffer = l.buffer[:4*words]
	_, err := io.ReadFull(l.in, l.buffer)
	return err
}

// upper reads the lists of a slot above layer 0.
func (l *loader) upper(slot uint32) error {
	levels := l.levelOf(&l.view, &l.tables, slot)
	for level := 1; level <= levels; level++ {
		if err := l.read(l.graph.m); err != nil {
			return fmt.Errorf("links of slot %d, layer %d: %w", slot, level, err)
		}
		if err := l.list(slot, level, l.buffer); err != nil {
			return err
		}
	}
	if slot != l.entry.Load() {
		l.top.Store(max(l.top.Load(), int32(levels)))
	}
	return nil
}

// list takes one list over: dense, without repetition, and every link to another node of the graph that has the layer.
func (l *loader) list(slot uint32, level int, from []byte) error {
	list := l.graph.list(&l.tables, slot, level)
	n := 0
	for i := range list {
		link := binary.LittleEndian.Uint32(from[4*i:])
		list[i] = link
		switch {
		case link == none:
			continue
		case n < i:
			return fmt.Errorf("slot %d, layer %d: link %d behind an empty one", slot, level, i)
		case link >= l.graphed || link == slot:
			return fmt.Errorf("slot %d, layer %d: link to %d among %d slots", slot, level, link, l.graphed)
		case l.seen[link] == notNode || level > 0 && l.levelOf(&l.view, &l.tables, link) < level:
			return fmt.Errorf("slot %d, layer %d: link to %d, which is not there", slot, level, link)
		case level == 0 && l.seen[link] == slot+1:
			return fmt.Errorf("slot %d, layer %d: two links to %d", slot, level, link)
		}
		if level == 0 {
			l.seen[link] = slot + 1
		} else if slices.Contains(list[:i], link) {
			return fmt.Errorf("slot %d, layer %d: two links to %d", slot, level, link)
		}
		n++
	}
	if n > 0 && l.seen[slot] == notNode {
		return fmt.Errorf("slot %d is no node and has links", slot)
	}
	return nil
}
