package engine

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// slotBytes is the length of a saved slot row: ordinal, born, died and publish time, each 8 bytes little-endian.
const slotBytes = 32

// sharesBit of a saved ordinal says that the slot is a version: its text is that of the slot that died when it was born.
const sharesBit = 1 << 63

// saveSlots writes the first n rows as of a revision: deaths after it are left to the log.
func (g *Generation) saveSlots(w io.Writer, n int, revision uint64) error {
	out := bufio.NewWriterSize(w, 1<<16)
	var b [slotBytes]byte
	for slot := range uint32(n) {
		row := g.slots.row(slot)
		died := row.died.Load()
		if died > revision {
			died = 0
		}
		ordinal := row.ordinal
		if g.slots.shares(slot) {
			ordinal |= sharesBit
		}
		binary.LittleEndian.PutUint64(b[0:], ordinal)
		binary.LittleEndian.PutUint64(b[8:], row.born)
		binary.LittleEndian.PutUint64(b[16:], died)
		binary.LittleEndian.PutUint64(b[24:], uint64(row.publish))
		if _, err := out.Write(b[:]); err != nil {
			return err
		}
	}
	return out.Flush()
}

// errSlots: a saved slot table breaks its own rules.
var errSlots = errors.New("damaged slot table")

// loadSlots restores what saveSlots wrote, from exactly size bytes.
func (g *Generation) loadSlots(r io.Reader, size int64, revision uint64) error {
	if size < 0 || size%slotBytes != 0 {
		return fmt.Errorf("%w: %d bytes", errSlots, size)
	}
	in := bufio.NewReaderSize(r, 1<<16)
	var b [slotBytes]byte
	var last uint64
	for range size / slotBytes {
		if _, err := io.ReadFull(in, b[:]); err != nil {
			return err
		}
		ordinal, born := binary.LittleEndian.Uint64(b[0:]), binary.LittleEndian.Uint64(b[8:])
		shares := ordinal&sharesBit != 0
		ordinal &^= sharesBit
		died, publish := binary.LittleEndian.Uint64(b[16:]), int64(binary.LittleEndian.Uint64(b[24:]))
		if ordinal <= last || born > revision || died > revision || (died != 0 && died < born) {
			return fmt.Errorf("%w: row %d", errSlots, g.slots.len())
		}
		last = ordinal
		slot := g.slots.append(ordinal, born, publish)
		if shares {
			g.slots.markShared(slot)
		}
		if died != 0 {
			g.slots.kill(slot, died)
		}
	}
	return nil
}
