package client_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/akintest"
)

// written is a connection that keeps what the client writes.
type written struct {
	net.Conn
	mu   sync.Mutex
	sent bytes.Buffer
}

func (w *written) Write(b []byte) (int, error) {
	n, err := w.Conn.Write(b)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent.Write(b[:n])
	return n, err
}

func TestResponsesAreNotAnsweredWithPings(t *testing.T) {
	s := akintest.Start(t)
	var conn *written
	c, err := client.Dial(s.Addr(), client.WithKeepalive(0), client.WithDialOptions(
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			inner, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
			conn = &written{Conn: inner}
			return conn, err
		})))
	if err != nil {
		t.Fatal(err)
	}
	const calls = 20
	for range calls { // what the client has to say to one response is written before the next request
		if _, err := c.Stats(testContext(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	conn.mu.Lock()
	defer conn.mu.Unlock()
	sent := bytes.NewReader(conn.sent.Bytes()[len(http2.ClientPreface):])
	frames := http2.NewFramer(io.Discard, sent)
	kinds := map[http2.FrameType]int{}
	for {
		frame, err := frames.ReadFrame()
		if err != nil { // the last frame may be cut by the end of the connection
			break
		}
		if ping, ok := frame.(*http2.PingFrame); !ok || !ping.IsAck() {
			kinds[frame.Header().Type]++
		}
	}
	if kinds[http2.FrameHeaders] != calls || kinds[http2.FramePing] > 0 {
		t.Errorf("the client wrote %d headers for %d calls, and %d pings", kinds[http2.FrameHeaders], calls,
			kinds[http2.FramePing])
	}
	if updates := kinds[http2.FrameWindowUpdate]; updates > 1 { // the one that makes the connection's window wide
		t.Errorf("the client wrote %d updates of windows for %d small responses", updates, calls)
	}
}
