package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// Records stand beside the papers: small values under keys, for what others keep durably, such as profiles. They share
// the papers' file, group commit, backups and checks, and have no revisions: the last value of a key is all there is.

// Table is a kind of record; each has keys of its own. Numbers are stored.
type Table byte

// The tables.
const (
	ProfileTable  Table = 1 // package profile: a row a profile
	EventTable    Table = 2 // package profile: a row an event
	DeletionTable Table = 3 // package profile: profiles whose events are being removed

	SubscriptionTable Table = 4  // package alert: a row a subscription
	StandingTable     Table = 5  // package alert: how far each subscription is
	MatchTable        Table = 6  // package alert: a row a match
	MarkTable         Table = 7  // package alert: a row a paper that has matched
	DeliveryTable     Table = 8  // package alert: a row a delivery under way
	AddressTable      Table = 9  // package alert: mailboxes and whether they are confirmed
	AlertTable        Table = 10 // package alert: its cursor and key, and subscriptions whose rows are being removed

	LogTable Table = 11 // package engine: how far a log that orders writes has been applied
)

// Bounds of one record.
const (
	MaxRecordKey   = 1 << 10 // bytes
	MaxRecordValue = 64 << 10
)

// recordID is the key of a record in the bucket.
func recordID(t Table, key []byte) []byte {
	return append(append(make([]byte, 0, 1+len(key)), byte(t)), key...)
}

// recordDigest is one record's share of state.recordDigest.
func recordDigest(id, value []byte) uint64 {
	return pairDigest(id, uint64(crc32.Checksum(value, castagnoli))<<32|uint64(len(value)))
}

// RecordTx reads records as of one commit, and collects changes to be made by it. It is valid until its function
// returns.
type RecordTx struct {
	bucket  *bolt.Bucket
	changes map[string][]byte // by record id; nil: delete
	order   []string
}

// Get returns the value under a key, nil where there is none, with the changes made so far. It must not be kept or
// changed.
func (tx *RecordTx) Get(t Table, key []byte) ([]byte, error) {
	id := recordID(t, key)
	if value, changed := tx.changes[string(id)]; changed {
		return value, nil
	}
	return recordValue(id, tx.bucket.Get(id))
}

// Save remembers the changes made so far, for Restore to go back to.
func (tx *RecordTx) Save() (saved RecordTx) {
	return RecordTx{changes: maps.Clone(tx.changes), order: slices.Clone(tx.order)}
}

// Restore takes back the changes since Save.
func (tx *RecordTx) Restore(saved RecordTx) { tx.changes, tx.order = saved.changes, saved.order }

// Put stores a value under a key: 1 to MaxRecordKey bytes and at most MaxRecordValue bytes. Both are copied.
func (tx *RecordTx) Put(t Table, key, value []byte) error {
	if len(key) == 0 || len(key) > MaxRecordKey || len(value) > MaxRecordValue {
		return fmt.Errorf("%w: a record has a key of 1 to %d bytes and a value of at most %d, this one %d and %d", ErrInvalid,
			MaxRecordKey, MaxRecordValue, len(key), len(value))
	}
	tx.change(recordID(t, key), append([]byte{}, value...))
	return nil
}

// Delete removes what is under a key, if there is anything.
func (tx *RecordTx) Delete(t Table, key []byte) { tx.change(recordID(t, key), nil) }

func (tx *RecordTx) change(id, value []byte) {
	if _, again := tx.changes[string(id)]; !again {
		tx.order = append(tx.order, string(id))
	}
	tx.changes[string(id)] = value
}

// Change is one change of a record. A nil value deletes it.
type Change struct {
	Table      Table
	Key, Value []byte
}

// Changes are those collected so far, each key once.
func (tx *RecordTx) Changes() []Change {
	out := make([]Change, len(tx.order))
	for i, id := range tx.order {
		out[i] = Change{Table(id[0]), []byte(id[1:]), tx.changes[id]}
	}
	return out
}

// PlanRecords runs fn on what is stored now, and returns the changes that UpdateRecords would make.
func (s *Store) PlanRecords(fn func(tx *RecordTx) error) (changes []Change, err error) {
	err = s.read(func(v *snapshot) error {
		tx := &RecordTx{bucket: v.records, changes: map[string][]byte{}}
		if err := fn(tx); err != nil {
			return err
		}
		changes = tx.Changes()
		return nil
	})
	return changes, err
}

