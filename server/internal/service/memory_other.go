//go:build !linux

package service

// residentBytes is the memory of this process, as near as the platform tells without cgo.
func residentBytes() int64 { return goBytes() }
