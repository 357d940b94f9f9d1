// Package akintest is an Akin server for the tests of programs that use Akin: it runs inside the test, on a free port
// of the loopback interface, starts in a millisecond, and needs no data folder.
//
// It keeps the contract of the real server: what is stored, found and refused, with which reason and about which field.
// One table of tests runs against both. It differs where a test is better off without the real thing:
//
//   - The likeness of two texts is the cosine of their word counts, without a model, so answers are the same on every
//     machine and after every release. Scores are not those of the real server.
//   - Filters are "", "*" and categories:"NAME" alone. Others are refused.
//   - Papers are in memory, kept over [Server.Kill] and [Server.Listen].
//   - Pages are short where the real server's depend on sizes, so that a test meets several.
//
// Knobs say what goes wrong: [Server.Before] fails calls, [Server.Import] breaks streams, [Server.Kill] is a crash,
// [Server.Restore] another history.
package akintest

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // answers compressed requests
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// Model is the fingerprint of the fake's model.
const Model = "0123456789abcdef0123456789abcdef"

// Server holds papers across Kill and Listen, as a durable server does. Its methods are safe for concurrent use. The
// methods of the contract, such as SearchPapers, may be called without a connection too.
type Server struct {
	// Before is asked ahead of each call, with its full method; an error is the answer. Set it before the first call.
	Before func(ctx context.Context, method string) error
	// MissingShards is what the statistics say of shards that do not answer. Set it before the first call.
	MissingShards []int32
	// Import says how imports misbehave. Set it before the first call.
	Import ImportFaults
	// MaxHits cuts every page of hits, as the real server does at 3 MiB; 0: none. Set it before the first call.
	MaxHits int
	// TLS makes the server speak TLS. Set it before Start.
	TLS *tls.Config

	akinv1.UnimplementedPaperServiceServer
	akinv1.UnimplementedSimilarityServiceServer
	akinv1.UnimplementedIndexServiceServer
	akinv1.UnimplementedProfileServiceServer
	akinv1.UnimplementedAlertServiceServer

	tb   testing.TB // nil in examples
	addr string

	mu            sync.Mutex
	papers        map[string]*akinv1.Paper
	profiles      map[string]map[string]*akinv1.Event // by profile and event
	subscriptions map[string]*subscription
	revision      uint64
	restored      byte               // how often the history was replaced
	atLeast       []*akinv1.Position // what reads named, nil where they named nothing
	writes        map[string]int     // writes that changed something, by id
	grpc          *grpc.Server

	calls   sync.Map // method -> *atomic.Int64
	streams atomic.Int64
}

// Start serves on a free port of the loopback interface until the test ends.
func Start(tb testing.TB, papers ...*akinv1.Paper) *Server {
	tb.Helper()
	s := New(papers...)
	s.tb = tb
	s.Listen()
	tb.Cleanup(s.Kill)
	return s
}

// New returns a server that does not listen yet, for programs that are no tests. It panics when a paper is faulty.
func New(papers ...*akinv1.Paper) *Server {
	s := &Server{
		papers: map[string]*akinv1.Paper{}, profiles: map[string]map[string]*akinv1.Event{}, writes: map[string]int{},
		subscriptions: map[string]*subscription{}, addr: "127.0.0.1:0",
	}
	for _, p := range papers {
		if _, err := s.put(p); err != nil {
			panic(err) // the test gave a faulty paper
		}
	}
	return s
}

// Listen serves on the server's address: a free port the first time, the same one after a Kill.
func (s *Server) Listen() {
	var lis net.Listener
	var err error
	for range 100 { // the port of a killed server may take a moment to be free
		if lis, err = net.Listen("tcp", s.addr); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		panic(err)
	}
	s.addr = lis.Addr().String()
	opts := []grpc.ServerOption{grpc.UnaryInterceptor(s.unary), grpc.StreamInterceptor(s.stream),
		grpc.MaxRecvMsgSize(4 << 20)}
	if s.TLS != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(s.TLS)))
	}
	g := grpc.NewServer(opts...)
	akinv1.RegisterPaperServiceServer(g, s)
	akinv1.RegisterSimilarityServiceServer(g, s)
	akinv1.RegisterIndexServiceServer(g, s)
	akinv1.RegisterProfileServiceServer(g, s)
	healthv1.RegisterHealthServer(g, health.NewServer()) // the whole server serves
	akinv1.RegisterAlertServiceServer(g, s)
	s.mu.Lock()
	s.grpc = g
	s.mu.Unlock()
	go func() { _ = g.Serve(lis) }() // returns when the server is killed
}

// Kill breaks every connection and stops listening, as kill -9 does. The papers stay.
func (s *Server) Kill() {
	s.mu.Lock()
	g := s.grpc
	s.mu.Unlock()
	if g != nil {
		g.Stop()
	}
}

// Addr is host:port.
func (s *Server) Addr() string { return s.addr }

