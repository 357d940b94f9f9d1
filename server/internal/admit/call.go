package admit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/status"
)

// Call is what the gate knows of one call on its way. It is the call's context too, as far as that is the gate's: the
// context of its stream, in which the call itself is found.
type Call struct {
	context.Context

	Method    string
	ID        string // of the request, for responses, logs and traces
	Rule      Rule
	Principal *Principal
	Arrived   time.Time // headers are in
	Received  time.Time // the message is decoded; zero before
	Begun     time.Time // the handler may run; zero before
	Cost      Cost      // as charged

	key     any   // who is charged
	period  int64 // for Limiter.received
	waiting bool  // counted as arriving
	bytes   int64 // taken from the budget until the call ends
	refused error // what the handler is to say at once
	permit  *Permit
	seated  bool
	stopped atomic.Pointer[error] // why the gate has ended the stream
	unwatch func() bool           // ends looking at the end of the stream; nil: nobody looks
	owner   atomic.Int32          // who gives back what the call holds: nobody yet, its handler, or it has ended before

	mu   sync.Mutex
	over bool
	held int64 // taken by Hold
}

// Waited is how long a call waited for its turn; 0 when it did not come to that.
func (c *Call) Waited() time.Duration {
	if c == nil || c.Begun.IsZero() {
		return 0
	}
	return c.Begun.Sub(c.Received)
}

type callKey struct{}

// Value implements context.Context.
func (c *Call) Value(key any) any {
	if _, own := key.(callKey); own {
		return c
	}
	return c.Context.Value(key)
}

// stop ends the stream of a call, and with it the call's context. The client is told why; the first status that is
// written counts.
func (c *Call) stop(stream interface{ WriteStatus(*status.Status) error }, why error) {
	c.stopped.Store(&why)
	_ = stream.WriteStatus(status.Convert(Named(why, c.ID))) // it fails where the connection is gone
}

// CallOf is the call of a context, or nil outside of one.
func CallOf(ctx context.Context) *Call { return callOf(ctx) }

func callOf(ctx context.Context) *Call {
	call, _ := ctx.Value(callKey{}).(*Call)
	return call
}

// contextError is why a context ended: a refusal of ours where the gate has ended the call, and otherwise the context's
// error, which the table of statuses knows.
func contextError(ctx context.Context) error {
	if call := callOf(ctx); call != nil {
		if why := call.stopped.Load(); why != nil {
			return *why
		}
	}
	return ctx.Err()
}

// isStatus reports whether err was made by the status package, or by gRPC's transport.
func isStatus(err error) bool {
	_, ok := err.(interface{ GRPCStatus() *status.Status })
	return ok
}
