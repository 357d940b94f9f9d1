package service

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/engine"
)

// ownPrefix begins the methods that need an engine.
const ownPrefix = "/akin.v1."

// alertPrefix begins the methods that need alerts.
const alertPrefix = ownPrefix + "AlertService/"

// chained registers services whose every method goes through the chain: nothing is served beside it.
type chained struct{ *Server }

// RegisterService implements grpc.ServiceRegistrar.
func (s chained) RegisterService(desc *grpc.ServiceDesc, impl any) {
	wrapped := *desc
	wrapped.Methods, wrapped.Streams = slices.Clone(desc.Methods), slices.Clone(desc.Streams)
	for i := range wrapped.Methods {
		m := &wrapped.Methods[i]
		m.Handler = s.unary("/"+desc.ServiceName+"/"+m.MethodName, m.Handler)
	}
	for i := range wrapped.Streams {
		d := &wrapped.Streams[i]
		d.Handler = s.stream("/"+desc.ServiceName+"/"+d.StreamName, d.ClientStreams, d.Handler)
	}
	s.grpc.RegisterService(&wrapped, impl)
}

// GetServiceInfo implements reflection.ServiceInfoProvider.
func (s chained) GetServiceInfo() map[string]grpc.ServiceInfo { return s.grpc.GetServiceInfo() }

// unary is the chain of a unary method. The message is read by the gate instead of gRPC, and the handler begins when
// the gate says so.
func (s *Server) unary(method string, handler grpc.MethodHandler) grpc.MethodHandler {
	return func(srv any, ctx context.Context, _ func(any) error, _ grpc.UnaryServerInterceptor) (resp any, err error) {
		call := call{method: method, start: time.Now()}
		ctx = s.begin(ctx, call)
		var request proto.Message
		defer func() {
			if p := recover(); p != nil {
				resp, err = nil, &panicError{value: p, stack: debug.Stack()}
			}
			s.gate.End(ctx)
			if err = s.finish(ctx, call, err, request); err == nil {
				s.name(ctx, grpc.SendHeader)
			} else {
				s.name(ctx, grpc.SetHeader)
			}
		}()
		if err := s.enter(ctx, method); err != nil {
			return nil, err
		}
		receive := func(m any) error {
			if err := s.gate.Receive(ctx, s.codec, m, true); err != nil {
				return err
			}
			request, _ = m.(proto.Message)
			return whole(request)
		}
		run := func(_ context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			ctx, err := s.await(ctx, request) // before the turn, which a call that waits does not need
			if err != nil {
				return nil, err
			}
			ctx, err = s.gate.Acquire(ctx, request)
			if err != nil {
				return nil, err
			}
			return next(ctx, req)
		}
		return handler(srv, ctx, receive, run)
	}
}

// stream is the chain of a streaming method.
func (s *Server) stream(method string, items bool, handler grpc.StreamHandler) grpc.StreamHandler {
	return func(srv any, ss grpc.ServerStream) (err error) {
		call := call{method: method, start: time.Now()}
		s.name(ss.Context(), grpc.SetHeader)
		ctx := s.begin(ss.Context(), call)
		wrapped := &stream{ServerStream: ss, server: s, ctx: ctx, items: items}
		defer func() {
			if p := recover(); p != nil {
				err = &panicError{value: p, stack: debug.Stack()}
			}
			s.gate.End(ctx)
			err = s.finish(ctx, call, err, wrapped.request)
		}()
		if err := s.enter(ctx, method); err != nil {
			return err
		}
		if method == healthv1.Health_Watch_FullMethodName {
			watch, cancel := context.WithCancel(ctx)
			defer cancel()
			wrapped.ctx = watch
			go s.endAfterDrain(watch, cancel)
		}
		return handler(srv, wrapped)
	}
}

// unknown answers calls of methods that nobody serves. The gate has no rule for them and refuses them, most on their
// headers; this is for those that it leaves to a handler.
func (s *Server) unknown(srv any, ss grpc.ServerStream) error {
	return s.stream(Unknown, false, func(any, grpc.ServerStream) error {
		return status.Error(codes.Unimplemented, "there is no such method")
	})(srv, ss)
}

// name tells the client what its request is called, by grpc.SetHeader, or where a response is about to follow by
// grpc.SendHeader, which makes no copy.
func (s *Server) name(ctx context.Context, header func(context.Context, metadata.MD) error) {
	if id := admit.CallOf(ctx).RequestID(); id != "" {
		_ = header(ctx, metadata.MD{admit.RequestHeader: {id}}) // it fails where the stream has ended
	}
}

// begin tells whoever traces that a call begins.
func (s *Server) begin(ctx context.Context, c call) context.Context {
	if s.cfg.Begin != nil {
		ctx = s.cfg.Begin(ctx, c.method, c.start)
	}
	return ctx
}

// enter refuses what the gate could not refuse earlier, and calls of our own services while there is no engine.
func (s *Server) enter(ctx context.Context, method string) error {
	if err := s.gate.Begin(ctx); err != nil {
		return err
	}
	if s.cfg.Sharded && strings.HasPrefix(method, alertPrefix) {
		what := "it has no subscriptions"
		if method == akinv1.AlertService_ListRisingPapers_FullMethodName {
			what = "what rises is not measured there"
		}
		return fmt.Errorf("%w whose papers are spread over shards: %s", engine.ErrNotOrdered, what)
	}
	loading := s.engine() == nil || s.alerts() == nil && strings.HasPrefix(method, alertPrefix)
	if loading && strings.HasPrefix(method, ownPrefix) {
		return failure(codes.Unavailable, reasonLoading, "the server is still loading its papers: try again soon")
	}
	return nil
}

