package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAServerAloneListensAtItsAddressOnly looks at the sockets of a server that is no node of a cluster.
func TestAServerAloneListensAtItsAddressOnly(t *testing.T) {
	p := start(t, "--addr", "127.0.0.1:0", "--data", t.TempDir())
	go drainLog(p)
	listening := map[string]string{} // address by inode
	for _, family := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile("/proc/net/" + family)
		if os.IsNotExist(err) {
			continue // no such family here
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			if f := strings.Fields(line); len(f) > 9 && f[3] == "0A" { // LISTEN
				listening[f[9]] = f[1]
			}
		}
	}
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.Process.Pid))
	if err != nil || len(fds) == 0 {
		t.Fatal(fds, err)
	}
	var own []string
	for _, fd := range fds {
		target, err := os.Readlink(fd)
		if err != nil {
			continue // closed since
		}
		inode := strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")
		if addr, ok := listening[inode]; ok {
			own = append(own, addr)
		}
	}
	if len(own) != 1 {
		t.Errorf("it listens at %v", own)
	}
}
