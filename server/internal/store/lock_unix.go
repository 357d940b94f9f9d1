//go:build unix

package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// tryLock takes an exclusive lock that ends with the process or with closing f. False when another holder has it.
func tryLock(f *os.File) (bool, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
		return false, nil
	}
	return err == nil, err
}

// readOnlyVolume reports whether err says that the volume is mounted read-only.
func readOnlyVolume(err error) bool { return errors.Is(err, unix.EROFS) }

// noAddressSpace reports whether err says that a mapping found no room.
func noAddressSpace(err error) bool {
	return errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EAGAIN)
}
