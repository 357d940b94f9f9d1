package main

import (
	"errors"
	"fmt"
	"net"

	"github.com/coreos/go-systemd/v22/activation"
)

// inherited is the socket that systemd has opened for this server (see systemd.socket), or nil. While the server
// restarts systemd keeps it, so that clients which connect meanwhile wait instead of failing.
func inherited() (net.Listener, error) {
	listeners, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("the sockets that systemd passes: %w", err)
	}
	switch {
	case len(listeners) == 0:
		return nil, nil
	case len(listeners) > 1 || listeners[0] == nil:
		return nil, errors.New("systemd passes more than one stream socket, or another kind: " +
			"keep one ListenStream in the socket unit")
	}
	return listeners[0], nil
}

// localOnly reports whether a listener can be reached from this machine alone.
func localOnly(l net.Listener) bool {
	return l.Addr().Network() == "unix" || isLoopback(l.Addr().String())
}
