package port

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// patience is how long a client may take to encrypt, and to say what it speaks: connections that say nothing end.
const patience = 5 * time.Second

// Waits after an error of the listener that may pass.
const (
	firstPause = 5 * time.Millisecond
	lastPause  = time.Second
)

// Splitter hands the connections of a listener to two others. Make one with Split; Serve does the work.
type Splitter struct {
	inner net.Listener
	tls   *tls.Config // nil: plain text
	log   *slog.Logger
	grpc  *side
	http  *side

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wait sync.WaitGroup // for the connections that are not told apart yet

	mu      sync.Mutex
	sorting map[net.Conn]struct{} // nil once Close has been called
}

// Split prepares to split a listener. config is cloned; nil: connections are in plain text.
func Split(inner net.Listener, config *tls.Config, log *slog.Logger) *Splitter {
	s := &Splitter{inner: inner, log: log, sorting: make(map[net.Conn]struct{})}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if config != nil {
		s.tls = config.Clone()
		s.tls.NextProtos = []string{"grpc-exp", "http/1.1", "h2"} // the first that the client has too
	}
	s.grpc = &side{addr: inner.Addr(), conns: make(chan net.Conn), closed: make(chan struct{})}
	s.http = &side{addr: inner.Addr(), conns: make(chan net.Conn), closed: make(chan struct{})}
	return s
}

// GRPC has the connections that speak HTTP/2 and begin with a call of gRPC, or with none.
func (s *Splitter) GRPC() net.Listener { return s.grpc }

// HTTP has the connections that speak HTTP/1.1, and those of HTTP/2 that begin with another request. They are in plain
// text, whatever they were before; TLS is theirs to ask by a method TLS() *tls.ConnectionState.
func (s *Splitter) HTTP() net.Listener { return s.http }

// Serve accepts connections until Close, or until the listener fails for good: both listeners return that error then.
func (s *Splitter) Serve() error {
	err := s.accept()
	if s.ctx.Err() != nil {
		err = net.ErrClosed
	}
	s.grpc.end(err)
	s.http.end(err)
	s.wait.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Close ends the listener and the connections that are not told apart yet. Those that were handed on stay.
func (s *Splitter) Close() error {
	s.stop()
	err := s.inner.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.sorting {
		_ = conn.Close() // nothing has been said on it
	}
	s.sorting = nil
	return err
}

func (s *Splitter) accept() error {
	pause := time.Duration(0)
	for {
		conn, err := s.inner.Accept()
		var passing interface{ Temporary() bool }
		switch {
		case err == nil:
			pause = 0
		case s.ctx.Err() == nil && errors.As(err, &passing) && passing.Temporary():
			pause = min(max(firstPause, 2*pause), lastPause)
			s.log.Error("no connection could be accepted, trying again", "error", err, "in", pause)
			select {
			case <-time.After(pause):
			case <-s.ctx.Done():
			}
			continue
		default:
			return err
		}
		if !s.begin(conn) {
			_ = conn.Close() // nothing has been said on it
			continue
		}
		go func() {
			defer s.wait.Done()
			s.sort(conn)
		}()
	}
}

// begin takes a connection in, unless the splitter is closed.
func (s *Splitter) begin(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sorting == nil {
		return false
	}
	s.sorting[conn] = struct{}{}
	s.wait.Add(1)
	return true
}

// sort tells a connection apart and hands it on.
func (s *Splitter) sort(raw net.Conn) {
	conn, to, err := s.tell(raw)
	s.mu.Lock()
	delete(s.sorting, raw)
	s.mu.Unlock()
	if err != nil {
		s.log.Debug("a connection ended before it said what it speaks", "peer", raw.RemoteAddr().String(), "error", err)
		_ = raw.Close() // it is of no use
		return
	}
	to.hand(conn)
}

// tell encrypts a connection where that is set, and reads as far as it must to know what is spoken.
func (s *Splitter) tell(raw net.Conn) (net.Conn, *side, error) {
	if err := raw.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, nil, err
	}
	c := &conn{Conn: raw}
	if s.tls != nil {
		encrypted := tls.Server(raw, s.tls)
		if err := encrypted.HandshakeContext(s.ctx); err != nil {
			return nil, nil, err
		}
		state := encrypted.ConnectionState()
		c.Conn, c.state = encrypted, &state
	}
	h2, err := c.startsWith(preface)
	if err != nil {
		return nil, nil, err
	}
	if !h2 {
		return c, s.http, raw.SetDeadline(time.Time{})
	}
	grpc, err := c.speaksGRPC()
	if err != nil {
		return nil, nil, err
	}
	if grpc {
		return c, s.grpc, raw.SetDeadline(time.Time{})
	}
	return &filtered{c, &unacknowledged{from: c, pass: len(preface)}}, s.http, raw.SetDeadline(time.Time{})
}

// side is one of the two listeners.
type side struct {
	addr   net.Addr
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
	err    error // of Accept, once closed
}

// Accept implements net.Listener.
func (l *side) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, l.err
	}
}

// Close implements net.Listener. It ends this side alone: its further connections are closed.
func (l *side) Close() error {
	l.end(net.ErrClosed)
	return nil
}

// Addr implements net.Listener.
func (l *side) Addr() net.Addr { return l.addr }

func (l *side) end(err error) {
	l.once.Do(func() {
		l.err = err
		close(l.closed)
	})
}

// hand waits until the side's server takes a connection.
func (l *side) hand(conn net.Conn) {
	select {
	case l.conns <- conn:
	case <-l.closed:
		_ = conn.Close() // nobody serves it
	}
}
