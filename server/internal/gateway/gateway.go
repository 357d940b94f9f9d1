package gateway

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"strings"

	"google.golang.org/grpc"
)

// Config says what to serve.
type Config struct {
	// Conn reaches the services. Its calls get the context of the request.
	Conn grpc.ClientConnInterface
	// Allows says whether whoever made the request of a context may call a method, given its authorization. It is asked
	// before a body is read.
	Allows func(ctx context.Context, method string, authorization []string) error
	// Pages answers what is neither a method nor a page of this package. It is guarded alike.
	Pages http.Handler
	// Hosts besides those of loopback under which requests are answered, as CheckHosts takes them.
	Hosts []string
	// Origins of other sites whose pages may use the methods, as CheckOrigins takes them.
	Origins []string
	Log     *slog.Logger
}

// gateway is the handler.
type gateway struct {
	Config
}

// New makes the handler of everything that is served over HTTP. It may be used from many goroutines at once.
func New(cfg Config) (http.Handler, error) {
	g := &gateway{Config: cfg}
	return guard(cfg, g)
}

// ServeHTTP implements http.Handler.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.ContentLength == 0 {
		readToEnd(w)
	}
	switch path := r.URL.Path; {
	case isMethod(path):
		http.NotFound(w, r)
	case path == "/openapi.json", path == "/docs", strings.HasPrefix(path, "/docs/"):
		http.NotFound(w, r)
	default:
		g.Pages.ServeHTTP(w, r)
	}
}

// isMethod reports whether a path is that of a method of the services.
func isMethod(path string) bool { return strings.HasPrefix(path, "/akin.v1.") }

type tlsKey struct{}

// WithTLS is the context of a connection that was encrypted before HTTP met it, for its requests' TLS; nil: it was not.
func WithTLS(ctx context.Context, state *tls.ConnectionState) context.Context {
	return context.WithValue(ctx, tlsKey{}, state)
}
