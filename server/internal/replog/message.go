package replog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
)

// MessageFormat is the version of messages that this release writes and the newest that it reads.
// Version 1: the first.
const MessageFormat = 1

// MaxMessage is the bytes of the largest message with its headers. A request has at most 4 MiB.
const MaxMessage = 8 << 20

// headerRoom is what is left in a message for the headers of the log's servers.
const headerRoom = 8 << 10

// MaxID is the bytes of the longest request id.
const MaxID = 256

// Message is one write in the order of the log.
type Message struct {
	Mark              // of the state that it leads to; Follow sets it
	ID      string    // of the request; two messages of one id within two minutes are one
	Time    time.Time // when the write was taken, UTC
	Body    []byte    // what to write
	Lineage paper.Lineage
	Anchor  Mark // a state that the publisher knew; Sequence 0: none
}

// Errors of messages. Follow never passes over a message that has one of them.
var (
	// ErrDamaged: a message is not what was written.
	ErrDamaged = errors.New("a message of the log is damaged")
	// ErrNewerFormat: a message was written by a later release.
	ErrNewerFormat = errors.New("a message of the log is of a later release")
)

// Offsets within a message.
const (
	crcAt     = 4
	lineageAt = crcAt + 4
	timeAt    = lineageAt + 16
	anchorAt  = timeAt + 8
	lengthAt  = anchorAt + 8 + chainSize
	idAt      = lengthAt + 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode writes a message.
func (m *Message) encode() ([]byte, error) {
	if len(m.ID) > MaxID {
		return nil, fmt.Errorf("a request id has at most %d bytes, this one %d", MaxID, len(m.ID))
	}
	b := make([]byte, 0, idAt+len(m.ID)+len(m.Body))
	b = binary.BigEndian.AppendUint32(b, MessageFormat)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = append(b, m.Lineage[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Time.UnixNano()))
	b = binary.BigEndian.AppendUint64(b, m.Anchor.Sequence)
	b = append(b, m.Anchor.Chain[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.ID)))
	b = append(b, m.ID...)
	b = append(b, m.Body...)
	if len(b) > MaxMessage-headerRoom {
		return nil, fmt.Errorf("a message of the log has at most %d bytes, this one %d", MaxMessage-headerRoom, len(b))
	}
	binary.BigEndian.PutUint32(b[crcAt:], crc32.Checksum(b[lineageAt:], castagnoli))
	return b, nil
}

// decode reads a message. Its body is a part of b.
func decode(b []byte) (*Message, error) {
	if len(b) < idAt {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrDamaged, len(b))
	}
	switch format := binary.BigEndian.Uint32(b); {
	case format > MessageFormat && format < 1<<16:
		return nil, fmt.Errorf("%w: it has format %d, this one reads %d", ErrNewerFormat, format, MessageFormat)
	case format != MessageFormat:
		return nil, fmt.Errorf("%w: it claims the format %d", ErrDamaged, format)
	}
	if sum := crc32.Checksum(b[lineageAt:], castagnoli); sum != binary.BigEndian.Uint32(b[crcAt:]) {
		return nil, fmt.Errorf("%w: it does not match its checksum", ErrDamaged)
	}
	m := &Message{Time: time.Unix(0, int64(binary.BigEndian.Uint64(b[timeAt:]))).UTC()}
	copy(m.Lineage[:], b[lineageAt:])
	m.Anchor.Sequence = binary.BigEndian.Uint64(b[anchorAt:])
	copy(m.Anchor.Chain[:], b[anchorAt+8:])
	n := int(binary.BigEndian.Uint16(b[lengthAt:]))
	if n > MaxID || idAt+n > len(b) {
		return nil, fmt.Errorf("%w: a request id of %d bytes in %d", ErrDamaged, n, len(b))
	}
	m.ID, m.Body = string(b[idAt:idAt+n]), b[idAt+n:]
	return m, nil
}
