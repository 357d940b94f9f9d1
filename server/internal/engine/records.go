package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"time"

	"github.com/akin-search/akin/server/internal/store"
)

// Records of others in the engine's store, whose errors come back in the engine's words. Where a log orders the writes,
// records go through it too: each change names the one that its maker knew of last, and is made, by every engine, only
// where that was the last. So whoever changes what it has read cannot undo what another has changed meanwhile.

// ErrRecordsChanged: records were changed since the version that a change stands on. Nothing was done: look again.
var ErrRecordsChanged = errors.New("records were changed by another node meanwhile")

// recordsKey is the record of the version of records: the number of the write of the log that changed them last.
var recordsKey = []byte("records")

// recordWatch is who is told of changed records.
type recordWatch struct {
	told    atomic.Pointer[func(version uint64, changes []store.Change)]
	version atomic.Uint64 // without a log: counts changes
}

// WatchRecords calls fn with every change of records once it is durable, in order, before the call that made it
// returns. With a log, those of other nodes are told too, and nothing may be applied before WatchRecords is called.
func (e *Engine) WatchRecords(fn func(version uint64, changes []store.Change)) {
	e.records.told.Store(&fn)
}

func (e *Engine) tellRecords(version uint64, changes []store.Change) {
	if fn := e.records.told.Load(); fn != nil {
		(*fn)(version, changes)
	}
}

// RecordsVersion names the state that records are in.
func (e *Engine) RecordsVersion() (uint64, error) {
	if e.cfg.Order == nil {
		return e.records.version.Load(), nil
	}
	value, err := e.store.Record(store.LogTable, recordsKey)
	if err != nil || len(value) != 8 {
		return 0, storeError(err)
	}
	return binary.BigEndian.Uint64(value), nil
}

// UpdateRecords changes records in one commit, as store.Store has it, and returns the version that this leads to. base
// is the version that the changes stand on; where a log orders the writes and it is not the last one any more:
// ErrRecordsChanged. Without a log callers do not change records side by side, and base does not count.
func (e *Engine) UpdateRecords(ctx context.Context, base uint64, weight int64, fn func(tx *store.RecordTx) error) (
	uint64, error,
) {
	if err := e.Writable(); err != nil {
		return 0, err
	}
	if e.cfg.Order != nil {
		return e.updateOrdered(ctx, base, fn)
	}
	made := make(chan []store.Change, 1) // fn may run when this call has given up
	err := e.store.UpdateRecords(ctx, weight, func(tx *store.RecordTx) error {
		if err := fn(tx); err != nil {
			return err
		}
		made <- tx.Changes()
		return nil
	})
	if err != nil {
		return 0, storeError(err)
	}
	version := e.records.version.Add(1)
	e.tellRecords(version, <-made)
	return version, nil
}

// updateOrdered is UpdateRecords by way of the log.
func (e *Engine) updateOrdered(ctx context.Context, base uint64, fn func(tx *store.RecordTx) error) (uint64, error) {
	changes, err := e.store.PlanRecords(fn)
	if err != nil {
		return 0, storeError(err)
	}
	none := func(context.Context) ([]store.Entry, error) { return nil, nil }
	t, err := e.submitOrdered(ctx, encodeRecords(base, changes), false, nil, none)
	if err != nil {
		return 0, err
	}
	_, _, err = t.wait(ctx, e)
	return t.sequence, err
}

// putRecords makes the changes of a write of the log, if they stand on the last version.
func putRecords(tx *store.RecordTx, w *orderedWrite, sequence uint64) error {
	before, err := tx.Get(store.LogTable, recordsKey)
	if err != nil {
		return err
	}
	present := uint64(0)
	if len(before) == 8 {
		present = binary.BigEndian.Uint64(before)
	}
	if present != w.base {
		return ErrRecordsChanged
	}
	for _, c := range w.records {
		if c.Value == nil {
			tx.Delete(c.Table, c.Key)
		} else if err := tx.Put(c.Table, c.Key, c.Value); err != nil {
			return err
		}
	}
	return tx.Put(store.LogTable, recordsKey, binary.BigEndian.AppendUint64(nil, sequence))
}

// Record returns the value under a key, nil where there is none.
func (e *Engine) Record(t store.Table, key []byte) ([]byte, error) {
	value, err := e.store.Record(t, key)
	return value, storeError(err)
}

// Records returns up to limit records of a table by rising key, as store.Store has it.
func (e *Engine) Records(t store.Table, prefix, after []byte, limit int) ([]store.Record, error) {
	records, err := e.store.Records(t, prefix, after, limit)
	return records, storeError(err)
}

// Hook calls Config.Hook at a named point of those who stand on the engine.
func (e *Engine) Hook(point string) error { return e.at(point) }

// Idle is how long ago the last write of papers was.
func (e *Engine) Idle() time.Duration { return e.idle() }
