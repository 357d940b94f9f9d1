package store

import (
	"log/slog"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
)

// Options configure Open. The zero value is right for a server.
type Options struct {
	// Sink sees every batch that is not empty once: on the committer goroutine, in order of revisions, after the batch is
	// durable and before its Wait returns. It must not call Submit's Wait, and while it runs no other batch commits. The
	// entries are shared with the caller of Wait and must not be changed. Nil: nobody looks.
	Sink func(batch []Entry)

	// Logger takes rare events: fallbacks at opening, damage, a failed write. Nil: discarded.
	Logger *slog.Logger

	// LockTimeout is how long Open waits for another process to leave the folder. 0: 2 s.
	LockTimeout time.Duration

	// MapBytes is the address space to map the file into; it costs no memory. While the file fits, no writer ever waits
	// for a reader. 0: 64 GiB.
	MapBytes int64

	// QueueBytes bounds the bytes of batches that wait for the committer; Submit waits for room. It is also what a single
	// write may have to wait behind during a bulk load. 0: 16 MiB.
	QueueBytes int64

	// GroupBytes bounds the bytes of one transaction, though one batch is never split. 0: 4 MiB.
	GroupBytes int64

	// VerifyBytes is the size of file up to which Open reads every page and verifies every record. Of a larger file Open
	// verifies the roots and the pages that lead to others, and records are verified when they are read. 0: 1 GiB; below
	// 0: never all.
	VerifyBytes int64

	// AcceptOlderRoot opens a store one of whose two root pages is damaged, at the state of the intact one, which may
	// lack the last commit. The store gets a new id, so that checkpoints of the lost state are not taken for its own.
	AcceptOlderRoot bool

	// Lineage is that of all this store's revisions, for stores that apply one log and so share a history: one of another
	// lineage is refused with ErrOtherHistory. Zero: each process draws one for what it writes.
	Lineage paper.Lineage

	// Clock tells the time for create and update times. Nil: time.Now.
	Clock func() time.Time

	// Committed is told of every transaction that was tried, on the committer's goroutine. Nil: no one.
	Committed func(Commit)

	// Hook is called at named points of writing, for tests that fail or kill there. An error counts as a failed write.
	// The points are the Point constants. Nil: no hook.
	Hook func(point string) error
}

// Commit is one transaction that was tried.
type Commit struct {
	Took    time.Duration // on the whole
	Disk    time.Duration // of Took: for writing pages and waiting until they are on disk
	Batches int           // that shared it
}

// Points at which Options.Hook is called.
const (
	PointCommitBefore   = "commit.before"   // records are in the transaction, nothing is on disk
	PointCommitAfter    = "commit.after"    // the transaction is durable, nobody has been told
	PointCompactCopied  = "compact.copied"  // the compacted file is complete beside the old one
	PointCompactSwapped = "compact.swapped" // the compacted file has taken the old one's name
	PointRestoreChecked = "restore.checked" // the restored file is verified beside the old one
	PointRestoreSwapped = "restore.swapped" // the restored file has taken the old one's name
)

// Defaults of Options.
const (
	defaultLockTimeout = 2 * time.Second
	defaultMapBytes    = 64 << 30
	defaultQueueBytes  = 16 << 20
	defaultGroupBytes  = 4 << 20
	defaultVerifyBytes = 1 << 30
)

// withDefaults fills what is zero.
func (o Options) withDefaults() Options {
	if o.Sink == nil {
		o.Sink = func([]Entry) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.LockTimeout == 0 {
		o.LockTimeout = defaultLockTimeout
	}
	if o.MapBytes == 0 {
		o.MapBytes = defaultMapBytes
	}
	if o.QueueBytes == 0 {
		o.QueueBytes = defaultQueueBytes
	}
	if o.GroupBytes == 0 {
		o.GroupBytes = defaultGroupBytes
	}
	if o.VerifyBytes == 0 {
		o.VerifyBytes = defaultVerifyBytes
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Hook == nil {
		o.Hook = func(string) error { return nil }
	}
	return o
}
