// Package service is the edge of the server: it speaks akin.v1 over gRPC and turns every call into one call of the
// engine.
//
// # A call's way through
//
//	admission     principal, role, limits, the message, a place in the queue   package admit
//	codec         invalid UTF-8 becomes a violation instead of a broken call   codec.go
//	chain         panics, loading, the log, errors to statuses                 chain.go
//	decode        every check of the request, once; proto to domain            convert.go, validate.go, mask.go
//	engine        the work
//	encode        domain to proto, cut where a message would grow too large    convert.go, cut.go
//
// A handler is these last three steps and nothing more. The engine may trust what it is handed: whatever a field may
// hold is decided here, against the limits in limits.go, and every fault is reported at once with the field's path.
//
// # Errors
//
// Handlers return the engine's errors as they are. One table, in status.go, maps its sentinels to gRPC codes and stable
// reasons; what no sentinel explains is INTERNAL without a text, and is logged.
//
// # Life
//
// New makes a server that answers health checks with NOT_SERVING and refuses calls with reason LOADING. Ready hands it
// the engine. Drain turns health to NOT_SERVING, ends imports at an item boundary and long watches at once, lets other
// calls finish, and stops what is left when its context ends.
package service

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // clients may compress
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/alert"
)

// Config says how to serve. The zero value serves anyone.
type Config struct {
	Logger  *slog.Logger // nil: slog.Default()
	Admit   admit.Config // who may call, and how much at a time; Logger, Refused and Shed are set by New
	Version string       // release of the server, as GetIndexStats reports it

	// HealthNeedsWrites makes the health of the empty name follow writes too.
	HealthNeedsWrites bool

	// Sharded says that the server is a node whose papers are spread over shards, where calls about subscriptions are
	// refused: the one that matches would see a part of the papers.
	Sharded bool
	// Readable says why a node of a cluster may answer no reads now, and Current why others should be asked instead. Nil:
	// it always may, and is.
	Readable, Current func() error
	// Standing is how the node stands in its cluster. Nil: the server stands alone.
	Standing func() Standing

	// Begin is told of every call that reaches its handler and when it began, and returns the context that the call has
	// from then on. Nil: no one.
	Begin func(ctx context.Context, method string, start time.Time) context.Context

	// Observe is told of every call that has ended, with its context, from many goroutines at once. Nil: no one.
	Observe func(context.Context, Call)
}

// Unknown stands for every method that nobody serves: callers make such names up, and whoever counts calls by their
// method keeps each name for good.
const Unknown = "unknown"

// Call is one call that has ended.
type Call struct {
	Method   string // full name: /akin.v1.PaperService/GetPaper; or Unknown
	Code     codes.Code
	Reason   string // of the ErrorInfo; empty without an error
	Duration time.Duration
	Waited   time.Duration // of Duration: for its turn, once its message was in
}

// Server serves the services of akin.v1, with health and reflection beside them. Make one with New.
type Server struct {
	akinv1.UnimplementedPaperServiceServer
	akinv1.UnimplementedSimilarityServiceServer
	akinv1.UnimplementedIndexServiceServer
	akinv1.UnimplementedProfileServiceServer
	akinv1.UnimplementedAlertServiceServer

	cfg    Config
	log    *slog.Logger
	grpc   *grpc.Server
	gate   *admit.Gate
	codec  utf8Codec
	health *health.Server
	inside *inside

	live     atomic.Pointer[Backend]      // nil while loading
	matching atomic.Pointer[alert.Alerts] // of live
	readyAt  atomic.Int64                 // Unix nanoseconds; 0 while loading
	draining chan struct{}                // closed when the drain begins
	drain    sync.Once
	lines    *rate.Limiter // of log lines about failed calls
	unlogged atomic.Int64  // failed calls that the limiter kept out of the log since the last line
}

// watchGrace is how long health watchers stay connected after a drain began, so that NOT_SERVING reaches them.
const watchGrace = 200 * time.Millisecond

// maxIdle is how long a connection without a call stays open. Clients of gRPC make a new one when they need it.
const maxIdle = 10 * time.Minute

