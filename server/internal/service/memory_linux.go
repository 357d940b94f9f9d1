package service

import (
	"bytes"
	"os"
	"strconv"
)

// residentBytes is the memory of this process that is in RAM, mapped files included.
func residentBytes() int64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return goBytes()
	}
	fields := bytes.Fields(statm)
	if len(fields) < 2 {
		return goBytes()
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return goBytes()
	}
	return pages * int64(os.Getpagesize())
}
