package client

import (
	"context"
	"time"

	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// The messages of the contract under shorter names; see proto/akin/v1 for units and limits of each field.
type (
	// Paper is one research paper.
	Paper = akinv1.Paper
	// AttributeValue is one of the caller's own fields of a paper; see [String], [Number] and [Bool].
	AttributeValue = akinv1.AttributeValue
	// WriteResult says what a write of one paper did.
	WriteResult = akinv1.UpsertPaperResponse
	// Hit is one paper found.
	Hit = akinv1.Hit
	// Parts is what a score is made of; see [ScoreParts].
	Parts = akinv1.ScoreParts
	// SearchInfo says how an answer was found.
	SearchInfo = akinv1.SearchInfo
	// Stats describes what the server holds.
	Stats = akinv1.GetIndexStatsResponse
	// ModelInfo describes an embedding model.
	ModelInfo = akinv1.ModelInfo
)

// String makes an attribute of text, at most 1 KiB.
func String(s string) *AttributeValue {
	return &AttributeValue{Value: &akinv1.AttributeValue_StringValue{StringValue: s}}
}

// Number makes an attribute of a finite number.
func Number(f float64) *AttributeValue {
	return &AttributeValue{Value: &akinv1.AttributeValue_DoubleValue{DoubleValue: f}}
}

// Bool makes an attribute of a truth value.
func Bool(b bool) *AttributeValue {
	return &AttributeValue{Value: &akinv1.AttributeValue_BoolValue{BoolValue: b}}
}

// Client talks to one Akin service. It is safe for concurrent use. Its reads see its own writes, on whichever server
// of the service they are answered; [Client.Token] and [Client.Follow] extend that to other clients. ErrLineageChanged
// says that the service was restored or rolled back, and may lack what was written before; after one such error the
// client goes on with what there is.
type Client struct {
	conn    *grpc.ClientConn // nil when the connection is the caller's
	timeout time.Duration    // of calls without a deadline; 0: none
	own     *follower

	papers     akinv1.PaperServiceClient
	similarity akinv1.SimilarityServiceClient
	index      akinv1.IndexServiceClient
	profiles   akinv1.ProfileServiceClient
	health     healthv1.HealthClient
	alerts     akinv1.AlertServiceClient
}

// Dial returns a client of the service at addr: "host:port", "host" (port 7700), "[::1]:7700", "unix:///path", or any
// target of gRPC such as "dns:///host:port". A name with several addresses is used round robin.
//
// Dial does not wait for a connection: it fails only when addr or the options make no sense, and a server that cannot
// be reached shows in the first call, as [ErrUnavailable].
//
// The connection is encrypted, with the server's certificate verified against the system's roots, unless addr is of
// this machine (a loopback address, "localhost" or a unix socket): then it is plain. [WithTLS] and [WithPlaintext]
// choose otherwise.
func Dial(addr string, opts ...Option) (*Client, error) {
	cfg := config{timeout: DefaultTimeout}
	for _, opt := range opts {
		opt(&cfg)
	}
	target, local, err := parseTarget(addr)
	if err != nil {
		return nil, err
	}
	dialOptions, err := cfg.dialOptions(addr, local)
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient(target, dialOptions...)
	if err != nil {
		return nil, &Error{Op: "dial", Message: err.Error(), cause: err}
	}
	c := New(conn)
	c.conn, c.timeout = conn, cfg.timeout
	return c, nil
}

// New returns a client on a connection of the caller's, who keeps the ownership: Close leaves it open. Credentials,
// interceptors and retries are then the connection's; the deadline of calls without one is [DefaultTimeout].
func New(conn grpc.ClientConnInterface) *Client {
	own := &follower{ClientConnInterface: conn}
	return &Client{
		timeout:    DefaultTimeout,
		own:        own,
		papers:     akinv1.NewPaperServiceClient(own),
		similarity: akinv1.NewSimilarityServiceClient(own),
		index:      akinv1.NewIndexServiceClient(own),
		profiles:   akinv1.NewProfileServiceClient(own),
		health:     healthv1.NewHealthClient(own),
		alerts:     akinv1.NewAlertServiceClient(own),
	}
}

// Close closes the connection. Calls that run fail with code Canceled.
func (c *Client) Close() error {
	if c.conn == nil {
		return nil
	}
	return c.conn.Close()
}

// deadline gives a call the default timeout where it has no deadline of its own.
func (c *Client) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has || c.timeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.timeout)
}
