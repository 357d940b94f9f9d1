package engine

import (
	"context"
	"time"

	"github.com/akin-search/akin/server/internal/store"
)

// Records of others in the engine's store, whose errors come back in the engine's words.

// UpdateRecords changes records in one commit, as store.Store has it.
func (e *Engine) UpdateRecords(ctx context.Context, weight int64, fn func(tx *store.RecordTx) error) error {
	if err := e.Writable(); err != nil {
		return err
	}
	return storeError(e.store.UpdateRecords(ctx, weight, fn))
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
