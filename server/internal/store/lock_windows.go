package store

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock takes an exclusive lock that ends with the process or with closing f. False when another holder has it.
func tryLock(f *os.File) (bool, error) {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return false, nil
	}
	return err == nil, err
}

// readOnlyVolume reports whether err says that the volume is mounted read-only.
func readOnlyVolume(err error) bool { return errors.Is(err, windows.ERROR_WRITE_PROTECT) }

// noAddressSpace reports whether err says that a mapping found no room.
func noAddressSpace(err error) bool { return errors.Is(err, windows.ERROR_NOT_ENOUGH_MEMORY) }
