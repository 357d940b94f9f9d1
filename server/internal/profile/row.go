package profile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// Rows of the store's tables. A profile's key is its owner, a zero byte and its id: ids and names hold no control
// characters, so keys of different profiles cannot run into each other.
//
//	ProfileTable   owner 0 profile           summary
//	EventTable     owner 0 profile 0 event   event
//	DeletionTable  owner 0 profile           nothing: the events are being removed

func profileKey(owner, id string) []byte {
	return append(append(append(make([]byte, 0, len(owner)+len(id)+1), owner...), 0), id...)
}

// eventPrefix is what the keys of a profile's events begin with.
func eventPrefix(profile []byte) []byte { return append(bytes.Clone(profile), 0) }

func eventKey(profile []byte, id string) []byte { return append(eventPrefix(profile), id...) }

// Summary is a profile without its events.
type Summary struct {
	ID      string
	Events  int       // stored
	Created time.Time // when the first event was recorded
	Updated time.Time // when the last one was
}

const summarySize = 1 + 4 + 8 + 8

func (s *Summary) encode() []byte {
	b := append(make([]byte, 0, summarySize), 1) // the row's format
	b = binary.BigEndian.AppendUint32(b, uint32(s.Events))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Created.UnixNano()))
	return binary.BigEndian.AppendUint64(b, uint64(s.Updated.UnixNano()))
}

var errRow = errors.New("a row of profiles has another format: start the release that wrote it")

func decodeSummary(id string, b []byte) (Summary, error) {
	if len(b) != summarySize || b[0] != 1 {
		return Summary{}, errRow
	}
	return Summary{
		ID:      id,
		Events:  int(binary.BigEndian.Uint32(b[1:])),
		Created: time.Unix(0, int64(binary.BigEndian.Uint64(b[5:]))).UTC(),
		Updated: time.Unix(0, int64(binary.BigEndian.Uint64(b[13:]))).UTC(),
	}, nil
}

// An event: format and kind a byte each, seconds and nanoseconds of its time, its weight, then the paper's id or, of an
// undo, the event's.
//
// A log that orders writes carries events in this form as well, those without a time with the zero time.
const eventHead = 1 + 1 + 8 + 4 + 8

// Encode is the form of an event without its id.
func (e *Event) Encode() []byte {
	subject := e.PaperID
	if e.Kind == Undo {
		subject = e.Undoes
	}
	b := append(make([]byte, 0, eventHead+len(subject)), 1, byte(e.Kind))
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(e.Time.Nanosecond()))
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(e.Weight))
	return append(b, subject...)
}

// DecodeEvent reads what Encode writes.
func DecodeEvent(id string, b []byte) (Event, error) {
	if len(b) < eventHead || b[0] != 1 || !Kind(b[1]).Valid() {
		return Event{}, errRow
	}
	e := Event{
		ID:     id,
		Kind:   Kind(b[1]),
		Time:   time.Unix(int64(binary.BigEndian.Uint64(b[2:])), int64(binary.BigEndian.Uint32(b[10:]))).UTC(),
		Weight: math.Float64frombits(binary.BigEndian.Uint64(b[14:])),
	}
	if e.Kind == Undo {
		e.Undoes = string(b[eventHead:])
	} else {
		e.PaperID = string(b[eventHead:])
	}
	return e, nil
}
