package slab

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const hugePage = 2 << 20

// preferHugePages asks for huge pages under an allocation that would fill at least one. The range is widened to whole
// huge pages, so that neighbouring allocations join; the advice changes no contents. A kernel without huge pages
// refuses, and nothing but speed is lost, so the answer is not looked at.
func preferHugePages(block []byte) {
	if len(block) < hugePage {
		return
	}
	start := uintptr(unsafe.Pointer(unsafe.SliceData(block)))
	head := start & (hugePage - 1)
	length := (head + uintptr(len(block)) + hugePage - 1) &^ (hugePage - 1)
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, start-head, length, unix.MADV_HUGEPAGE)
}
