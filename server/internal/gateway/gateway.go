package gateway

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/sync/semaphore"
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
	methods map[string]*method // by path
	budget  *semaphore.Weighted
}

// New makes the handler of everything that is served over HTTP. It may be used from many goroutines at once.
func New(cfg Config) (http.Handler, error) {
	list, err := methods()
	if err != nil {
		return nil, err
	}
	g := &gateway{Config: cfg, methods: make(map[string]*method), budget: semaphore.NewWeighted(bodyBudget)}
	for _, m := range list {
		g.methods[m.path] = m
	}
	return guard(cfg, g)
}

// ServeHTTP implements http.Handler.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		readToEnd(w)
	}
	switch path := r.URL.Path; {
	case isMethod(path):
		g.call(w, r)
	case path == "/openapi.json", path == "/docs", strings.HasPrefix(path, "/docs/"):
		http.NotFound(w, r)
	default:
		g.Pages.ServeHTTP(w, r)
	}
}

// call answers a call of a method.
func (g *gateway) call(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	m, ok := g.methods[r.URL.Path]
	if !ok {
		f := describe(failed(codeUnimplemented, reasonMethod, "there is no such method: /docs lists them"))
		f.status = http.StatusNotFound
		f.write(w)
		return
	}
	verbs := "POST"
	if m.safe() && !m.desc.IsStreamingClient() {
		verbs = "GET, HEAD, POST"
	}
	switch {
	case !slices.Contains(strings.Split(verbs, ", "), r.Method):
		h.Set("Allow", verbs)
		f := describe(failed(codeUnimplemented, reasonMethod, "this method is called by "+verbs))
		f.status = http.StatusMethodNotAllowed
		f.write(w)
		return
	case r.Method == http.MethodPost:
		_, f, known := contentType(r.Header.Get("Content-Type"))
		if !known || f != single && !m.streams() {
			types := typeJSON + " or " + typeProto
			if m.streams() {
				types = strings.Join([]string{typeJSON, typeLines, typeConnectJSON, typeConnectProto}, ", ")
			}
			h.Set("Accept-Post", strings.ReplaceAll(types, " or ", ", "))
			fail(w, failed(codeUnimplemented, reasonContentType, "send the header Content-Type: "+types))
			return
		}
	}
	if m.streams() {
		g.stream(w, r, m)
		return
	}
	g.unary(w, r, m)
}

// isMethod reports whether a path is that of a method of the services.
func isMethod(path string) bool { return strings.HasPrefix(path, "/akin.v1.") }

type tlsKey struct{}

// WithTLS is the context of a connection that was encrypted before HTTP met it, for its requests' TLS; nil: it was not.
func WithTLS(ctx context.Context, state *tls.ConnectionState) context.Context {
	return context.WithValue(ctx, tlsKey{}, state)
}
