package store

import "golang.org/x/sys/unix"

// dropMapped forgets the pages of a mapping of a file. They are read-only and shared, so nothing is lost with them. A
// kernel that refuses keeps them, which costs memory only.
func dropMapped(start, length uintptr) {
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, start, length, unix.MADV_DONTNEED)
}
