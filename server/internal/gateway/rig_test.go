package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/gateway"
	"github.com/akin-search/akin/server/internal/service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a server behind the gateway, with an engine on an empty folder.
type rig struct {
	url    string
	client *http.Client
	server *service.Server
}

func newRig(t testing.TB, cfg gateway.Config, keys *admit.Keyring) *rig {
	t.Helper()
	live, err := engine.Open(t.Context(), engine.Config{
		Dir: t.TempDir(), Index: "flat", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := live.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	r := newLoadingRig(t, cfg, keys)
	r.server.Ready(live)
	return r
}

// newLoadingRig serves without an engine.
func newLoadingRig(t testing.TB, cfg gateway.Config, keys *admit.Keyring) *rig {
	t.Helper()
	server := service.New(service.Config{Logger: slog.New(slog.DiscardHandler), Admit: admit.Config{Keys: keys}})
	conn, err := server.Inside()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Conn, cfg.Allows, cfg.Log = conn, server.Allows, slog.New(slog.DiscardHandler)
	cfg.Pages = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "a page") })
	handler, err := gateway.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewUnstartedServer(handler)
	front.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return service.WithOrigin(ctx, server.NewOrigin(conn.RemoteAddr(), conn.LocalAddr(), nil))
	}
	front.Start()
	t.Cleanup(func() {
		front.Close()
		cut, cancel := context.WithCancel(context.Background())
		cancel()
		server.Drain(cut)
	})
	return &rig{url: front.URL, client: front.Client(), server: server}
}

// answer is a response that has been read.
type answer struct {
	*http.Response
	body string
}

// ask sends a request. header holds names and values in turn.
func (r *rig) ask(t testing.TB, verb, path, body string, header ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, verb, r.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp, string(text)}
}

// post calls a method with JSON.
func (r *rig) post(t testing.TB, method, body string, header ...string) answer {
	t.Helper()
	return r.ask(t, "POST", "/akin.v1."+method, body, append([]string{"Content-Type", "application/json"}, header...)...)
}

// want checks the status, and returns the body's JSON.
func (a answer) want(t testing.TB, status int) map[string]any {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", a.StatusCode, status, a.body)
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatalf("%q: %v", a.body, err)
	}
	return out
}

// store puts papers in.
func (r *rig) store(t testing.TB, papers ...*akinv1.Paper) {
	t.Helper()
	for _, p := range papers {
		body, err := json.Marshal(map[string]any{"paper": map[string]any{"id": p.GetId(), "title": p.GetTitle(),
			"abstract": p.GetAbstract()}})
		if err != nil {
			t.Fatal(err)
		}
		r.post(t, "PaperService/UpsertPaper", string(body)).want(t, 200)
	}
}
