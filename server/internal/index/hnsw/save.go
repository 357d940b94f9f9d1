package hnsw

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync/atomic"

	"github.com/akin-search/akin/server/internal/index/codes"
)

// ErrFormat: the bytes are not a graph of this version and configuration. Build the index again from its vectors.
var ErrFormat = errors.New("hnsw: not a saved graph of this version and M")

// ErrDamaged: a saved graph holds what Save never writes. Build the index again from its vectors.
var ErrDamaged = errors.New("hnsw: saved graph is damaged")

// A saved index, all integers little-endian:
//
//	"AKINHNS1" | uint32 M | uint32 slots in the graph | uint32 CRC32C of the bytes before
//	the codes (see package codes)
//	per slot in the graph: 2M uint32, its links on layer 0, empty ones 2^32-1
//	per slot in the graph, per layer above 0 that it has: M uint32
//
// Levels, chains and the entry follow from slots and codes and are not written. Version 1 is the first.
const magic = "AKINHNS1"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Save implements index.Searcher. Links to slots that are not saved, or not as part of the graph, are left out; Load mends what
// that cuts off.
func (x *Index) Save(w io.Writer, n int) error {
	graphed := uint32(min(x.graphed.Load(), int64(max(n, 0)))) // before the tables
	if have := x.Len(); n < 0 || n > have {
		return fmt.Errorf("hnsw: asked to save %d slots of %d", n, have)
	}
	view, t := x.codes.View(), x.graph.tables()
	out := bufio.NewWriterSize(w, 1<<16)
	header := binary.LittleEndian.AppendUint32([]byte(magic), uint32(x.graph.m))
	header = binary.LittleEndian.AppendUint32(header, graphed)
	header = binary.LittleEndian.AppendUint32(header, crc32.Checksum(header, castagnoli))
	if _, err := out.Write(header); err != nil {
		return err
	}
	if err := x.codes.Save(out, n); err != nil {
		return err
	}
	var buffer []byte
	for slot := range graphed {
		buffer = appendLinks(buffer[:0], x.graph.list(&t, slot, 0), graphed)
		if _, err := out.Write(buffer); err != nil {
			return err
		}
	}
	for slot := range graphed {
		for level := 1; level <= x.levelOf(&view, &t, slot); level++ {
			buffer = appendLinks(buffer[:0], x.graph.list(&t, slot, level), graphed)
			if _, err := out.Write(buffer); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

// appendLinks appends the links below limit, then empty ones up to the list's length.
func appendLinks(dst []byte, list []uint32, limit uint32) []byte {
	kept := 0
	for i := range list {
		if link := atomic.LoadUint32(&list[i]); link < limit {
			dst = binary.LittleEndian.AppendUint32(dst, link)
			kept++
		}
	}
	for ; kept < len(list); kept++ {
		dst = binary.LittleEndian.AppendUint32(dst, none)
	}
	return dst
}

// levelOf is the highest layer of a slot; 0 where it is no node.
func (x *Index) levelOf(view *codes.View, t *linkTables, slot uint32) int {
	switch {
	case !x.isNode(view, t, slot):
		return 0
	case slot == x.entry.Load():
		return x.graph.levels
	}
	return x.graph.level(slot)
}

// Load reads what Save wrote. size is the number of bytes r holds; the memory taken is a small multiple of it at most. Every
// code and link is verified. The configuration must be valid and its M that of the saved graph.
func Load(r io.Reader, size int64, config Config) (*Index, error) {
	config.EnsureDefaults()
	if err := config.Validate(); err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(r, 1<<16)
	var header [len(magic) + 12]byte
	if _, err := io.ReadFull(in, header[:]); err != nil || string(header[:len(magic)]) != magic {
		return nil, ErrFormat
	}
	m, graphed := binary.LittleEndian.Uint32(header[len(magic):]), binary.LittleEndian.Uint32(header[len(magic)+4:])
	if binary.LittleEndian.Uint32(header[len(magic)+8:]) != crc32.Checksum(header[:len(magic)+8], castagnoli) {
		return nil, fmt.Errorf("%w: header fails its checksum", ErrDamaged)
	}
	if int64(m) != int64(config.M) {
		return nil, fmt.Errorf("%w: it has M %d, the configuration %d", ErrFormat, m, config.M)
	}
	c, err := codes.Load(in, size-int64(len(header)))
	if err != nil {
		return nil, err
	}
	if int64(graphed) > int64(c.Len()) {
		return nil, fmt.Errorf("%w: %d slots in the graph of %d", ErrDamaged, graphed, c.Len())
	}
	x := wrap(c, config)
	for slot := range uint32(c.Len()) {
		x.place(slot)
	}
	if err := x.loadLinks(in, graphed); err != nil {
		return nil, err
	}
	x.graphed.Store(int64(graphed))
	x.builders = []*builder{new(builder)}
	x.repair()
	return x, nil
}

// loadLinks reads and verifies the lists.
func (x *Index) loadLinks(in io.Reader, graphed uint32) error {
	b := builder{}
	b.look(x)
	buffer := make([]byte, 8*x.graph.m)
	read := func(slot uint32, level int) error {
		list := x.graph.list(&b.tables, slot, level)
		if _, err := io.ReadFull(in, buffer[:4*len(list)]); err != nil {
			return fmt.Errorf("%w: links of slot %d: %w", ErrDamaged, slot, err)
		}
		for i := range list {
			list[i] = binary.LittleEndian.Uint32(buffer[4*i:])
		}
		if err := x.checkList(&b.walker, slot, level, graphed); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return nil
	}
	for slot := range graphed {
		if err := read(slot, 0); err != nil {
			return err
		}
	}
	entry := x.entry.Load()
	for slot := range graphed {
		level := x.levelOf(&b.view, &b.tables, slot)
		for l := 1; l <= level; l++ {
			if err := read(slot, l); err != nil {
				return err
			}
		}
		if slot != entry {
			x.top.Store(max(x.top.Load(), int32(level)))
		}
	}
	return nil
}

// checkList verifies one list: dense, without repetition, and every link to another node of the graph that has the layer.
func (x *Index) checkList(w *walker, slot uint32, level int, graphed uint32) error {
	list := x.graph.list(&w.tables, slot, level)
	n := length(list)
	if n > 0 && !x.isNode(&w.view, &w.tables, slot) {
		return fmt.Errorf("slot %d is no node and has links", slot)
	}
	w.visited.reset(w.view.N)
	for i, link := range list {
		switch {
		case i >= n && link != none:
			return fmt.Errorf("slot %d, layer %d: link %d behind an empty one", slot, level, i)
		case i >= n:
		case link >= graphed || link == slot:
			return fmt.Errorf("slot %d, layer %d: link to %d among %d slots", slot, level, link, graphed)
		case !x.isNode(&w.view, &w.tables, link) || x.levelOf(&w.view, &w.tables, link) < level:
			return fmt.Errorf("slot %d, layer %d: link to %d, which is not there", slot, level, link)
		case !w.visited.mark(link):
			return fmt.Errorf("slot %d, layer %d: two links to %d", slot, level, link)
		}
	}
	return nil
}
