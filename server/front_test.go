package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
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

// getPaper asks for a paper as JSON by a client, and returns the response's protocol, status and body.
func getPaper(t *testing.T, transport *http.Transport, base string) (protocol string, status int, body string) {
	t.Helper()
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/akin.v1.PaperService/GetPaper?id=a", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.Proto, resp.StatusCode, string(text)
}

func TestJSONIsAnsweredOverHTTP2Too(t *testing.T) {
	p := start(t, "--addr", "127.0.0.1:0", "--data", t.TempDir())
	if _, err := dial(t, p).Upsert(t.Context(), &client.Paper{Id: "a", Title: "A title"}); err != nil {
		t.Fatal(err)
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	protocol, status, body := getPaper(t, &http.Transport{Protocols: protocols}, "http://"+p.addr)
	if protocol != "HTTP/2.0" || status != 200 || !strings.Contains(body, "A title") {
		t.Errorf("%s %d %s", protocol, status, body)
	}
	// Both kinds of requests on one connection are an error that is told.
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	for _, content := range []string{"application/json", "application/grpc"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
			"http://"+p.addr+"/akin.v1.PaperService/GetPaper", strings.NewReader(`{"id": "a"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", content)
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		mixed := content == "application/grpc"
		refused := resp.StatusCode == http.StatusUnsupportedMediaType
		if err != nil || mixed != refused || mixed != strings.Contains(string(text), "gRPC needs") {
			t.Errorf("%s: %d %s %v", content, resp.StatusCode, text, err)
		}
	}
}

func TestACertificatesSubjectIsItsPrincipalOverHTTPToo(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if content != nil {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	ours := newAuthority(t)
	writeCertificate(t, file("cert.pem", nil), file("key.pem", nil), 1)
	tokens := file("tokens.toml", []byte("[[principal]]\nname = \"all\"\n"+
		"subject = \"CN=all,O=Example\"\nroles = [\"read\", \"write\"]\n"))
	p := start(t, "--addr", "127.0.0.1:0", "--data", t.TempDir(),
		"--tls-cert", file("cert.pem", nil), "--tls-key", file("key.pem", nil),
		"--tls-client-ca", file("ca.pem", ours.pem), "--tokens-file", tokens)
	server, err := os.ReadFile(file("cert.pem", nil))
	if err != nil {
		t.Fatal(err)
	}
	settings := func(certs ...tls.Certificate) *tls.Config {
		c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: "localhost", Certificates: certs}
		c.RootCAs = x509.NewCertPool()
		c.RootCAs.AppendCertsFromPEM(server)
		return c
	}
	c, err := client.Dial(p.addr, client.WithTLS(settings(ours.issue(t, "all"))))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Upsert(t.Context(), &client.Paper{Id: "a", Title: "A title"}); err != nil {
		t.Fatal(err)
	}
	// A client that offers both protocols, as browsers do.
	both := &http.Transport{TLSClientConfig: settings(ours.issue(t, "all")), ForceAttemptHTTP2: true}
	protocol, status, body := getPaper(t, both, "https://"+p.addr)
	if protocol != "HTTP/1.1" || status != 200 || !strings.Contains(body, "A title") {
		t.Errorf("the principal: %s %d %s", protocol, status, body)
	}
	for name, certs := range map[string][]tls.Certificate{
		"a subject without an entry": {ours.issue(t, "someone")}, "no certificate": nil,
	} {
		transport := &http.Transport{TLSClientConfig: settings(certs...)}
		if _, status, body := getPaper(t, transport, "https://"+p.addr); status != 401 {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	// HTTP/2 without gRPC, for a client that offers nothing else.
	only := new(http.Protocols)
	only.SetHTTP2(true)
	h2 := &http.Transport{TLSClientConfig: settings(ours.issue(t, "all")), Protocols: only}
	if protocol, status, body := getPaper(t, h2, "https://"+p.addr); protocol != "HTTP/2.0" || status != 200 {
		t.Errorf("h2 alone: %s %d %s", protocol, status, body)
	}
}

func TestADrainEndsAnImportOverHTTP(t *testing.T) {
	p := start(t, "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--drain", "10m")
	body, items := io.Pipe()
	defer items.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		"http://"+p.addr+"/akin.v1.PaperService/ImportPapers", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	go io.WriteString(items, `{"item": 1, "paper": {"id": "a", "title": "A title"}}`+"\n") // and the body stays open
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, `"acknowledgedItem"`) {
		t.Fatalf("%q %v", line, err)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(lines)
	if !strings.Contains(string(rest), `"reason":"SHUTTING_DOWN"`) || err == nil {
		t.Errorf("the end: %q %v; it must say why, and be cut off", rest, err)
	}
	p.untilLog("")
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
}
