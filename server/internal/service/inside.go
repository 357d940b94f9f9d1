package service

import (
	"context"
	"crypto/tls"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/test/bufconn"

	"github.com/akin-search/akin/server/internal/admit"
)

// Buffers of the inside connection, bytes each way; and its largest response, above any that the server makes.
const (
	insideBuffer   = 256 << 10
	insideResponse = 16 << 20
)

// inside is the connection by which what is served beside gRPC calls the services: a gRPC connection in memory, so that
// admission, limits, log and metrics hold for every call whatever it came by.
type inside struct {
	listener *bufconn.Listener
	mu       sync.Mutex
	conn     *grpc.ClientConn // nil before Inside
	served   chan struct{}    // closed when nothing is served any more; nil before Inside
}

func newInside() *inside { return &inside{listener: bufconn.Listen(insideBuffer)} }

// close ends the connection. It waits for its server, which has been stopped.
func (i *inside) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.conn != nil {
		_ = i.conn.Close() // it fails only when it is closed already
		<-i.served
	}
}

// Inside is a connection to this server within the process. Its calls need a context of WithOrigin, and end with the
// server's Drain.
func (s *Server) Inside() (grpc.ClientConnInterface, error) {
	i := s.inside
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.conn != nil {
		return bound{i.conn}, nil
	}
	conn, err := grpc.NewClient("passthrough:///inside",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return i.listener.DialContext(ctx) }),
		grpc.WithDisableServiceConfig(),
		grpc.WithNoProxy(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(insideResponse), grpc.MaxCallSendMsgSize(admit.MaxMessage)),
	)
	if err != nil {
		return nil, err
	}
	i.conn, i.served = conn, make(chan struct{})
	go func() {
		defer close(i.served)
		_ = s.grpc.Serve(insideListener{i.listener}) // it ends with the server, as it should
	}()
	return bound{conn}, nil
}

type originKey struct{}

// WithOrigin is a context whose calls on the inside connection are made for an origin.
func WithOrigin(ctx context.Context, o *admit.Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// NewOrigin opens an origin: a caller's connection that speaks another protocol. state is its encryption, nil where it
// has none. Whoever opens it closes it when the connection ends.
func (s *Server) NewOrigin(remote, local net.Addr, state *tls.ConnectionState) *admit.Origin {
	from := &peer.Peer{Addr: remote, LocalAddr: local}
	if state != nil {
		from.AuthInfo = encrypted(*state)
	}
	return s.gate.NewOrigin(from)
}

// Allows says whether the origin of a context may call a method at all, given the authorization that it brings.
func (s *Server) Allows(ctx context.Context, method string, authorization []string) error {
	o, ok := ctx.Value(originKey{}).(*admit.Origin)
	if !ok {
		return errNoOrigin
	}
	return o.Allows(method, authorization)
}

var errNoOrigin = admit.Refuse(codes.Internal, reasonInternal,
	"internal error: a call inside the server that names no caller", 0)

// bound makes calls for the origin of their context. One without is refused, so that none is made for nobody.
type bound struct{ conn *grpc.ClientConn }

func outgoing(ctx context.Context) (context.Context, error) {
	o, ok := ctx.Value(originKey{}).(*admit.Origin)
	if !ok {
		return nil, errNoOrigin
	}
	return o.Outgoing(ctx), nil
}

// Invoke implements grpc.ClientConnInterface.
func (b bound) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	ctx, err := outgoing(ctx)
	if err != nil {
		return err
	}
	return b.conn.Invoke(ctx, method, args, reply, opts...)
}

// NewStream implements grpc.ClientConnInterface.
func (b bound) NewStream(
	ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	ctx, err := outgoing(ctx)
	if err != nil {
		return nil, err
	}
	return b.conn.NewStream(ctx, desc, method, opts...)
}

// insideListener marks the connections of the process with itself by their type, which no other listener makes.
type insideListener struct{ net.Listener }

type insideConn struct{ net.Conn }

// Accept implements net.Listener.
func (l insideListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return insideConn{conn}, nil
}

// connected are the credentials of a server whose connections are ready: whoever accepted them has shaken hands where
// they are encrypted.
type connected struct{}

// ServerHandshake implements credentials.TransportCredentials. It reads nothing.
func (connected) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	switch c := conn.(type) {
	case insideConn:
		return conn, admit.Inside{}, nil
	case *admit.Door:
		return conn, c.AuthInfo(), nil
	}
	return conn, nil, nil
}

// authInfo is what is known of the encryption of a connection that someone else has accepted.
func authInfo(conn net.Conn) credentials.AuthInfo {
	if c, ok := conn.(interface{ TLS() *tls.ConnectionState }); ok {
		if state := c.TLS(); state != nil {
			return encrypted(*state)
		}
	}
	return nil
}

func encrypted(state tls.ConnectionState) credentials.TLSInfo {
	return credentials.TLSInfo{
		State:          state,
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
	}
}

// ClientHandshake implements credentials.TransportCredentials. Servers do not call it.
func (connected) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errNoOrigin
}

// Info implements credentials.TransportCredentials.
func (connected) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "connected"}
}

// Clone implements credentials.TransportCredentials.
func (c connected) Clone() credentials.TransportCredentials { return c }

// OverrideServerName implements credentials.TransportCredentials. Servers do not call it.
func (connected) OverrideServerName(string) error { return nil }
