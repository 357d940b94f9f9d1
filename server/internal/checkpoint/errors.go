package checkpoint

import (
	"errors"
	"fmt"
)

// Errors about a checkpoint that cannot be used. All of them mean: build the state anew. Wrapped text names the place.
var (
	// ErrNone: the folder holds no checkpoint.
	ErrNone = errors.New("there is no checkpoint")
	// ErrNotCheckpoint: the folder was not written by this package.
	ErrNotCheckpoint = errors.New("this is not a checkpoint")
	// ErrNewer: a later release wrote it.
	ErrNewer = errors.New("the checkpoint is of a newer release")
	// ErrOlder: an earlier release wrote it, in a format that this one does not read.
	ErrOlder = errors.New("the checkpoint is of an older release")
	// ErrDamaged: bytes are not what was written.
	ErrDamaged = errors.New("the checkpoint is damaged")
	// ErrTruncated: bytes are missing.
	ErrTruncated = errors.New("the checkpoint is truncated")
	// ErrNoSection: it has no section of that name.
	ErrNoSection = errors.New("the checkpoint has no such section")
)

func damagedf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

func truncatedf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrTruncated, fmt.Sprintf(format, args...))
}
