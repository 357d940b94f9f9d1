package store

import (
	"errors"
	"fmt"
)

// Errors about opening a folder. Wrapped text names the folder and says what to do.
var (
	// ErrLocked: another process has the folder open.
	ErrLocked = errors.New("the data folder is in use")
	// ErrReadOnlyFolder: the folder or its files cannot be written.
	ErrReadOnlyFolder = errors.New("the data folder cannot be written")
	// ErrNotFolder: the path exists and is no folder.
	ErrNotFolder = errors.New("the data folder is not a folder")
	// ErrNewerFormat: a later release wrote the file.
	ErrNewerFormat = errors.New("the store is of a newer release")
	// ErrOlderFormat: an earlier build wrote the file, in a format that no release has had.
	ErrOlderFormat = errors.New("the store is of an older build")
	// ErrNotStore: the file was not written by Akin.
	ErrNotStore = errors.New("the file is not a store")
)

// Errors about writes.
var (
	// ErrNotFound: a delete names an id that is not stored.
	ErrNotFound = errors.New("paper not found")
	// ErrReadOnly: a write to disk failed earlier, for another reason than a lack of space, so the store takes no more
	// writes until it is opened again. It wraps the cause. Whether the write that failed is on disk is known only after
	// opening again: whole or not at all.
	ErrReadOnly = errors.New("the store takes no writes")
	// ErrDiskFull: there is no space for a write. Nothing of the write is stored, reads go on, and writes are accepted
	// again by themselves once there is space.
	ErrDiskFull = errors.New("the disk is full")
	// ErrQueueFull: the caller's context ended before the queue of writes had room.
	ErrQueueFull = errors.New("the queue of writes is full")
	// ErrInvalid: a mutation that the store cannot keep.
	ErrInvalid = errors.New("invalid mutation")
)

// Errors about the state of the store.
var (
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the store is closed")
	// ErrDamaged: bytes on disk are not what was written. Wrapped text names the place.
	ErrDamaged = errors.New("the store is damaged")
	// ErrOtherHistory: the position asked about is not in the store's past: of another store, of one from before it was
	// restored or rolled back, or written behind its last revision by a process that ended.
	ErrOtherHistory = errors.New("this is of another history than the store's")
	// ErrAhead: the position asked about is of this process, and not reached yet.
	ErrAhead = errors.New("the store has not come to it yet")
	// ErrTrimmed: the change log no longer reaches back to the revision asked for.
	ErrTrimmed = errors.New("the change log was trimmed")
)

// damagedf names a damaged place.
func damagedf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}
