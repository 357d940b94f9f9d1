package service

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	healthPrefix = "/grpc.health.v1.Health/"
	ownPrefix    = "/akin.v1."
)

// unary wraps every unary call.
func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	call := call{method: info.FullMethod, start: time.Now()}
	defer func() {
		if p := recover(); p != nil {
			resp, err = nil, &panicError{value: p, stack: debug.Stack()}
		}
		err = s.finish(ctx, call, err, req)
	}()
	if err := s.admit(ctx, info.FullMethod); err != nil {
		return nil, err
	}
	if m, ok := req.(proto.Message); ok && len(m.ProtoReflect().GetUnknown()) > 0 {
		if violations := brokenText(m); len(violations) > 0 {
			return nil, invalid(reasonInvalidField, violations, 0)
		}
	}
	return next(ctx, req)
}

// stream wraps every streaming call.
func (s *Server) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	call := call{method: info.FullMethod, start: time.Now()}
	wrapped := &stream{ServerStream: ss, ctx: ss.Context(), items: info.IsClientStream}
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p, stack: debug.Stack()}
		}
		err = s.finish(ss.Context(), call, err, wrapped.request)
	}()
	if err := s.admit(ss.Context(), info.FullMethod); err != nil {
		return err
	}
	if info.FullMethod == healthv1.Health_Watch_FullMethodName {
		ctx, cancel := context.WithCancel(ss.Context())
		defer cancel()
		wrapped.ctx = ctx
		go s.endAfterDrain(ctx, cancel)
	}
	return next(srv, wrapped)
}

// endAfterDrain cancels a watch soon after the drain began: it would never end by itself, and hold the drain up.
func (s *Server) endAfterDrain(ctx context.Context, cancel context.CancelFunc) {
	select {
	case <-ctx.Done():
	case <-s.draining:
		timer := time.NewTimer(watchGrace)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
			cancel()
		}
	}
}

// stream checks received messages for broken text, and may have a context of its own.
type stream struct {
	grpc.ServerStream
	ctx     context.Context
	items   bool          // many requests: the handler checks each one by itself
	request proto.Message // the one request, otherwise
}

func (s *stream) Context() context.Context { return s.ctx }

func (s *stream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil || s.items {
		return err
	}
	if message, ok := m.(proto.Message); ok {
		s.request = message
		if violations := brokenText(message); len(violations) > 0 {
			return invalid(reasonInvalidField, violations, 0)
		}
	}
	return nil
}

// admit refuses calls without the token, and calls of our own services while there is no engine.
func (s *Server) admit(ctx context.Context, method string) error {
	if s.cfg.Token != "" && !strings.HasPrefix(method, healthPrefix) && !s.hasToken(ctx) {
		return failure(codes.Unauthenticated, reasonUnauthenticated, "this server needs the metadata \"authorization: Bearer TOKEN\" with its token")
	}
	if s.engine() == nil && strings.HasPrefix(method, ownPrefix) {
		return failure(codes.Unavailable, reasonLoading, "the server is still loading its papers: try again soon")
	}
	return nil
}

// hasToken compares in constant time, digests rather than tokens, so that not even the length shows.
func (s *Server) hasToken(ctx context.Context) bool {
	want := sha256.Sum256([]byte(s.cfg.Token))
	for _, value := range metadata.ValueFromIncomingContext(ctx, "authorization") {
		scheme, token, _ := strings.Cut(value, " ")
		got := sha256.Sum256([]byte(token))
		if strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
			return true
		}
	}
	return false
}

// panicError is a panic on its way to the log.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// recovered makes a goroutine's function return a panic as an error: one that left the goroutine would end the process.
func recovered(fn func() error) func() error {
	return func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = &panicError{value: p, stack: debug.Stack()}
			}
		}()
		return fn()
	}
}

// itemError is the status of one item of a call that has many. The cause is logged when it is our own fault, since the
// call as a whole goes well.
func (s *Server) itemError(ctx context.Context, cause error, request proto.Message) error {
	err := statusOf(cause, request)
	if code := status.Code(err); levelOf(code) == slog.LevelError {
		s.log.LogAttrs(ctx, slog.LevelError, "item", slog.String("code", code.String()), slog.String("error", cause.Error()))
	}
	return err
}

// call is what the log says about a call.
type call struct {
	method string
	start  time.Time
}

// finish turns the error of a call into its status, and tells log and observer. Calls that went well are logged at debug
// level only; failed ones by the limiter's leave, so that a broken client cannot fill the disk, except for those that
// are our own fault.
func (s *Server) finish(ctx context.Context, c call, cause error, req any) error {
	request, _ := req.(proto.Message)
	err := statusOf(cause, request)
	level := slog.LevelDebug
	code := codes.OK
	if err != nil {
		code = status.Code(err)
		level = levelOf(code)
	}
	if s.cfg.Observe != nil {
		s.cfg.Observe(Call{Method: c.method, Code: code.String(), Duration: time.Since(c.start)})
	}
	if !s.log.Enabled(ctx, level) {
		return err
	}
	if level == slog.LevelInfo && !s.lines.Allow() {
		s.unlogged.Add(1)
		return err
	}
	attributes := []slog.Attr{
		slog.String("method", c.method),
		slog.String("code", code.String()),
		slog.Duration("duration", time.Since(c.start)),
	}
	if p, ok := peer.FromContext(ctx); ok {
		attributes = append(attributes, slog.String("peer", p.Addr.String()))
	}
	if cause != nil {
		attributes = append(attributes, slog.String("error", cause.Error()))
	}
	if p, ok := cause.(*panicError); ok { //nolint:errorlint // made by the interceptors, and never wrapped
		attributes = append(attributes, slog.String("stack", string(p.stack)))
	}
	if n := s.unlogged.Swap(0); n > 0 {
		attributes = append(attributes, slog.Int64("unlogged_calls", n))
	}
	s.log.LogAttrs(ctx, level, "call", attributes...)
	return err
}

// levelOf is the level at which a failed call is logged: error where the server is at fault.
func levelOf(code codes.Code) slog.Level {
	switch code {
	case codes.Internal, codes.Unknown, codes.DataLoss:
		return slog.LevelError
	}
	return slog.LevelInfo
}
