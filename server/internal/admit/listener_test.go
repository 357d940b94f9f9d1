package admit

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// lockedBuffer is a log that a test reads while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func connect(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// isClosed waits until the other side has closed a connection.
func isClosed(t *testing.T, c net.Conn) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the connection lives: %d bytes, %v", n, err)
	}
}

func TestConnectionsBeyondTheLimitAreClosed(t *testing.T) {
	log := &lockedBuffer{}
	l := Listen(listen(t), 2, slog.New(slog.NewTextHandler(log, nil)))
	accepted := make(chan net.Conn, 3)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	connect(t, l)
	connect(t, l)
	first := <-accepted
	second := <-accepted
	isClosed(t, connect(t, l))
	if !strings.Contains(log.String(), "as many connections as there may be") {
		t.Errorf("the log says %q", log)
	}
	first.Close()
	first.Close() // twice is once
	third := connect(t, l)
	served := <-accepted
	if _, err := served.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadFull(third, make([]byte, 1)); err != nil {
		t.Errorf("after another has ended: %v", err)
	}
	served.Close()
	second.Close()
	if n := l.Traffic().Open; n != 0 {
		t.Errorf("%d are open", n)
	}
	l.Close()
	<-accepted
}

// exhausted is a listener whose first Accept fails for want of file descriptors.
type exhausted struct {
	net.Listener
	once sync.Once
}

func (e *exhausted) Accept() (net.Conn, error) {
	var err error
	e.once.Do(func() { err = &net.OpError{Op: "accept", Err: syscall.EMFILE} })
	if err != nil {
		return nil, err
	}
	return e.Listener.Accept()
}

func TestWithoutFileDescriptorsConnectionsAreShed(t *testing.T) {
	log := &lockedBuffer{}
	l := Listen(&exhausted{Listener: listen(t)}, 10, slog.New(slog.NewTextHandler(log, nil)))
	waiting, next := connect(t, l), connect(t, l)
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.RemoteAddr().String() != next.LocalAddr().String() {
		t.Errorf("serves %v, want %v, which came later", c.RemoteAddr(), next.LocalAddr())
	}
	isClosed(t, waiting)
	if !strings.Contains(log.String(), "no file descriptors are left") {
		t.Errorf("the log says %q", log)
	}
}
