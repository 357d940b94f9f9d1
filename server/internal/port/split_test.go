package port

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
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

// arriving is what the server of a text's side reads: all of it, but for the acknowledgement of the splitter's
// SETTINGS, which a server of HTTP that knows nothing of them does not get.
func arriving(text string, http bool) string {
	if http && strings.HasPrefix(text, string(preface)) {
		return strings.Replace(text, acknowledgement, "", 1)
	}
	return text
}

const (
	settings        = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	acknowledgement = "\x00\x00\x00\x04\x01\x00\x00\x00\x00"
	ping            = "\x00\x00\x08\x06\x00\x00\x00\x00\x00pingpong"
)

// request is what a client of HTTP/2 sends behind its preface, with a request of a content type.
func request(content string) string {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range []hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":path", Value: "/"}, {Name: "content-type", Value: content},
	} {
		if f.Value != "" {
			encoder.WriteField(f)
		}
	}
	var out bytes.Buffer
	framer := http2.NewFramer(&out, nil)
	framer.WriteSettings()
	framer.WriteWindowUpdate(0, 1000)
	framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, PadLength: 3})
	framer.WriteSettingsAck()
	framer.WriteData(1, true, []byte(content))
	framer.WriteSettingsAck()
	return out.String()
}

func TestConnectionsAreToldApartByTheirFirstBytes(t *testing.T) {
	addr, grpc, http := open(t, nil)
	for _, c := range []struct {
		text string
		side <-chan net.Conn
	}{
		{string(preface) + request("application/grpc"), grpc},
		{string(preface) + request("application/grpc+proto"), grpc},
		{string(preface) + request("application/grpc-web"), http},
		{string(preface) + request("application/json"), http},
		{string(preface) + request(""), http},
		{string(preface) + settings + ping, grpc}, // an idle channel that keeps itself alive
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
		if got := whole(t, <-c.side); got != arriving(c.text, c.side == http) {
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
		{[]string{"h2"}, "h2", string(preface) + request("application/grpc"), grpc},
		{[]string{"h2", "http/1.1"}, "http/1.1", "GET / HTTP/1.1\r\n\r\n", web},
		{[]string{"http/1.1"}, "http/1.1", "GET / HTTP/1.1\r\n\r\n", web},
		{[]string{"grpc-exp", "h2"}, "grpc-exp", string(preface) + request("application/grpc"), grpc},
		{nil, "", string(preface) + request("application/grpc"), grpc},
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
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
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

func FuzzFirstRequest(f *testing.F) {
	f.Add([]byte(settings + ping))
	f.Add([]byte(request("application/grpc")))
	f.Add([]byte(request("text/html")))
	f.Fuzz(func(t *testing.T, sent []byte) {
		client, server := net.Pipe()
		defer server.Close()
		go func() {
			go io.Copy(io.Discard, client)
			client.Write(append(bytes.Clone(preface), sent...))
			client.Close()
		}()
		c := &conn{Conn: server}
		if h2, err := c.startsWith(preface); !h2 || err != nil {
			t.Fatal(h2, err)
		}
		c.speaksGRPC()
		if len(c.read) > maxPeek {
			t.Errorf("%d bytes were held", len(c.read))
		}
		// What passes the filter is what was sent, less at most one acknowledgement.
		got, _ := io.ReadAll(iotest.OneByteReader(&unacknowledged{from: bytes.NewReader(sent)}))
		if len(got) != len(sent) && !bytes.Equal(got, cutFirst(sent, got)) {
			t.Errorf("%q passed as %q", sent, got)
		}
	})
}

// cutFirst is sent without the frame at which got stops being its beginning.
func cutFirst(sent, got []byte) []byte {
	i := 0
	for i < len(got) && got[i] == sent[i] {
		i++
	}
	for at := min(i, len(sent)); at >= 0 && at+frameHeader <= len(sent); at-- {
		if cut := append(bytes.Clone(sent[:at]), sent[at+frameHeader:]...); bytes.Equal(cut, got) {
			return cut
		}
	}
	return sent[:len(got)] // a header that was cut off
}
