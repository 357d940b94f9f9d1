package store

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// MappedBytes is how much of mapped files counts as memory of this process: pages of stores that were read, and its
// own code. 0 where the kernel does not tell.
func MappedBytes() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b) // pages: size, resident, of which shared
	if len(fields) < 3 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[2]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// dropMapped forgets the pages of a mapping of a file. They are read-only and shared, so nothing is lost with them. A
// kernel that refuses keeps them, which costs memory only.
func dropMapped(start, length uintptr) {
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, start, length, unix.MADV_DONTNEED)
}
