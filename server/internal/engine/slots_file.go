package engine

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// Saved slots, all numbers little-endian:
//
//	from uint32 | to uint32 | deaths uint32
//	to-from rows: ordinal, born, died, publish time in Unix seconds, 8 bytes each
//	deaths: slot below from uint32, ascending | died, 8 bytes
//
// died is 0 for a row that is alive at the part's revision: later deaths are left to the next part, or to the log.
const (
	slotHead   = 12
	slotBytes  = 32
	deathBytes = 12
)

// sharesBit of a saved ordinal says that the slot is a version: its text is that of the slot that died when it was
// born.
const sharesBit = 1 << 63

// errSlots: a saved slot table breaks its own rules.
var errSlots = errors.New("damaged slot table")

// saveSlots writes the new rows of a part as of its revision, and what died of those before since the part before.
func (g *Generation) saveSlots(w io.Writer, x extent) error {
	deaths := g.deaths(x)
	out := bufio.NewWriterSize(w, 1<<16)
	le := binary.LittleEndian
	b := le.AppendUint32(le.AppendUint32(le.AppendUint32(nil, uint32(x.from)), uint32(x.to)), uint32(len(deaths)))
	if _, err := out.Write(b); err != nil {
		return err
	}
	for slot := uint32(x.from); slot < uint32(x.to); slot++ {
		row := g.slots.row(slot)
		died := row.died.Load()
		if died > x.revision {
			died = 0
		}
		ordinal := row.ordinal
		if g.slots.shares(slot) {
			ordinal |= sharesBit
		}
		b = le.AppendUint64(b[:0], ordinal)
		b = le.AppendUint64(b, row.born)
		b = le.AppendUint64(b, died)
		b = le.AppendUint64(b, uint64(row.publish))
		if _, err := out.Write(b); err != nil {
			return err
		}
	}
	for _, slot := range deaths {
		b = le.AppendUint64(le.AppendUint32(b[:0], slot), g.slots.row(slot).died.Load())
		if _, err := out.Write(b); err != nil {
			return err
		}
	}
	return out.Flush()
}

// deaths lists the slots before a part that died since the part before it.
func (g *Generation) deaths(x extent) (slots []uint32) {
	for slot := uint32(0); slot < uint32(x.from); slot += 64 {
		word := g.slots.chunks.Chunks()[slot/slotChunk].dead[slot%slotChunk/64].Load()
		for ; word != 0; word &= word - 1 {
			at := slot + uint32(bits.TrailingZeros64(word))
			if died := g.slots.row(at).died.Load(); at < uint32(x.from) && died > x.since && died <= x.revision {
				slots = append(slots, at)
			}
		}
	}
	return slots
}

// loadSlots takes in what saveSlots wrote of a part at a revision, from exactly size bytes.
func (g *Generation) loadSlots(r io.Reader, size int64, revision uint64) error {
	in, le := bufio.NewReaderSize(r, 1<<16), binary.LittleEndian
	var b [slotBytes]byte
	if _, err := io.ReadFull(in, b[:slotHead]); err != nil {
		return fmt.Errorf("%w: %w", errSlots, err)
	}
	from, to, deaths := int64(le.Uint32(b[:])), int64(le.Uint32(b[4:])), int64(le.Uint32(b[8:]))
	if from != int64(g.slots.len()) || to < from || size != slotHead+(to-from)*slotBytes+deaths*deathBytes {
		return fmt.Errorf("%w: rows %d to %d behind %d, and %d deaths, in %d bytes", errSlots, from, to, g.slots.len(),
			deaths, size)
	}
	last := uint64(0)
	if from > 0 {
		last = g.slots.row(uint32(from - 1)).ordinal
	}
	for range to - from {
		if _, err := io.ReadFull(in, b[:]); err != nil {
			return err
		}
		ordinal, born := le.Uint64(b[0:])&^sharesBit, le.Uint64(b[8:])
		died, publish := le.Uint64(b[16:]), int64(le.Uint64(b[24:]))
		if ordinal <= last || born > revision || died > revision || (died != 0 && died < born) {
			return fmt.Errorf("%w: row %d", errSlots, g.slots.len())
		}
		last = ordinal
		slot := g.slots.append(ordinal, born, publish)
		if le.Uint64(b[0:])&sharesBit != 0 {
			g.slots.markShared(slot)
		}
		if died != 0 {
			g.slots.kill(slot, died)
		}
	}
	for range deaths {
		if _, err := io.ReadFull(in, b[:deathBytes]); err != nil {
			return err
		}
		slot, died := le.Uint32(b[:]), le.Uint64(b[4:])
		if int64(slot) >= from || died > revision || died < g.slots.row(slot).born || !g.slots.kill(slot, died) {
			return fmt.Errorf("%w: death of slot %d", errSlots, slot)
		}
	}
	return nil
}
