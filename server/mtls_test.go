package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/akin-search/akin/client"
)

// authority signs certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// issue makes a certificate for a client with a common name.
func (a *authority) issue(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name, Organization: []string{"Example"}},
		NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestACertificatesSubjectIsItsPrincipal(t *testing.T) {
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
	ours, others := newAuthority(t), newAuthority(t)
	writeCertificate(t, file("cert.pem", nil), file("key.pem", nil), 1)
	tokens := file("tokens.toml", []byte("[[principal]]\nname = \"loader\"\n"+
		"subject = \"CN=loader,O=Example\"\nroles = [\"write\"]\n"))
	p := start(t, "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--tls-cert", file("cert.pem", nil), "--tls-key",
		file("key.pem", nil), "--tls-client-ca", file("ca.pem", ours.pem), "--tokens-file", tokens)
	server, err := os.ReadFile(file("cert.pem", nil))
	if err != nil {
		t.Fatal(err)
	}
	settings := func(certs ...tls.Certificate) *tls.Config {
		c := &tls.Config{
			MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool(), ServerName: "localhost", Certificates: certs,
		}
		c.RootCAs.AppendCertsFromPEM(server)
		return c
	}
	upsert := func(certs ...tls.Certificate) error {
		c, err := client.Dial(p.addr, client.WithTLS(settings(certs...)))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = c.Upsert(t.Context(), &client.Paper{Id: "a", Title: "A title"})
		return err
	}
	if err := upsert(ours.issue(t, "loader")); err != nil {
		t.Errorf("the loader: %v", err)
	}
	if err := upsert(ours.issue(t, "someone")); !errors.Is(err, client.ErrUnauthenticated) {
		t.Errorf("a subject without an entry: %v", err)
	}
	if err := upsert(); !errors.Is(err, client.ErrUnauthenticated) {
		t.Errorf("no certificate: %v", err)
	}
	if err := upsert(others.issue(t, "loader")); err == nil || errors.Is(err, client.ErrPermission) {
		t.Errorf("the same subject of another authority: %v", err)
	}
	reader, err := client.Dial(p.addr, client.WithTLS(settings(ours.issue(t, "loader"))))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if _, err := reader.Search(t.Context(), "title"); !errors.Is(err, client.ErrPermission) {
		t.Errorf("the loader has no role to read: %v", err)
	}
	conn, err := grpc.NewClient(p.addr, grpc.WithTransportCredentials(credentials.NewTLS(settings())))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = healthv1.NewHealthClient(conn).Check(context.WithoutCancel(t.Context()), &healthv1.HealthCheckRequest{})
	if status.Code(err) != codes.OK {
		t.Errorf("a health check needs no certificate: %v", err)
	}
}
