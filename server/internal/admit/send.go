package admit

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

var errNotRead = Refuse(codes.Aborted, ReasonSendTimeout,
	"the client has taken no message for too long: read what the stream sends, or end it", 0)

// Send sends a message of a long stream. Meanwhile the call holds no permit, so that a client that reads slowly keeps
// nobody from running; one that takes no message for the timeout is cut off.
func (g *Gate) Send(ctx context.Context, send func() error) error {
	call := callOf(ctx)
	stream, ok := grpc.ServerTransportStreamFromContext(ctx).(wire)
	if call == nil || !ok || call.Rule.Class == Control {
		return send()
	}
	call.permit.pause()
	defer call.permit.resume(ctx)
	timer := time.AfterFunc(g.cfg.SendTimeout, func() { call.stop(stream, errNotRead) })
	defer timer.Stop()
	err := send()
	if err != nil && (call.stopped.Load() != nil || ctx.Err() != nil) { // whatever gRPC makes of it
		return contextError(ctx)
	}
	return err
}
