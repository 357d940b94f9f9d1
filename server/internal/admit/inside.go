package admit

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// Inside is the AuthInfo of the connection by which the process calls itself. Calls on it name the caller for whom they
// are made, and are admitted as that caller's: its address, its certificate, its share of the server. No connection
// from outside has this AuthInfo, so that none can name another caller.
type Inside struct{}

// AuthType implements credentials.AuthInfo.
func (Inside) AuthType() string { return "inside" }

// originKey is the metadata of a call on the inside connection that names its origin. It means nothing elsewhere.
const originKey = "akin-origin"

var errNoOrigin = Refuse(codes.Canceled, "CANCELLED", "the caller for whom this call was made has gone", 0)

// origins are the callers that the process may call for.
type origins struct {
	last atomic.Uint64
	open sync.Map // name, a string -> *peer.Peer
}

// Origin is a connection that is served by other means than gRPC, and whose calls reach the gate by the inside
// connection. Its owner closes it when the connection ends.
type Origin struct {
	gate *Gate
	name string
	from *peer.Peer
}

// NewOrigin opens an origin. from is what the gate shall take for the calls' peer: it is kept as it is.
func (g *Gate) NewOrigin(from *peer.Peer) *Origin {
	o := &Origin{gate: g, name: strconv.FormatUint(g.origins.last.Add(1), 36), from: from}
	g.origins.open.Store(o.name, from)
	return o
}

// Close ends the origin: calls that name it are refused from now on.
func (o *Origin) Close() { o.gate.origins.open.Delete(o.name) }

// Outgoing is a context whose calls on the inside connection are made for the origin, whatever the context's metadata
// said before.
func (o *Origin) Outgoing(ctx context.Context) context.Context {
	md, _ := metadata.FromOutgoingContext(ctx) // a copy
	if md == nil {
		md = metadata.MD{}
	}
	md.Set(originKey, o.name)
	return metadata.NewOutgoingContext(ctx, md)
}

// originContext puts the caller of a call on the inside connection in the place of that connection. Contexts of other
// calls stay as they are.
func (g *Gate) originContext(ctx context.Context, header metadata.MD) (context.Context, error) {
	from, ok := peer.FromContext(ctx)
	if !ok {
		return ctx, nil
	}
	if _, inside := from.AuthInfo.(Inside); !inside {
		return ctx, nil
	}
	names := header.Get(originKey)
	if len(names) != 1 {
		return ctx, errNoOrigin
	}
	origin, ok := g.origins.open.Load(names[0])
	if !ok {
		return ctx, errNoOrigin
	}
	return peer.NewContext(ctx, origin.(*peer.Peer)), nil
}

// Allows says whether the origin may call a method at all: what Arrive looks at first, without counting a call. It is
// for those who take a message in before they make the call.
func (o *Origin) Allows(method string, authorization []string) error {
	rule, known := o.gate.cfg.Rules[method]
	switch {
	case !known:
		return errNoRule
	case rule.Role == 0:
		return nil
	}
	p, err := o.gate.cfg.Keys.identify(authorization, o.from)
	if err != nil {
		return err
	}
	return rule.Permits(p)
}
