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
	files   map[string]*document // by path
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
	described, err := commented()
	if err != nil {
		return nil, err
	}
	description, err := openAPI(described)
	if err != nil {
		return nil, err
	}
	page, err := docs(described)
	if err != nil {
		return nil, err
	}
	g.files = map[string]*document{
		"/openapi.json":   newDocument(typeJSON, description),
		"/docs":           newDocument("text/html; charset=utf-8", page),
		"/docs/style.css": newDocument("text/css; charset=utf-8", docsCSS),
	}
	return guard(cfg, g)
}

// ServeHTTP implements http.Handler.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		readToEnd(w)
	}
	file, ok := g.files[r.URL.Path]
	switch {
	case isMethod(r.URL.Path):
		g.call(w, r)
	case ok:
		file.serve(w, r)
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
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			fail(w, failed(codeUnimplemented, reasonContentType,
				"this connection speaks HTTP: gRPC needs one of HTTP/2 that begins with a call of gRPC"))
			return
		}
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