// New makes a server that is loading.
func New(cfg Config) *Server {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	s := &Server{
		cfg:      cfg,
		log:      cfg.Logger,
		codec:    newCodec(),
		health:   health.NewServer(),
		draining: make(chan struct{}),
		lines:    rate.NewLimiter(20, 100), // a second, and at once
	}
	cfg.Admit.Logger, cfg.Admit.Refused, cfg.Admit.Shed = s.log, s.refused, s.shed
	cfg.Admit.Breadth = s.breadth
	s.gate = admit.New(cfg.Admit)
	s.inside = newInside()
	options := []grpc.ServerOption{
		grpc.ForceServerCodecV2(s.codec),
		grpc.InTapHandle(s.gate.Arrive),
		grpc.UnknownServiceHandler(s.unknown),
		grpc.Creds(connected{}),
		grpc.MaxRecvMsgSize(admit.MaxMessage),
		grpc.MaxConcurrentStreams(256),          // of one connection; the default has no bound
		grpc.MaxHeaderListSize(16 << 10),        // bytes; the default is 16 MiB
		grpc.StaticStreamWindowSize(64 << 10),   // what a call may send unasked; gRPC's own estimate rises to 16 MiB
		grpc.StaticConnWindowSize(1 << 20),      // of all calls of a connection
		grpc.ConnectionTimeout(5 * time.Second), // of a client that connects and says nothing: even Stop waits for it
		// Goroutines that handle one call after the other, whose stacks have grown already; further calls get new ones.
		grpc.NumStreamWorkers(uint32(16 * admit.Cores())),
		grpc.WaitForHandlers(true), // so that no handler outlives the server and meets a closed engine
		// A client may ping twice a minute and more, idle or not; silent connections are asked for a sign of life.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			Time: time.Minute, Timeout: 20 * time.Second, MaxConnectionIdle: maxIdle,
		}),
	}
	s.grpc = grpc.NewServer(options...)
	services := chained{s}
	akinv1.RegisterPaperServiceServer(services, s)
	akinv1.RegisterSimilarityServiceServer(services, s)
	akinv1.RegisterIndexServiceServer(services, s)
	akinv1.RegisterProfileServiceServer(services, s)
	akinv1.RegisterAlertServiceServer(services, s)
	healthv1.RegisterHealthServer(services, s.health)
	reflection.Register(services)
	s.setHealth(healthv1.HealthCheckResponse_NOT_SERVING, everyService...)
	return s
}

// Serve answers calls until Drain. It returns nil then, or the listener's error. Connections of the listener that are
// encrypted have shaken hands already (see package port).
func (s *Server) Serve(listener net.Listener) error {
	return s.grpc.Serve(s.gate.Doors(listener, authInfo))
}

// ReadyAlerts hands over the alerts of the engine; calls about subscriptions are answered from now on. They stay the
// caller's to close, after Drain.
func (s *Server) ReadyAlerts(a *alert.Alerts) { s.matching.Store(a) }

// Ready hands over what answers; calls are answered from now on. It stays the caller's to close, after Drain.
func (s *Server) Ready(e Backend) {
	s.readyAt.Store(time.Now().UnixNano())
	s.live.Store(&e)
	s.setHealth(healthv1.HealthCheckResponse_SERVING, everyService...)
	go s.watchWrites(e)
}

// Drain ends the server: new calls are refused, running ones may finish until the context ends and are cut off then. It
// returns when no handler runs any more. Further calls of Drain wait for the same end, under their own contexts.
func (s *Server) Drain(ctx context.Context) {
	s.drain.Do(func() {
		close(s.draining)
		s.health.Shutdown()
	})
	done := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.grpc.Stop()
		<-done
	}
	s.inside.close()
}

// Gate is the server's admission, for metrics.
func (s *Server) Gate() *admit.Gate { return s.gate }

// breadth is how much a search looks through.
func (s *Server) breadth() (b admit.Breadth) {
	if e := s.engine(); e != nil {
		b.Vectors, b.Width = e.Breadth()
	}
	return b
}

// engine is what answers. The chain lets no call through before there is one: nil until then.
func (s *Server) engine() Backend {
	if live := s.live.Load(); live != nil {
		return *live
	}
	return nil
}

// alerts are those of the live engine. The chain lets no call about subscriptions through before there are any.
func (s *Server) alerts() *alert.Alerts { return s.matching.Load() }
