// Package loopback finds addresses for servers that are started, killed and started again at the same place, as nodes
// of a cluster are: between two lives of a server nobody else may take its port. A port that was free a moment ago does
// not promise that, since any process may be given it meanwhile. But where the whole of 127.0.0.0/8 is this machine, as
// on Linux, a process can have an address of its own, on which nobody else listens.
package loopback

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
)

// Ports lie below those that systems draw for outgoing connections and for listeners on port 0, so that one that is
// open on all addresses does not come upon them by chance.
const (
	firstPort = 21_000
	lastPort  = 31_999
)

var (
	mu   sync.Mutex
	next = firstPort // of this process; no port is given twice
)

// Addrs returns n different addresses, host:port, on which nobody listens. own reports that they are this process's: no
// other process that asks here gets them. Elsewhere, as on macOS, they are merely free now.
func Addrs(n int) (addrs []string, own bool, err error) {
	mu.Lock()
	defer mu.Unlock()
	host := address(os.Getpid())
	if l, err := net.Listen("tcp", net.JoinHostPort(host, "0")); err == nil {
		_ = l.Close() // it was a question
		addrs, err = fixed(host, n)
		return addrs, true, err
	}
	addrs, err = free(n)
	return addrs, false, err
}

// address is one that no other process has: numbers of processes have 22 bits at most.
func address(pid int) string {
	return net.IPv4(127, byte(64+pid>>16&63), byte(pid>>8), byte(pid)).String()
}

// fixed goes through the ports of an address that is this process's alone.
func fixed(host string, n int) (addrs []string, err error) {
	for ; len(addrs) < n; next++ {
		if next > lastPort {
			return nil, fmt.Errorf("all ports of %s were given", host)
		}
		addr := net.JoinHostPort(host, strconv.Itoa(next))
		l, err := net.Listen("tcp", addr)
		if errors.Is(err, syscall.EADDRINUSE) {
			continue // somebody listens there on all addresses
		}
		if err != nil {
			return nil, err
		}
		_ = l.Close() // it was a question
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

// free finds ports of 127.0.0.1 that are free now.
func free(n int) (addrs []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // all are held until the last is found, so that they differ
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}
