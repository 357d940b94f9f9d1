package engine

import (
	"context"
	"io"
)

// Backup writes all papers as they are at one moment, compressed and checksummed, while reads and writes go on. pinned,
// which may be nil, is told now and then how many bytes of the store the backup keeps from being used again. What it
// wrote is input of the server's restore command.
func (e *Engine) Backup(ctx context.Context, w io.Writer, pinned func(bytes int64)) error {
	return storeError(e.store.Backup(ctx, w, pinned))
}
