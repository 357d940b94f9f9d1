package gateway_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/akin-search/akin/server/internal/gateway"
)

// waiting is a connection whose calls last until they are let go.
type waiting struct {
	grpc.ClientConnInterface
	begun chan struct{}
	ended chan struct{}
}

func (c waiting) Invoke(ctx context.Context, _ string, _, _ any, _ ...grpc.CallOption) error {
	c.begun <- struct{}{}
	<-c.ended
	return ctx.Err()
}

func TestACallMayLastLongerThanItsRequestMayTakeToArrive(t *testing.T) {
	calls := waiting{begun: make(chan struct{}), ended: make(chan struct{})}
	handler, err := gateway.New(gateway.Config{
		Conn: calls, Log: slog.New(slog.DiscardHandler), Pages: http.NotFoundHandler(),
		Allows: func(context.Context, string, []string) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.Config.ReadTimeout = 50 * time.Millisecond
	server.Start()
	defer server.Close()
	for _, verb := range []string{"GET", "POST"} {
		answered := make(chan answer, 1)
		go func() {
			r := rig{url: server.URL, client: server.Client()}
			answered <- r.ask(t, verb, get, map[string]string{"GET": "", "POST": "{}"}[verb], "Content-Type", "application/json")
		}()
		<-calls.begun
		// A connection of later, whose request does not arrive, is closed when its time is over: so the call's is too.
		late, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(late, "GET / HTTP/1.1\r\n"); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, late)
		late.Close()
		calls.ended <- struct{}{}
		if a := <-answered; a.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", verb, a.StatusCode, a.body)
		}
	}
}
