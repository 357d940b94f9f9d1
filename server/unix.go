package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// socketMode lets the server's user and group in: who may open the file may call.
const socketMode = 0o660

// listenUnix opens a socket in the file system. One that a killed server has left behind is replaced; anything else in
// its place is left alone.
func listenUnix(path string) (net.Listener, error) {
	listener, err := net.Listen("unix", path)
	if errors.Is(err, syscall.EADDRINUSE) {
		if err := removeStale(path); err != nil {
			return nil, err
		}
		listener, err = net.Listen("unix", path)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on unix:%s: %w", path, err)
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(fmt.Errorf("listen on unix:%s: %w", path, err), listener.Close())
	}
	return listener, nil
}

// removeStale removes a socket on which nobody listens.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("listen on unix:%s: %w", path, err)
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("unix:%s is no socket: name another path with --addr", path)
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		_ = conn.Close() // it was only tried
		return fmt.Errorf("unix:%s is taken, perhaps by a server that runs already: stop that one, "+
			"or name another path with --addr", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("listen on unix:%s: %w", path, err)
	}
	return os.Remove(path)
}
