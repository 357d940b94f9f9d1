package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/akintest"
)

func TestAddressesThatMakeNoSenseAreRefusedAtOnce(t *testing.T) {
	for _, addr := range []string{"", " host:1", "http://host:1", "https://host", "host:", "host:notaport", "host:99999",
		"a:b:c"} {
		c, err := client.Dial(addr)
		if !errors.Is(err, client.ErrInvalid) {
			t.Errorf("Dial(%q): %v", addr, err)
		}
		if c != nil {
			_ = c.Close()
		}
	}
	for _, addr := range []string{"host", "host:1", "[::1]:7700", "::1", "10.0.0.1", ":7700", "unix:///run/akin.sock",
		"dns:///host:1"} {
		c, err := client.Dial(addr)
		if err != nil {
			t.Errorf("Dial(%q): %v", addr, err)
			continue
		}
		_ = c.Close()
	}
}

// dialedTo makes a client believe that the server is elsewhere.
func dialedTo(s *akintest.Server) client.Option {
	return client.WithDialOptions(grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", s.Addr())
	}))
}

func TestOtherMachinesAreReachedOverVerifiedTLS(t *testing.T) {
	certificate, roots := selfSigned(t, "akin.example")
	s := akintest.New()
	s.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	s.Listen()
	t.Cleanup(s.Kill)

	call := func(opts ...client.Option) error {
		c, err := client.Dial("passthrough:///akin.example:7700", append(opts, dialedTo(s))...)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_, err = c.Stats(testContext(t))
		return err
	}
	if err := call(client.WithTLS(&tls.Config{RootCAs: roots})); err != nil {
		t.Errorf("a certificate of a known root: %v", err)
	}
	if err := call(); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of an unknown root was accepted by default: %v", err)
	}
	if err := call(client.WithTLS(&tls.Config{RootCAs: roots, ServerName: "other.example"})); err == nil {
		t.Error("a certificate of another name was accepted")
	}
	if err := call(client.WithPlaintext()); err == nil {
		t.Error("a plain connection to a TLS server worked")
	}
}

func TestATokenNeverTravelsInPlaintextUnlessAllowed(t *testing.T) {
	_, err := client.Dial("akin.example:7700", client.WithPlaintext(), client.WithToken("secret"))
	if !errors.Is(err, client.ErrInvalid) {
		t.Fatalf("Dial: %v", err)
	} else if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error shows the token: %v", err)
	}
	c, err := client.Dial("akin.example:7700", client.WithPlaintext(), client.WithToken("secret"),
		client.WithTokenInPlaintext())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

func TestTheTokenGoesWithEachCall(t *testing.T) {
	s := akintest.Start(t)
	s.Before = func(ctx context.Context, _ string) error {
		md, _ := metadata.FromIncomingContext(ctx)
		if !slices.Equal(md.Get("authorization"), []string{"Bearer secret"}) {
			return status.Error(codes.Unauthenticated, "no token")
		}
		return nil
	}
	ctx := testContext(t)
	if _, err := dial(t, s, client.WithToken("secret")).Stats(ctx); err != nil {
		t.Error(err)
	}
	if _, err := dial(t, s).Stats(ctx); !errors.Is(err, client.ErrUnauthenticated) {
		t.Errorf("without a token: %v", err)
	}
	report, err := dial(t, s, client.WithToken("wrong")).Import(ctx, client.Papers(samplePapers(3)...))
	if !errors.Is(err, client.ErrUnauthenticated) || report.Reconnects != 0 {
		t.Errorf("an import with a wrong token: %v after %d reconnects", err, report.Reconnects)
	}
}

func TestInterceptorsComposeInTheOrderGivenAroundRetries(t *testing.T) {
	s := akintest.Start(t)
	failures := 2
	s.Before = func(context.Context, string) error {
		if failures--; failures >= 0 {
			return akintest.Fail(codes.ResourceExhausted, "busy", "OVERLOADED", akintest.After(time.Millisecond))
		}
		return nil
	}
	var mu sync.Mutex
	var seen []string
	named := func(name string) grpc.UnaryClientInterceptor {
		return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker,
			opts ...grpc.CallOption) error {
			mu.Lock()
			seen = append(seen, name)
			mu.Unlock()
			return invoke(ctx, method, req, reply, cc, opts...)
		}
	}
	streams := 0
	c := dial(t, s, client.WithUnaryInterceptors(named("a"), named("b")), client.WithUnaryInterceptors(named("c")),
		client.WithStreamInterceptors(func(ctx context.Context, d *grpc.StreamDesc, cc *grpc.ClientConn, m string,
			streamer grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
			streams++
			return streamer(ctx, d, cc, m, o...)
		}))
	if _, err := c.Stats(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(seen, []string{"a", "b", "c"}) {
		t.Errorf("interceptors saw %v; each should see the call once", seen)
	}
	if n := s.Calls("GetIndexStats"); n != 3 {
		t.Errorf("%d attempts, not 3", n)
	}
	if _, err := c.Import(testContext(t), client.Papers(samplePapers(2)...)); err != nil || streams != 1 {
		t.Errorf("import: %v, %d streams seen", err, streams)
	}
}

func TestCompressionWorksForCallsAndImports(t *testing.T) {
	s := akintest.Start(t)
	c := dial(t, s, client.WithCompression())
	if _, err := c.Import(testContext(t), client.Papers(samplePapers(20)...)); err != nil {
		t.Fatal(err)
	}
	if res, err := c.Search(testContext(t), "topic 3"); err != nil || len(res.Hits) != 10 {
		t.Fatalf("%v, %v", res, err)
	}
}

func selfSigned(t *testing.T, host string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}
