package main

import (
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/akin-search/akin/client"
)

// ask sends a request to a server and returns the response's status and body.
func ask(t *testing.T, method, url string, header map[string]string, body string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		if req.Header.Set(name, value); name == "Host" {
			req.Host = value
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(text)
}

func TestOnePortServesGRPCAndHTTP(t *testing.T) {
	p := start(t, "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--allowed-hosts", "akin.example.org")
	if _, err := dial(t, p).Upsert(t.Context(), &client.Paper{Id: "a", Title: "A title"}); err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{
		"": 200, "localhost:1": 200, "[::1]:7700": 200, "127.0.0.9": 200, "akin.example.org": 200, "akin.example.org:80": 200,
		"evil.example.org": 421, "localhost.evil.org": 421, "192.0.2.1": 421, "127.0.0.1.evil.org": 421,
	} {
		if got, _, body := ask(t, "GET", "http://"+p.addr+"/", map[string]string{"Host": host}, ""); got != want {
			t.Errorf("host %q: %d %s", host, got, body)
		}
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if rest := p.untilLog(""); !strings.Contains(rest, "stopped") {
		t.Errorf("the end: %s", rest)
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
}
