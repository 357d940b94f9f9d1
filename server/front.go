package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/alert"
	"github.com/akin-search/akin/server/internal/gateway"
	"github.com/akin-search/akin/server/internal/service"
	"github.com/akin-search/akin/server/internal/web"
)

// Bounds of HTTP beside gRPC. What streams or waits for the server's work moves its deadlines by itself.
const (
	httpHeaderTimeout = 5 * time.Second
	httpReadTimeout   = 10 * time.Second // for a request with its body, as for a message of gRPC
	httpWriteTimeout  = 30 * time.Second // for a response to be taken
	httpIdleTimeout   = 2 * time.Minute  // between two requests
	httpHeaderBytes   = 16 << 10
	httpStreams       = 100 // requests at a time on one connection of HTTP/2
)

// front serves HTTP on the port's other side: the services as JSON, and what mount adds.
type front struct{ server *http.Server }

// mount registers what the port serves beside the JSON: pages, feeds. conn reaches the services for the caller whose
// request it is: its calls need that request's context, and the caller's token as metadata "authorization".
func (r *runner) mount(mux *http.ServeMux, conn grpc.ClientConnInterface) {
	mux.Handle(alert.Root+"/", &r.pages)
	if r.page {
		page := web.New(web.Config{Conn: conn, Logger: r.log, Version: r.cfg.Version, Sharded: r.cfg.Sharded})
		mux.Handle(alert.Root, page) // the list of alerts, beside the links below it
		mux.Handle("/", page)
		return
	}
	mux.Handle("/{$}", http.RedirectHandler("/docs", http.StatusFound))
}

// newFront prepares to serve HTTP for a server of gRPC.
func (r *runner) newFront(server *service.Server) (*front, error) {
	conn, err := server.Inside()
	if err != nil {
		return nil, fmt.Errorf("the connection of HTTP with gRPC: %w", err)
	}
	pages := http.NewServeMux()
	r.mount(pages, conn)
	handler, err := gateway.New(gateway.Config{
		Conn:    conn,
		Allows:  server.Allows,
		Pages:   http.MaxBytesHandler(pages, admit.MaxMessage),
		Hosts:   r.hosts,
		Origins: r.origins,
		Log:     r.log,
	})
	if err != nil {
		return nil, err
	}
	callers := &callers{server: server, origins: make(map[net.Conn]*admit.Origin)}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true) // as the port has decrypted it
	return &front{&http.Server{
		Handler:           handler,
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: httpStreams},
		ReadHeaderTimeout: httpHeaderTimeout,
		ReadTimeout:       httpReadTimeout,
		WriteTimeout:      httpWriteTimeout,
		IdleTimeout:       httpIdleTimeout,
		MaxHeaderBytes:    httpHeaderBytes,
		ConnContext:       callers.arrive,
		ConnState:         callers.leave,
		ErrorLog:          slog.NewLogLogger(r.log.Handler(), slog.LevelDebug), // of connections that break
	}}, nil
}

// drain lets running requests finish, until the context ends and the rest is cut off.
func (f *front) drain(ctx context.Context) {
	if err := f.server.Shutdown(ctx); err != nil {
		_ = f.server.Close() // what it may say concerns connections that end anyway
	}
}

// callers keeps an origin for each connection, so that its calls are admitted as its own.
type callers struct {
	server *service.Server

	mu      sync.Mutex
	origins map[net.Conn]*admit.Origin
}

// encryptedConn is a connection that may have been encrypted before HTTP met it.
type encryptedConn interface{ TLS() *tls.ConnectionState }

// arrive implements http.Server.ConnContext.
func (c *callers) arrive(ctx context.Context, conn net.Conn) context.Context {
	var state *tls.ConnectionState
	if e, ok := conn.(encryptedConn); ok {
		state = e.TLS()
	}
	origin := c.server.NewOrigin(conn.RemoteAddr(), conn.LocalAddr(), state)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.origins[conn] = origin
	return gateway.WithTLS(service.WithOrigin(ctx, origin), state)
}

// leave implements http.Server.ConnState.
func (c *callers) leave(conn net.Conn, state http.ConnState) {
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if origin, ok := c.origins[conn]; ok {
		origin.Close()
		delete(c.origins, conn)
	}
}