// UpdateRecords runs fn in the committer's next transaction and returns when the changes are durable. When fn fails,
// its error comes back and nothing is changed. weight is about the bytes that fn will write: what waits counts against
// Options.QueueBytes. fn runs on the committer, so it must be quick, and it runs even when ctx has ended meanwhile,
// whose error then comes back: it must own what it uses.
func (s *Store) UpdateRecords(ctx context.Context, weight int64, fn func(tx *RecordTx) error) error {
	p := &Pending{weight: mutationOverhead + weight, done: make(chan struct{})}
	p.chore = func(w *writer) error {
		tx := &RecordTx{bucket: w.in[inRecords], changes: map[string][]byte{}}
		if err := fn(tx); err != nil {
			return err
		}
		return tx.execute(w)
	}
	if err := s.enqueue(ctx, p); err != nil {
		return err
	}
	_, err := p.Wait(ctx)
	return err
}

// execute makes the changes.
func (tx *RecordTx) execute(w *writer) error {
	for _, id := range tx.order {
		if err := w.record([]byte(id), tx.changes[id]); err != nil {
			return halfApplied{err}
		}
	}
	return nil
}

// record changes one record.
func (w *writer) record(id, value []byte) error {
	before, err := recordValue(id, w.in[inRecords].Get(id))
	if err != nil {
		return err
	}
	if before != nil {
		w.state.records--
		w.state.recordDigest -= recordDigest(id, before)
	}
	if value == nil {
		if before == nil {
			return nil
		}
		return w.remove(inRecords, id)
	}
	w.state.records++
	w.state.recordDigest += recordDigest(id, value)
	return w.put(inRecords, id, seal(append(make([]byte, 0, len(value)+crcSize), value...), id))
}

// recordValue verifies a value of bucket records; nil stays nil.
func recordValue(id, sealed []byte) ([]byte, error) {
	if sealed == nil {
		return nil, nil
	}
	value, ok := unseal(sealed, id)
	if !ok {
		return nil, damagedf("the record %x does not match its checksum", id)
	}
	return value, nil
}

// Record is one record.
type Record struct{ Key, Value []byte }

// Record returns the value under a key, nil where there is none.
func (s *Store) Record(t Table, key []byte) (value []byte, err error) {
	id := recordID(t, key)
	err = s.read(func(v *snapshot) error {
		found, err := recordValue(id, v.records.Get(id))
		if found != nil {
			value = append([]byte{}, found...)
		}
		return err
	})
	return value, err
}

// Records returns up to limit records (at most, and for 0, 1,000) of a table whose keys begin with a prefix and are
// above after, in ascending byte order. Later calls may be of a later state.
func (s *Store) Records(t Table, prefix, after []byte, limit int) ([]Record, error) {
	limit = atMost(limit)
	from := recordID(t, prefix)
	if string(after) > string(prefix) {
		from = recordID(t, after)
	}
	var records []Record
	err := s.read(func(v *snapshot) error {
		c := v.records.Cursor()
		key, value := c.Seek(from)
		if len(after) > 0 && string(key) == string(recordID(t, after)) {
			key, value = c.Next()
		}
		whole := recordID(t, prefix)
		for ; key != nil && len(records) < limit; key, value = c.Next() {
			if len(key) < len(whole) || string(key[:len(whole)]) != string(whole) {
				return nil
			}
			found, err := recordValue(key, value)
			if err != nil {
				return err
			}
			records = append(records, Record{append([]byte{}, key[1:]...), append([]byte{}, found...)})
		}
		return nil
	})
	return records, err
}

// In a backup a record stands among the papers: its length has the highest bit set, which no paper's has.
const recordMark = 1 << 31

// appendRecord adds a record to the raw bytes of a frame.
func appendRecord(raw, id, value []byte) []byte {
	raw = binary.BigEndian.AppendUint32(raw, recordMark|uint32(2+len(id)+len(value)))
	raw = binary.BigEndian.AppendUint16(raw, uint16(len(id)))
	return append(append(raw, id...), value...)
}

// splitRecord reads the bytes of a record behind their length.
func splitRecord(b []byte) (id, value []byte, err error) {
	if len(b) < 2 {
		return nil, nil, errors.New("it is cut")
	}
	n := 2 + int(binary.BigEndian.Uint16(b))
	if n > len(b) || n < 2+2 || n > 2+1+MaxRecordKey || len(b)-n > MaxRecordValue {
		return nil, nil, errors.New("it has impossible sizes")
	}
	return b[2:n], b[n:], nil
}
