package admit

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Listener sheds connections that the server has no room for, so that those it has go on.
type Listener struct {
	net.Listener
	most int64
	log  *slog.Logger

	open atomic.Int64
	all  atomic.Int64 // shed since the start
	shed atomic.Int64 // since the last line in the log
	said atomic.Int64 // Unix nanoseconds of that line

	received, sent atomic.Int64 // bytes of all connections

	mu    sync.Mutex
	spare *os.File // a file descriptor to give up when there are no others
}

// Listen limits a listener to a number of connections at a time.
func Listen(inner net.Listener, most int, log *slog.Logger) *Listener {
	l := &Listener{Listener: inner, most: int64(most), log: log}
	l.spare, _ = os.Open(os.DevNull) // without one, running out is only logged
	return l
}

// Accept waits for a connection that there is room for. Others are closed at once.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		switch {
		case errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE):
			l.tell("no file descriptors are left: new connections are closed", err)
			if !l.shedOne() {
				return nil, err // gRPC tries again after a while
			}
			continue
		case err != nil:
			return nil, err
		}
		if l.open.Add(1) > l.most {
			l.open.Add(-1)
			l.tell("there are as many connections as there may be: new ones are closed", nil)
			_ = conn.Close() // it was never served
			continue
		}
		return &counted{Conn: conn, listener: l}, nil
	}
}

// Traffic is a look at a listener, for metrics.
type Traffic struct {
	Open           int64 // connections
	Shed           int64 // connections closed at once, since the start
	Received, Sent int64 // bytes since the start
}

// Traffic looks at the listener.
func (l *Listener) Traffic() Traffic {
	return Traffic{Open: l.open.Load(), Shed: l.all.Load(), Received: l.received.Load(), Sent: l.sent.Load()}
}

// Close closes the listener; its connections stay.
func (l *Listener) Close() error {
	l.mu.Lock()
	if l.spare != nil {
		_ = l.spare.Close() // it was only read from, and never that
		l.spare = nil
	}
	l.mu.Unlock()
	return l.Listener.Close()
}

// shedOne closes the connection that has waited longest, in the place of the spare descriptor. It reports false when
// that was not possible.
func (l *Listener) shedOne() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.spare == nil {
		return false
	}
	_ = l.spare.Close()
	l.spare = nil
	if d, ok := l.Listener.(interface{ SetDeadline(time.Time) error }); ok { // it may have gone away meanwhile
		_ = d.SetDeadline(time.Now().Add(50 * time.Millisecond))
		defer func() { _ = d.SetDeadline(time.Time{}) }()
	}
	conn, err := l.Listener.Accept()
	if err == nil {
		_ = conn.Close() // it was never served
	}
	l.spare, _ = os.Open(os.DevNull)
	return err == nil && l.spare != nil
}

// tell logs at most once a second.
func (l *Listener) tell(text string, err error) {
	l.all.Add(1)
	n := l.shed.Add(1)
	now, before := time.Now().UnixNano(), l.said.Load()
	if now-before < int64(time.Second) || !l.said.CompareAndSwap(before, now) {
		return
	}
	l.shed.Add(-n)
	attributes := []any{"closed", n, "open", l.open.Load(), "at_most", l.most}
	if err != nil {
		attributes = append(attributes, "error", err)
	}
	l.log.Error(text, attributes...)
}

// counted is a connection that counts its bytes and tells when it ends.
type counted struct {
	net.Conn
	listener *Listener
	once     sync.Once
}

// Read implements net.Conn.
func (c *counted) Read(b []byte) (n int, err error) {
	n, err = c.Conn.Read(b)
	c.listener.received.Add(int64(n))
	return n, err
}

// Write implements net.Conn.
func (c *counted) Write(b []byte) (n int, err error) {
	n, err = c.Conn.Write(b)
	c.listener.sent.Add(int64(n))
	return n, err
}

// Close implements net.Conn.
func (c *counted) Close() error {
	c.once.Do(func() { c.listener.open.Add(-1) })
	return c.Conn.Close()
}
