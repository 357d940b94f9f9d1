package admit

import (
	"context"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var errNotRead = Refuse(codes.Aborted, ReasonSendTimeout,
	"the client has taken no message for too long: read what the stream sends, or end it", 0)

// Send sends a message of a long stream. Meanwhile the call holds no permit, so that a client that reads slowly keeps
// nobody from running; one that takes no message for the timeout is cut off.
func (g *Gate) Send(ctx context.Context, send func() error) error {
	call := callOf(ctx)
	if call == nil || call.cancel == nil || call.Rule.Class == Control {
		return send()
	}
	call.permit.pause()
	defer call.permit.resume(ctx)
	var late atomic.Bool
	timer := time.AfterFunc(g.cfg.SendTimeout, func() {
		late.Store(true)
		// gRPC would tell the client of a cancelled context; the first status that is written counts.
		if s, ok := grpc.ServerTransportStreamFromContext(ctx).(interface{ WriteStatus(*status.Status) error }); ok {
			_ = s.WriteStatus(status.Convert(errNotRead)) // it fails where the connection is gone
		}
		call.cancel(errNotRead)
	})
	defer timer.Stop()
	err := send()
	switch {
	case err == nil:
		return nil
	case late.Load(): // whatever gRPC makes of it
		return errNotRead
	case ctx.Err() != nil:
		return contextError(ctx)
	}
	return err
}
