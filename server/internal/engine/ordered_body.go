package engine

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/paper/wire"
	"github.com/akin-search/akin/server/internal/profile"
	"github.com/akin-search/akin/server/internal/store"
)

// Bodies of writes in a log begin with their kind, one byte. Numbers are stored; a kind that a release does not know
// stops it, so kinds come a release before they are used.
//
//	upsert   papers, each behind its length, as package wire has them, with the abstract and without the stamp
//	delete   pairs of an id behind its length and the revision to remove (0: any, and all or none)
//	events   the owner and the events of RecordEvents
//	forget   owner and id of a profile
//	model    fingerprint of the model that serves from here on
//	records  the version that the changes of records stand on, then each: its table, its key, 0 to delete it or 1 and
//	         its value
//	nothing  no write: it shows that the log is alive
//
// Lengths and numbers are varints.
const (
	bodyUpsert  = 1
	bodyDelete  = 2
	bodyEvents  = 3
	bodyForget  = 4
	bodyNothing = 5
	bodyModel   = 6
	bodyRecords = 7
)

// orderedWrite is a decoded body.
type orderedWrite struct {
	kind    byte
	papers  []*paper.Paper   // of an upsert
	deletes []store.Mutation // of a delete
	owner   string           // of events and forget
	profile string           // of forget
	events  []profile.Owned
	base    uint64         // of records
	records []store.Change // likewise
	model   string         // fingerprint
}

func encodeUpsert(papers []*paper.Paper) []byte {
	b := []byte{bodyUpsert}
	var one []byte
	for _, p := range papers {
		one = wire.AppendContent(one[:0], p, true)
		b = append(binary.AppendUvarint(b, uint64(len(one))), one...)
	}
	return b
}

func encodeDelete(mutations []store.Mutation) []byte {
	b := []byte{bodyDelete}
	for _, m := range mutations {
		b = binary.AppendUvarint(appendText(b, m.ID), m.IfRevision)
	}
	return b
}

func encodeEvents(owner string, events []profile.Owned) []byte {
	b := appendText([]byte{bodyEvents}, owner)
	for i := range events {
		e := &events[i]
		b = appendText(appendText(b, e.Profile), e.ID)
		b = appendText(b, string(e.Event.Encode()))
	}
	return b
}

func encodeForget(owner, id string) []byte {
	return appendText(appendText([]byte{bodyForget}, owner), id)
}

func encodeModel(fingerprint string) []byte { return appendText([]byte{bodyModel}, fingerprint) }

func encodeRecords(base uint64, changes []store.Change) []byte {
	b := binary.AppendUvarint([]byte{bodyRecords}, base)
	for _, c := range changes {
		b = appendText(append(b, byte(c.Table)), string(c.Key))
		if c.Value == nil {
			b = append(b, 0)
		} else {
			b = appendText(append(b, 1), string(c.Value))
		}
	}
	return b
}

// ErrUnreadable: the body of a write makes no sense, or is of a later release.
var ErrUnreadable = errors.New("a write of the log cannot be read by this release")

// bodyReader takes a body apart. After a fault it gives zero values.
type bodyReader struct {
	b     []byte
	fault bool
}

func (r *bodyReader) number() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.fault = true
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *bodyReader) bytes() []byte {
	n := r.number()
	if r.fault || n > uint64(len(r.b)) {
		r.fault = true
		return nil
	}
	text := r.b[:n:n]
	r.b = r.b[n:]
	return text
}

func (r *bodyReader) more() bool { return !r.fault && len(r.b) > 0 }

// decodeBody reads a body. What it returns keeps parts of b.
func decodeBody(b []byte) (w orderedWrite, err error) {
	if len(b) == 0 {
		return w, fmt.Errorf("%w: it is empty", ErrUnreadable)
	}
	w.kind = b[0]
	r := bodyReader{b: b[1:]}
	switch w.kind {
	case bodyUpsert:
		for r.more() {
			p, err := wire.Decode(r.bytes())
			if err != nil {
				return w, fmt.Errorf("%w: %w", ErrUnreadable, err)
			}
			w.papers = append(w.papers, p)
		}
	case bodyDelete:
		for r.more() {
			id := string(r.bytes())
			w.deletes = append(w.deletes, store.Mutation{ID: id, IfRevision: r.number()})
		}
	case bodyEvents:
		w.owner = string(r.bytes())
		for r.more() {
			o := profile.Owned{Profile: string(r.bytes())}
			id := string(r.bytes())
			if o.Event, err = profile.DecodeEvent(id, r.bytes()); err != nil {
				return w, fmt.Errorf("%w: %w", ErrUnreadable, err)
			}
			w.events = append(w.events, o)
		}
	case bodyForget:
		w.owner, w.profile = string(r.bytes()), string(r.bytes())
	case bodyModel:
		w.model = string(r.bytes())
	case bodyRecords:
		w.base = r.number()
		for r.more() {
			c := store.Change{Table: store.Table(r.number()), Key: r.bytes()}
			if r.number() > 0 {
				c.Value = append([]byte{}, r.bytes()...)
			}
			if c.Table == store.LogTable {
				return w, fmt.Errorf("%w: it changes how far the log is applied", ErrUnreadable)
			}
			w.records = append(w.records, c)
		}
	case bodyNothing:
	default:
		return w, fmt.Errorf("%w: it is of kind %d", ErrUnreadable, w.kind)
	}
	if r.fault {
		return w, fmt.Errorf("%w: it is cut", ErrUnreadable)
	}
	return w, nil
}
