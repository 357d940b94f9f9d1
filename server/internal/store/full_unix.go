//go:build unix

package store

import (
	"errors"
	"syscall"
)

// noSpace reports whether an error says that the disk, or this user's share of it, is full.
func noSpace(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
