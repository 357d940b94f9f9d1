package port

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open splits a port of this machine and takes what comes on each side.
func open(t *testing.T, config *tls.Config) (addr string, grpc, http <-chan net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Split(listener, config, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	take := func(l net.Listener) <-chan net.Conn {
		out := make(chan net.Conn, 16)
		go func() {
			defer close(out)
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				out <- conn
			}
		}()
		return out
	}
	grpc, http = take(s.GRPC()), take(s.HTTP())
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		for _, side := range []<-chan net.Conn{grpc, http} {
			for conn := range side {
				t.Errorf("a connection nobody expected: %v", conn.RemoteAddr())
			}
		}
	})
	return listener.Addr().String(), grpc, http
}

// whole reads a connection to its end, and closes it.
func whole(t *testing.T, conn net.Conn) string {
	t.Helper()
	defer conn.Close()
	text, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestConnectionsAreToldApartByTheirFirstBytes(t *testing.T) {
	addr, grpc, http := open(t, nil)
	for _, c := range []struct {
		text string
		side <-chan net.Conn
	}{
		{string(preface) + "and more", grpc},
		{"GET / HTTP/1.1\r\n\r\n", http},
		{"PRI * HTTP/1.1\r\n\r\n", http}, // begins as the preface does
		{"POST / HTTP/1.1\r\n\r\nbody", http},
		{"\x00", http},
	} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.text { // bytes come as they like
			if _, err := conn.Write([]byte{c.text[i]}); err != nil {
				t.Fatal(err)
			}
		}
		conn.(*net.TCPConn).CloseWrite()
		if got := whole(t, <-c.side); got != c.text {
			t.Errorf("%q arrived as %q", c.text, got)
		}
		conn.Close()
	}
}

func TestOneThatSaysNothingHoldsUpNobody(t *testing.T) {
	addr, _, http := open(t, nil)
	silent, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET")); err != nil {
		t.Fatal(err)
	}
	(<-http).Close()
}

func TestALPNPrefersHTTP1WhereAClientHasBoth(t *testing.T) {
	certs := httptest.NewUnstartedServer(nil)
	certs.StartTLS()
	defer certs.Close()
	addr, grpc, web := open(t, &tls.Config{Certificates: certs.TLS.Certificates})
	for _, c := range []struct {
		offered []string
		chosen  string
		text    string
		side    <-chan net.Conn
	}{
		{[]string{"h2"}, "h2", string(preface), grpc},
		{[]string{"h2", "http/1.1"}, "http/1.1", "GET / HTTP/1.1\r\n\r\n", web},
		{[]string{"http/1.1"}, "http/1.1", "GET / HTTP/1.1\r\n\r\n", web},
		{[]string{"grpc-exp", "h2"}, "grpc-exp", string(preface), grpc},
		{nil, "", string(preface), grpc},
		{nil, "", "GET / HTTP/1.1\r\n\r\n", web},
	} {
		conn, err := tls.Dial("tcp", addr, &tls.Config{NextProtos: c.offered, InsecureSkipVerify: true})
		if err != nil {
			t.Fatalf("%v: %v", c.offered, err)
		}
		if got := conn.ConnectionState().NegotiatedProtocol; got != c.chosen {
			t.Errorf("%v: %q was chosen, want %q", c.offered, got, c.chosen)
		}
		if _, err := io.WriteString(conn, c.text); err != nil {
			t.Fatal(err)
		}
		conn.CloseWrite()
		taken := <-c.side
		if state := taken.(interface{ TLS() *tls.ConnectionState }).TLS(); state == nil ||
			state.NegotiatedProtocol != c.chosen {
			t.Errorf("%v: the server's state is %v", c.offered, state)
		}
		if got := whole(t, taken); got != c.text {
			t.Errorf("%v: %q arrived as %q", c.offered, c.text, got)
		}
		conn.Close()
	}
}

func TestCloseEndsThoseNotToldApart(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Split(listener, nil, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// The connection behind it is told apart and refused, since nobody takes it: so the first has been accepted.
	if err := s.HTTP().Close(); err != nil {
		t.Fatal(err)
	}
	other, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Write([]byte("GET")); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Read(make([]byte, 1)); err == nil {
		t.Error("a side that is closed serves")
	}
	s.Close()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open")
	}
	if _, err := s.GRPC().Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
}

// failing is a listener whose first errors pass.
type failing struct {
	net.Listener
	errs []error
}

type passing struct{ error }

func (passing) Temporary() bool { return true }

func (f *failing) Accept() (net.Conn, error) {
	if len(f.errs) == 0 {
		return f.Listener.Accept()
	}
	err := f.errs[0]
	f.errs = f.errs[1:]
	return nil, err
}

func TestAnErrorOfTheListenerThatPassesIsOutlasted(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	s := Split(&failing{inner, []error{passing{io.ErrNoProgress}, passing{io.ErrNoProgress}, broken}}, nil,
		slog.New(slog.DiscardHandler))
	if err := s.Serve(); !errors.Is(err, broken) {
		t.Errorf("Serve: %v", err)
	}
	if _, err := s.HTTP().Accept(); !errors.Is(err, broken) {
		t.Errorf("Accept: %v", err)
	}
	s.Close()
}

func TestAnHTTPServerAndItsShutdownWorkOnTheSplitPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Split(listener, nil, slog.New(slog.DiscardHandler))
	split := make(chan error, 1)
	go func() { split <- s.Serve() }()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.URL.Path)
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.HTTP()) }()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for _, path := range []string{"/one", "/two"} {
		io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n")
		resp, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(resp.Body); string(body) != path {
			t.Errorf("%s: %q", path, body)
		}
	}
	s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) { // either may come first
		t.Error(err)
	}
	if err := <-split; err != nil {
		t.Error(err)
	}
}
