package client

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/keepalive"
)

// DefaultTimeout is the deadline of calls whose context has none, unless [WithTimeout] says otherwise.
const DefaultTimeout = 30 * time.Second

// maxReceive bounds one message from the server, in bytes. Unary responses stay below 3 MiB and the pieces of streams
// near 1 MiB; one paper beside its fields is below half a MiB.
const maxReceive = 16 << 20

// The bytes that the server may send unasked, in one call and on the connection. They stand still: where gRPC estimates
// them, each response that comes while no ping is on the way makes the client ping the server, and both ends write and
// wake once more. A unary response fits whole, and a stream that nobody reads holds as much.
const (
	streamWindow = 4 << 20
	connWindow   = 16 << 20
)

// Option configures Dial. Where two options set the same thing, the later one counts; interceptors and dial options add
// up in the order given.
type Option func(*config)

type config struct {
	timeout        time.Duration
	tls            *tls.Config
	plaintext      bool
	token          string
	tokenPlaintext bool
	compress       bool
	keepalive      time.Duration // negative: off
	onWait         func(Wait)
	unary          []grpc.UnaryClientInterceptor
	stream         []grpc.StreamClientInterceptor
	extra          []grpc.DialOption
}

// WithTLS encrypts the connection with the given settings; nil means the system's roots and the host name of the
// address. Default: as nil, except for addresses of this machine, which are plain. Undoes WithPlaintext.
func WithTLS(settings *tls.Config) Option {
	return func(c *config) {
		if settings == nil {
			settings = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		c.tls, c.plaintext = settings, false
	}
}

// WithPlaintext sends everything unencrypted, as is right inside a network that encrypts by itself. Default: only to
// addresses of this machine. Undoes WithTLS.
func WithPlaintext() Option {
	return func(c *config) { c.plaintext, c.tls = true, nil }
}

// WithToken sends "authorization: Bearer token" with each call. Default: no token. Dial refuses a token on a plain
// connection that leaves this machine, unless WithTokenInPlaintext is given too. The empty string is no token.
func WithToken(token string) Option {
	return func(c *config) { c.token = token }
}

// WithTokenInPlaintext allows a token on plain connections that leave this machine, where anyone on the way can read
// it. Only for networks that encrypt by themselves.
func WithTokenInPlaintext() Option {
	return func(c *config) { c.tokenPlaintext = true }
}

// WithTimeout is the deadline of calls whose context has none, retries included. Default DefaultTimeout; 0 or less: no
// deadline. Streams and the calls that read everything are exempt; see the package comment.
func WithTimeout(d time.Duration) Option {
	return func(c *config) { c.timeout = d }
}

// WithCompression compresses requests with gzip and lets the server compress its responses. Default: off, which is
// faster on one machine and inside one data centre.
func WithCompression() Option {
	return func(c *config) { c.compress = true }
}

// WithKeepalive pings the server after this time without traffic while calls run, so that a dead connection shows
// within 10 s more. Default 30 s; 0 or less: no pings. gRPC raises values below 10 s to 10 s.
func WithKeepalive(d time.Duration) Option {
	return func(c *config) {
		if d <= 0 {
			d = -1
		}
		c.keepalive = d
	}
}

// Wait is a pause between two attempts of a call that is safe to repeat.
type Wait struct {
	Method  string        // full name of the call, such as "/akin.v1.SimilarityService/SearchPapers"
	Attempt int           // how many attempts have failed so far, from 1
	Err     error         // why the last one did, an [*Error]
	Delay   time.Duration // until the next one
	Waited  time.Duration // since the call began
}

// OnWait is called before each pause between two attempts of a call: so whoever sits in front of a program learns why
// nothing happens. It is called by the goroutines of the calls, which go on when it returns. Default: nobody hears. An
// import tells by [OnProgress] why it waits.
func OnWait(f func(Wait)) Option { return func(c *config) { c.onWait = f } }

// WithUnaryInterceptors adds interceptors around unary calls, the first outermost. They see each call once, with gRPC's
// own status errors; the client's retries happen inside, its deadlines and typed errors outside.
func WithUnaryInterceptors(interceptors ...grpc.UnaryClientInterceptor) Option {
	return func(c *config) { c.unary = append(c.unary, interceptors...) }
}

// WithStreamInterceptors adds interceptors around streams, the first outermost. An Import that reconnects opens a
// stream each time.
func WithStreamInterceptors(interceptors ...grpc.StreamClientInterceptor) Option {
	return func(c *config) { c.stream = append(c.stream, interceptors...) }
}

// WithDialOptions adds options of gRPC itself, applied after the client's own, which they can override: a custom
// dialer, a stats handler for tracing, another service config.
func WithDialOptions(opts ...grpc.DialOption) Option {
	return func(c *config) { c.extra = append(c.extra, opts...) }
}

func (c *config) dialOptions(addr string, local bool) ([]grpc.DialOption, error) {
	plain := c.plaintext || (c.tls == nil && local)
	transport := insecure.NewCredentials()
	if !plain {
		settings := c.tls
		if settings == nil {
			settings = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		transport = credentials.NewTLS(settings)
	}
	if c.token != "" && plain && !local && !c.tokenPlaintext {
		return nil, &Error{
			Op: "dial", Code: codes.InvalidArgument,
			Message: fmt.Sprintf("the token would travel unencrypted to %s: use TLS, or allow it with WithTokenInPlaintext",
				addr),
		}
	}
	opts := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: .2, MaxDelay: 3 * time.Second,
			},
			MinConnectTimeout: 5 * time.Second,
		}),
		// The client's own interceptor comes last in the chain, so that the caller's see one call, not its attempts.
		grpc.WithChainUnaryInterceptor(append(c.unary[:len(c.unary):len(c.unary)],
			(&retrier{onWait: c.onWait}).call)...),
		grpc.WithChainStreamInterceptor(c.stream...),
		grpc.WithUserAgent("akin-go"),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReceive)),
		grpc.WithStaticStreamWindowSize(streamWindow),
		grpc.WithStaticConnWindowSize(connWindow),
	}
	if c.token != "" {
		opts = append(opts, grpc.WithPerRPCCredentials(bearer{token: c.token, plain: plain}))
	}
	if c.compress {
		opts = append(opts, grpc.WithDefaultCallOptions(grpc.UseCompressor(gzip.Name)))
	}
	if c.keepalive >= 0 {
		every := c.keepalive
		if every == 0 {
			every = 30 * time.Second
		}
		opts = append(opts, grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: every, Timeout: 10 * time.Second}))
	}
	return append(opts, c.extra...), nil
}

// bearer is the token as credentials of each call.
type bearer struct {
	token string
	plain bool
}

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.token}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials; Dial has checked plain connections.
func (b bearer) RequireTransportSecurity() bool { return !b.plain }
