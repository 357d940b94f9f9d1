package hnsw

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync/atomic"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/index/codes"
)

// ErrFormat: the bytes are not a graph of this version and configuration. Build the index again from its vectors.
var ErrFormat = errors.New("hnsw: not a saved graph of this version and M")

// ErrDamaged: a saved graph holds what Save never writes. Build the index again from its vectors.
var ErrDamaged = errors.New("hnsw: saved graph is damaged")

// A saved span, all integers little-endian:
//
//	"AKINHNS2" | uint32 M | uint32 before | uint32 graphed | uint32 changed | uint32 proven | uint32 CRC32C of all before
//	the codes (see package codes)
//	per slot before..graphed-1: 2M uint32, its links on layer 0, empty ones 2^32-1
//	per slot before..graphed-1, per layer above 0 that it has: M uint32
//	changed times: uint32 slot below before, ascending | its links on layer 0 | its links on the layers above
//
// before is the number of slots in the graph of the spans before this one, graphed that with this one. proven is 1
// when every node can be reached by the links of all spans so far, else 0. Levels, chains and the entry follow from
// slots and codes and are not written.
//
//	1  the first: the first n slots
//	2  a span
const (
	magic      = "AKINHNS2"
	headerSize = len(magic) + 6*4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Save implements index.Searcher. Links to slots that are not in the saved graph are left out, and their lists written
// again by the next Save; what that cuts off until then, Catchup mends after a Load.
func (x *Index) Save(ctx context.Context, w io.Writer, s index.Span) error {
	x.savingMu.Lock()
	defer x.savingMu.Unlock()
	if have := x.Len(); s.From < 0 || s.From > s.To || s.To > have {
		return fmt.Errorf("hnsw: asked to save the slots %d to %d of %d", s.From, s.To, have)
	}
	x.giveBack(false)            // of a Save that nobody ended; Saved is about this one now, links or none
	still := x.catchup.TryLock() // the graph rests while it is written, unless it grows just now
	if still {
		defer x.catchup.Unlock()
	}
	before := uint32(x.saved.Load())
	if s.From == 0 {
		before, s.Links = 0, true
	}
	graphed := before
	if s.Links {
		graphed = max(before, uint32(min(x.graphed.Load(), int64(s.To)))) // before the tables
	}
	out := &saver{
		Index: x, ctx: ctx, w: bufio.NewWriterSize(w, 1<<16), view: x.codes.View(), tables: x.graph.tables(), limit: graphed,
	}
	changed := 0
	var run *saving
	if s.Links {
		run = x.begin(&out.tables, graphed)
		run.proven = still && x.unproven == 0 && int64(graphed) == x.graphed.Load()
		changed = run.count(before)
	}
	if err := out.header(before, graphed, changed, run != nil && run.proven); err != nil {
		return err
	}
	if err := x.codes.Save(ctx, out.w, s.From, s.To); err != nil {
		return err
	}
	if s.Links {
		if err := out.links(before, graphed, run); err != nil {
			return err
		}
	}
	return out.w.Flush()
}

// saver writes links.
type saver struct {
	*Index
	ctx    context.Context
	w      *bufio.Writer
	view   codes.View
	tables linkTables
	limit  uint32 // slots in the saved graph
	buffer []byte
}

func (s *saver) header(before, graphed uint32, changed int, proven bool) error {
	b := append([]byte(nil), magic...)
	flag := uint32(0)
	if proven {
		flag = 1
	}
	for _, v := range []uint32{uint32(s.graph.m), before, graphed, uint32(changed), flag} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	_, err := s.w.Write(binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)))
	return err
}

// links writes the lists of the slots that are new in the saved graph, then those of the others that changed.
func (s *saver) links(before, graphed uint32, run *saving) error {
	for slot := before; slot < graphed; slot++ {
		if err := s.list(slot, 0); err != nil {
			return err
		}
	}
	for slot := before; slot < graphed; slot++ {
		if err := s.upper(slot); err != nil {
			return err
		}
	}
	return run.each(before, func(slot uint32) error {
		if _, err := s.w.Write(binary.LittleEndian.AppendUint32(s.buffer[:0], slot)); err != nil {
			return err
		}
		if err := s.list(slot, 0); err != nil {
			return err
		}
		return s.upper(slot)
	})
}

func (s *saver) upper(slot uint32) error {
	for level := 1; level <= s.levelOf(&s.view, &s.tables, slot); level++ {
		if err := s.list(slot, level); err != nil {
			return err
		}
	}
	return nil
}

// list writes one list: the links into the saved graph, then empty ones up to the list's length. The stripe is held,
// so that a list that is being chosen anew is not read half old and half new, with a link twice.
func (s *saver) list(slot uint32, level int) error {
	if slot%1024 == 0 {
		if err := s.ctx.Err(); err != nil {
			return err
		}
	}
	lock := s.graph.lock(slot)
	lock.Lock()
	list := s.graph.list(&s.tables, slot, level)
	b, kept, left := s.buffer[:0], 0, false
	for i := range list {
		switch link := atomic.LoadUint32(&list[i]); {
		case link < s.limit:
			b = binary.LittleEndian.AppendUint32(b, link)
			kept++
		case link != none:
			left = true
		}
	}
	lock.Unlock()
	if left {
		s.tables.note(slot)
	}
	for ; kept < len(list); kept++ {
		b = binary.LittleEndian.AppendUint32(b, none)
	}
	s.buffer = b
	_, err := s.w.Write(b)
	return err
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