// whole refuses a message with invalid UTF-8.
func whole(m proto.Message) error {
	if m == nil || len(m.ProtoReflect().GetUnknown()) == 0 {
		return nil
	}
	if violations := brokenText(m); len(violations) > 0 {
		return invalid(reasonInvalidField, violations, 0)
	}
	return nil
}

// refused tells log and observer of a call that was refused on its headers.
func (s *Server) refused(ctx context.Context, method string, err error) {
	if !s.gate.Knows(method) {
		method = Unknown
	}
	_ = s.finish(ctx, call{method: method, start: time.Now()}, err, nil)
}

// shed tells log and observer of calls that were refused at doors: what they have in common is told once.
func (s *Server) shed(refused []admit.Shed) {
	for _, r := range refused {
		reason := reasonIn(r.Err)
		if s.cfg.Observe != nil {
			ended := Call{Method: r.Method, Code: status.Code(r.Err), Reason: reason}
			for range r.Calls {
				s.cfg.Observe(context.Background(), ended)
			}
		}
		s.log.Info("calls refused", "method", r.Method, "reason", reason, "calls", r.Calls)
	}
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

// stream is a server's stream whose messages are read by the gate, and whose context makes long work give way.
type stream struct {
	grpc.ServerStream
	server  *Server
	ctx     context.Context
	items   bool          // many requests: the handler checks each one by itself
	request proto.Message // the one request, otherwise
}

// Context implements grpc.ServerStream.
func (s *stream) Context() context.Context { return s.ctx }

// RecvMsg implements grpc.ServerStream. Behind the one request of a call stands its turn.
func (s *stream) RecvMsg(m any) error {
	if err := s.server.gate.Receive(s.ServerStream.Context(), s.server.codec, m, !s.items); err != nil || s.items {
		return err
	}
	s.request, _ = m.(proto.Message)
	if err := whole(s.request); err != nil {
		return err
	}
	ctx, err := s.server.gate.Acquire(s.ctx, s.request)
	s.ctx = ctx
	return err
}

// SendMsg implements grpc.ServerStream. The message is encoded under the call's permit, like the work that made it; the
// permit is given back while the client reads.
func (s *stream) SendMsg(m any) error {
	encoded := &grpc.PreparedMsg{}
	if err := encoded.Encode(s.ServerStream, m); err != nil {
		return err
	}
	return s.server.gate.Send(s.ServerStream.Context(), func() error { return s.ServerStream.SendMsg(encoded) })
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

// finish turns the error of a call into its status, and tells log and observer. Calls that went well are logged at
// debug level only; failed ones by the limiter's leave, so that a broken client cannot fill the disk, except for those
// that are our own fault.
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
		s.cfg.Observe(ctx, Call{
			Method:   c.method,
			Code:     code,
			Reason:   reasonIn(err),
			Duration: time.Since(c.start),
			Waited:   admit.CallOf(ctx).Waited(),
		})
	}
	named := admit.Named(err, admit.CallOf(ctx).RequestID())
	if !s.log.Enabled(ctx, level) {
		return named
	}
	if level == slog.LevelInfo && !s.lines.Allow() {
		s.unlogged.Add(1)
		return named
	}
	attributes := []slog.Attr{
		slog.String("method", c.method),
		slog.String("code", code.String()),
		slog.Duration("duration", time.Since(c.start)),
	}
	if p, ok := peer.FromContext(ctx); ok {
		attributes = append(attributes, slog.String("peer", p.Addr.String()))
	}
	attributes = append(attributes, faultOf(cause, err)...)
	if p, ok := cause.(*panicError); ok { //nolint:errorlint // made by the chain, and never wrapped
		attributes = append(attributes, slog.String("stack", string(p.stack)))
	}
	if n := s.unlogged.Swap(0); n > 0 {
		attributes = append(attributes, slog.Int64("unlogged_calls", n))
	}
	s.log.LogAttrs(ctx, level, "call", attributes...)
	return named
}

// faultOf is what the log says about why a call failed. What the caller is told may quote the request, so that the log
// has the reason and the fields instead; what the caller is not told is for the log.
func faultOf(cause, told error) (attributes []slog.Attr) {
	if cause == nil {
		return nil
	}
	attributes = append(attributes, slog.String("reason", reasonIn(told)))
	if fields := fieldsIn(told); len(fields) > 0 {
		attributes = append(attributes, slog.Any("fields", fields))
	}
	if !isStatus(cause) && status.Convert(told).Message() != cause.Error() {
		attributes = append(attributes, slog.String("error", cause.Error()))
	}
	return attributes
}

// levelOf is the level at which a failed call is logged: error where the server is at fault.
func levelOf(code codes.Code) slog.Level {
	switch code {
	case codes.Internal, codes.Unknown, codes.DataLoss:
		return slog.LevelError
	}
	return slog.LevelInfo
}
