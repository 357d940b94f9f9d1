package shard

import (
	"crypto/tls"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	nodev1 "github.com/akin-search/akin/proto/akin/node/v1"
)

// Nodes call each other on an address of their own, where a certificate of the cluster's authority is what lets a
// caller in. No token of a user is looked at there, and no method of NodeService is served where users call.

// maxQuestion bounds a front's question, in bytes: a thousand likes and as many dislikes with their words.
const maxQuestion = 16 << 20

var errNotMutual = errors.New("nodes prove themselves to each other: the keys must ask callers for certificates")

// NewServer makes the server for other nodes. keys must demand a certificate of the cluster's authority from callers.
// node is as in NewService.
func NewServer(keys *tls.Config, node func() (Node, error)) (*grpc.Server, error) {
	if keys == nil || keys.ClientAuth != tls.RequireAndVerifyClientCert || keys.ClientCAs == nil {
		return nil, errNotMutual
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(keys)), grpc.MaxRecvMsgSize(maxQuestion),
		grpc.WaitForHandlers(true), // so that no handler outlives the server and meets a closed engine
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}))
	nodev1.RegisterNodeServiceServer(server, NewService(node))
	return server, nil
}

// Dial connects to a node, when it is first called. The connection is the caller's to close.
func Dial(addr string, keys *tls.Config) (*grpc.ClientConn, error) {
	if keys == nil || len(keys.Certificates) == 0 || keys.RootCAs == nil {
		return nil, errNotMutual
	}
	return grpc.NewClient(addr, grpc.WithTransportCredentials(credentials.NewTLS(keys)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second,
			PermitWithoutStream: true}))
}
