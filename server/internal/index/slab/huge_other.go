//go:build !linux

package slab

func preferHugePages([]byte) {}
