package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// usage is what the kernel says about a process, in bytes; zero where it says nothing.
type usage struct {
	resident int64 // in memory now, mapped files included
	private  int64 // of it not backed by a file
	peak     int64 // greatest resident so far
	written  int64 // sent to the disk so far
}

func usageOf(pid int) (u usage, err error) {
	status, err := fieldsOf(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	u.resident, u.private, u.peak = status["VmRSS"]<<10, status["RssAnon"]<<10, status["VmHWM"]<<10
	io, err := fieldsOf(fmt.Sprintf("/proc/%d/io", pid))
	u.written = io["write_bytes"]
	return u, err
}

// fieldsOf reads lines of a name, a colon and a number.
func fieldsOf(path string) (map[string]int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fields := map[string]int64{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		if words := strings.Fields(rest); len(words) > 0 {
			if n, err := strconv.ParseInt(words[0], 10, 64); err == nil {
				fields[name] = n
			}
		}
	}
	return fields, nil
}