// Calls returns how often a method was called; name is the last part of the full method.
func (s *Server) Calls(name string) int {
	n := 0
	s.calls.Range(func(method, count any) bool {
		if strings.HasSuffix(method.(string), "/"+name) {
			n += int(count.(*atomic.Int64).Load())
		}
		return true
	})
	return n
}

// Writes returns how often the content of an id changed.
func (s *Server) Writes(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes[id]
}

// IDs returns the stored ids in ascending order.
func (s *Server) IDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.papers))
}

func (s *Server) count(ctx context.Context, method string) error {
	n, _ := s.calls.LoadOrStore(method, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
	if s.Before != nil {
		return s.Before(ctx, method)
	}
	return nil
}

func (s *Server) unary(
	ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
) (any, error) {
	if err := s.count(ctx, info.FullMethod); err != nil {
		return nil, err
	}
	if err := s.await(req); err != nil {
		return nil, err
	}
	return handler(ctx, req)
}

// await answers a read that names a position of another history as the real server does.
func (s *Server) await(req any) error {
	r, ok := req.(interface{ GetAtLeast() *akinv1.Position })
	if !ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.atLeast = append(s.atLeast, r.GetAtLeast())
	if p := r.GetAtLeast(); p != nil && p.GetLineage() != s.position().GetLineage() {
		return Fail(codes.FailedPrecondition, "the store has another history than the one asked for", "LINEAGE_CHANGED")
	}
	return nil
}

// Revision is that of the last write.
func (s *Server) Revision() uint64 { return s.lastPosition().GetRevision() }

// Named returns what the reads so far named as the least they must see, nil for those that named nothing.
func (s *Server) Named() []*akinv1.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.atLeast)
}

// Restore begins another history with the papers there are, as a restored server does.
func (s *Server) Restore() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restored++
}

func (s *Server) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if err := s.count(ss.Context(), info.FullMethod); err != nil {
		return err
	}
	return handler(srv, ss)
}

// put stores a paper as the contract says; the caller does not hold the lock.
func (s *Server) put(p *akinv1.Paper) (*akinv1.UpsertPaperResponse, error) {
	if err := check("paper", p); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stored := proto.CloneOf(p)
	old, known := s.papers[p.GetId()]
	if known {
		stored.CreateTime, stored.UpdateTime, stored.Revision = old.GetCreateTime(), old.GetUpdateTime(), old.GetRevision()
		if proto.Equal(stored, old) {
			return &akinv1.UpsertPaperResponse{Paper: withoutAbstract(old), Unchanged: true, Position: s.position()}, nil
		}
	}
	s.revision++
	stored.Revision = s.revision
	stored.UpdateTime = timestamppb.New(time.Unix(1_700_000_000+int64(s.revision), 0))
	if !known {
		stored.CreateTime = stored.UpdateTime
	}
	s.papers[p.GetId()] = stored
	s.writes[p.GetId()]++
	s.notify(stored)
	return &akinv1.UpsertPaperResponse{Paper: withoutAbstract(stored), Created: !known, Position: s.position()}, nil
}

// check refuses a paper that the contract does not allow, of a field of the request.
func check(field string, p *akinv1.Paper) error {
	switch {
	case p.GetId() == "":
		return Invalid(field+".id", "is required")
	case len(p.GetId()) > 256:
		return Invalid(field+".id", "is longer than 256 bytes")
	case p.GetTitle() == "" && p.GetAbstract() == "":
		return Invalid(field+".title", "and "+field+".abstract must not both be empty")
	case len(p.GetTitle()) > 2048:
		return Invalid(field+".title", "is longer than 2048 bytes")
	case len(p.GetAbstract()) > 64<<10:
		return Invalid(field+".abstract", "is longer than 65536 bytes")
	}
	return nil
}

// position is what the last write left; the caller holds the lock.
func (s *Server) position() *akinv1.Position {
	return &akinv1.Position{Revision: s.revision, Lineage: fmt.Sprintf("%032x", s.restored)}
}

func withoutAbstract(p *akinv1.Paper) *akinv1.Paper {
	c := proto.CloneOf(p)
	c.Abstract = ""
	return c
}

// Invalid is INVALID_ARGUMENT about one field, as the real server words it.
func Invalid(field, what string) error { return violation(field, what, "INVALID_FIELD") }

func violation(field, what, reason string) error {
	return Fail(codes.InvalidArgument, field+" "+what, reason,
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Description: what}}})
}

// Fail is an error with a reason of the service and further details.
func Fail(code codes.Code, message, reason string, details ...proto.Message) error {
	st := status.New(code, message).Proto()
	s := status.FromProto(st)
	all := append([]proto.Message{&errdetails.ErrorInfo{Reason: reason, Domain: "akin"}}, details...)
	for _, d := range all {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			s, _ = s.WithDetails(d)
		case *errdetails.BadRequest:
			s, _ = s.WithDetails(d)
		case *errdetails.RetryInfo:
			s, _ = s.WithDetails(d)
		}
	}
	return s.Err()
}

// After is a detail that asks for a wait.
func After(d time.Duration) proto.Message {
	return &errdetails.RetryInfo{RetryDelay: durationpb.New(d)}
}
