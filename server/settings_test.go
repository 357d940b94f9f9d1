package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/akin-search/akin/server/internal/service"
	"github.com/akin-search/akin/server/internal/telemetry"
)

func TestTheDataFolderIsTheUsers(t *testing.T) {
	t.Setenv("HOME", "/home/reader")
	t.Setenv("XDG_DATA_HOME", "")
	if got, err := dataFolder(); err != nil || got != "/home/reader/.local/share/akin" {
		t.Errorf("got %s %v", got, err)
	}
	t.Setenv("XDG_DATA_HOME", "/srv/data")
	if got, err := dataFolder(); err != nil || got != "/srv/data/akin" {
		t.Errorf("got %s %v", got, err)
	}
	t.Setenv("XDG_DATA_HOME", "relative") // which the XDG rules say to ignore
	if got, err := dataFolder(); err != nil || got != "/home/reader/.local/share/akin" {
		t.Errorf("got %s %v", got, err)
	}
}

func TestTheTokenComesFromTheFileOrTheEnvironment(t *testing.T) {
	t.Setenv(tokenVariable, "from the environment")
	s := settings{}
	if got, err := s.token(); err != nil || got != "from the environment" {
		t.Errorf("got %q %v", got, err)
	}
	s.tokenFile = filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(s.tokenFile, []byte("from the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := s.token(); err != nil || got != "from the file" {
		t.Errorf("got %q %v", got, err)
	}
	if err := os.WriteFile(s.tokenFile, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := s.token(); err == nil {
		t.Errorf("an empty file gives %q, which lets everyone in", got)
	}
}

func TestSizesAreReadAsTheRuntimeDoes(t *testing.T) {
	for text, want := range map[string]int64{
		"5": 5, "7B": 7, "1KiB": 1 << 10, "800MiB": 800 << 20, "2GiB": 2 << 30, "3TiB": 3 << 40,
	} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("%s: %d %v", text, got, err)
		}
	}
	for _, text := range []string{"", "B", "GiB", "-1GiB", "+1GiB", "0MiB", "1.5GiB", "3 TiB", "9999999999TiB", "2GB",
		"2BB", "1KiBB"} {
		if got, err := parseBytes(text); err == nil {
			t.Errorf("%q is taken as %d", text, got)
		}
	}
}

func TestLoopbackAddressesAreKnown(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:1": true, "[::1]:1": true, "localhost:1": true, "127.8.9.1:1": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false, "example.org:1": false, "127.0.0.1": false,
	} {
		if got := isLoopback(addr); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}

// writeCertificate writes a self-signed pair with a serial number.
func writeCertificate(t *testing.T, certFile, keyFile string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert},
		keyFile: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(1_700_000_000+serial, 0) // file systems may keep times too coarse to tell two writes apart
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARenewedCertificateIsServedAndABrokenOneIsNot(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, certFile, keyFile, 1)
	c := &certificate{certFile: certFile, keyFile: keyFile, log: slog.New(slog.DiscardHandler)}
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	want := func(serial int64) {
		t.Helper()
		c.checked = time.Time{} // long ago
		if got := c.current().Leaf.SerialNumber.Int64(); got != serial {
			t.Errorf("serves certificate %d, want %d", got, serial)
		}
	}
	want(1)
	writeCertificate(t, certFile, keyFile, 2)
	want(2)
	if err := os.WriteFile(keyFile, []byte("half a fi"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(2)
	writeCertificate(t, certFile, keyFile, 3)
	want(3)
	settings, err := serverTLS(certFile, keyFile, c.log)
	if err != nil {
		t.Fatal(err)
	}
	if pair, err := settings.GetCertificate(&tls.ClientHelloInfo{}); err != nil || pair.Leaf.SerialNumber.Int64() != 3 {
		t.Errorf("got %v %v", pair, err)
	}
}

func TestMetricsCountCalls(t *testing.T) {
	var log strings.Builder
	metrics := telemetry.New()
	stop, err := serveDebug("127.0.0.1:0", metrics.Handler(), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for range 3 {
		metrics.Ended(t.Context(), service.Call{
			Method: "/akin.v1.PaperService/GetPaper", Code: codes.OK, Duration: time.Millisecond,
		})
	}
	_, base, _ := strings.Cut(strings.TrimSpace(log.String()), "address=")
	for path, text := range map[string]string{
		"/metrics": `akin_call_duration_seconds_count` +
			`{code="OK",method="/akin.v1.PaperService/GetPaper"} 3`,
		"/debug/pprof/cmdline":           "test",
		"/debug/pprof/heap?debug=1":      "heap profile",
		"/debug/pprof/goroutine?debug=1": "goroutine profile",
	} {
		response, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), text) {
			t.Errorf("%s: %s %v, without %s", path, response.Status, err, fmt.Sprintf("%.60q", text))
		}
	}
}

func TestMetricsAloneShowNoProfiles(t *testing.T) {
	var log strings.Builder
	stop, err := serveMetrics("127.0.0.1:0", telemetry.New().Handler(), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	_, base, _ := strings.Cut(strings.TrimSpace(log.String()), "address=")
	for path, want := range map[string]int{"/metrics": http.StatusOK, "/debug/pprof/": http.StatusNotFound,
		"/": http.StatusNotFound} {
		response, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %s", path, response.Status)
		}
	}
}
