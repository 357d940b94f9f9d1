//go:build !linux

package store

func dropMapped(uintptr, uintptr) {}

// MappedBytes is how much of mapped files counts as memory of this process: not known on this system.
func MappedBytes() int64 { return 0 }
