//go:build !linux

package store

func dropMapped(uintptr, uintptr) {}
