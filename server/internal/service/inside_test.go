package service

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/admit"
)

// certified is the state of a connection whose client has a verified certificate.
func certified(name string) *tls.ConnectionState {
	cert := &x509.Certificate{Subject: pkix.Name{CommonName: name}}
	return &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{cert}}}
}

func TestCallsInsideTheServerAreTheirCallersOwn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens.toml")
	entries := "[[principal]]\nname = \"loader\"\nsubject = \"CN=loader\"\nroles = [\"write\"]\n"
	if err := os.WriteFile(file, []byte(entries), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := admit.NewKeyring(file, "secret", nil)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, Config{Admit: admit.Config{Keys: keys}})
	conn, err := r.server.Inside()
	if err != nil {
		t.Fatal(err)
	}
	papers := akinv1.NewPaperServiceClient(conn)
	remote := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 7}
	plain := r.server.NewOrigin(remote, remote, nil)
	defer plain.Close()
	loader := r.server.NewOrigin(remote, remote, certified("loader"))
	stranger := r.server.NewOrigin(remote, remote, certified("stranger"))
	defer stranger.Close()

	upsert := func(ctx context.Context) codes.Code {
		_, err := papers.UpsertPaper(ctx, &akinv1.UpsertPaperRequest{Paper: testPaper("a", "A title", "")})
		return status.Code(err)
	}
	ctx := testContext(t)
	withToken := func(ctx context.Context) context.Context {
		return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer secret")
	}
	for name, c := range map[string]struct {
		ctx  context.Context
		want codes.Code
	}{
		"without an origin":        {withToken(ctx), codes.Internal},
		"without a token":          {WithOrigin(ctx, plain), codes.Unauthenticated},
		"with a token":             {withToken(WithOrigin(ctx, plain)), codes.OK},
		"by a certificate":         {WithOrigin(ctx, loader), codes.OK},
		"by another's certificate": {WithOrigin(ctx, stranger), codes.Unauthenticated},
		"with an origin of one's own choice": {
			loader.Outgoing(WithOrigin(ctx, stranger)), codes.Unauthenticated},
	} {
		if got := upsert(c.ctx); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if !strings.Contains(r.log.String(), "peer=192.0.2.7:7") {
		t.Errorf("the log does not name the caller's address:\n%s", r.log)
	}
	loader.Close()
	if got := upsert(WithOrigin(ctx, loader)); got != codes.Canceled {
		t.Errorf("behind the end of the caller's connection: %v", got)
	}
}

func TestAConnectionFromOutsideNamesNoOrigin(t *testing.T) {
	keys, err := admit.NewKeyring("", "secret", nil)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, Config{Admit: admit.Config{Keys: keys}})
	loader := r.server.NewOrigin(&net.TCPAddr{}, &net.TCPAddr{}, certified("loader"))
	defer loader.Close()
	_, err = r.papers.GetPaper(loader.Outgoing(testContext(t)), &akinv1.GetPaperRequest{Id: "a"})
	wantStatus(t, err, codes.Unauthenticated, admit.ReasonUnauthenticated)
}
