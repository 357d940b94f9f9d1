package shard

import (
	"crypto/tls"
	"net"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/akin-search/akin/server/internal/replog"
)

// TestOnlyNodesCallNodes: with a certificate of the cluster's authority, and without one or with that of another
// cluster.
func TestOnlyNodesCallNodes(t *testing.T) {
	keys := func(cluster string) *tls.Config {
		dir := filepath.Join(t.TempDir(), cluster)
		if err := replog.MakeKeys(dir, cluster, map[string]string{"n1": "127.0.0.1:1"}); err != nil {
			t.Fatal(err)
		}
		config, err := replog.Keys(dir, "n1")
		if err != nil {
			t.Fatal(err)
		}
		return config
	}
	own, other := keys("own"), keys("other")
	server, err := NewServer(own, func() (Node, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	defer func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	call := func(conn *grpc.ClientConn, err error) error {
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, err = NewRemote(conn).WordCounts(t.Context())
		return err
	}
	// A node that is let in is told that this one is loading; the others do not come so far.
	err = call(Dial(listener.Addr().String(), own))
	if status.Convert(err).Message() != loadingText {
		t.Errorf("a node of the cluster: %v", err)
	}
	stranger := &tls.Config{RootCAs: own.RootCAs, MinVersion: tls.VersionTLS13}
	foreign := &tls.Config{RootCAs: own.RootCAs, Certificates: other.Certificates, MinVersion: tls.VersionTLS13}
	for name, config := range map[string]*tls.Config{"no certificate": stranger, "of another cluster": foreign} {
		err := call(grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(config))))
		if status.Code(err) != codes.Unavailable || status.Convert(err).Message() == loadingText {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewServer(&tls.Config{MinVersion: tls.VersionTLS13}, nil); err == nil {
		t.Error("a server for nodes without keys is made")
	}
	if _, err := Dial("127.0.0.1:1", stranger); err == nil {
		t.Error("a node without a certificate is dialled")
	}
}
