package client

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// Token stands for everything that this client has written so far, and what it has taken over with [Client.Follow]:
// hand it to another client, which then sees those writes, whatever server it talks to. Empty before the first write.
// It is text without spaces, at most 53 bytes.
func (c *Client) Token() string {
	p := c.own.at.Load()
	if p == nil {
		return ""
	}
	return strconv.FormatUint(p.GetRevision(), 10) + "." + p.GetLineage()
}

// Follow makes the reads of this client see what a [Client.Token] of another one stands for. An empty token changes
// nothing. ErrInvalid when it is not a token.
func (c *Client) Follow(token string) error {
	if token == "" {
		return nil
	}
	number, lineage, _ := strings.Cut(token, ".")
	revision, err := strconv.ParseUint(number, 10, 64)
	if b, hexErr := hex.DecodeString(lineage); err != nil || hexErr != nil || len(b) != 16 {
		return fmt.Errorf("follow: %w: %q is not a token of a client", ErrInvalid, token)
	}
	c.own.note(&akinv1.Position{Revision: revision, Lineage: lineage})
	return nil
}

// follower is a connection that keeps the position of the newest write that went over it, and names it in every read:
// the server then answers from that state or a later one.
type follower struct {
	grpc.ClientConnInterface
	at atomic.Pointer[akinv1.Position] // nil before the first write
}

// note takes over a position. Answers may overtake each other; in one history, the higher revision is the later one.
func (f *follower) note(p *akinv1.Position) {
	for {
		held := f.at.Load()
		if p == nil || held.GetRevision() >= p.GetRevision() && held != nil {
			return
		}
		if f.at.CompareAndSwap(held, p) {
			return
		}
	}
}

// failed forgets a position that the server does not have in its history: the caller is told once, and then goes on
// with what the server has.
func (f *follower) failed(named *akinv1.Position, err error) {
	if named != nil && errors.Is(callError("", err), ErrLineageChanged) {
		f.at.CompareAndSwap(named, nil)
	}
}

// Invoke implements grpc.ClientConnInterface.
func (f *follower) Invoke(ctx context.Context, method string, request, response any, opts ...grpc.CallOption) error {
	request, named := f.name(request)
	err := f.ClientConnInterface.Invoke(ctx, method, request, response, opts...)
	if err != nil {
		f.failed(named, err)
		return err
	}
	f.see(response)
	return nil
}

// NewStream implements grpc.ClientConnInterface.
func (f *follower) NewStream(
	ctx context.Context, d *grpc.StreamDesc, method string, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	stream, err := f.ClientConnInterface.NewStream(ctx, d, method, opts...)
	if err != nil {
		return nil, err
	}
	return &followedStream{ClientStream: stream, follower: f}, nil
}

// followedStream does for a stream what Invoke does for a call.
type followedStream struct {
	grpc.ClientStream
	follower *follower
	named    atomic.Pointer[akinv1.Position]
}

func (s *followedStream) SendMsg(m any) error {
	m, named := s.follower.name(m)
	s.named.Store(named)
	return s.ClientStream.SendMsg(m)
}

func (s *followedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err != nil {
		s.follower.failed(s.named.Load(), err)
		return err
	}
	s.follower.see(m)
	return nil
}

// see notes the position in the answer to a write. The statistics have one too, which is not of a write.
func (f *follower) see(response any) {
	if _, stats := response.(*Stats); stats {
		return
	}
	if r, ok := response.(interface{ GetPosition() *akinv1.Position }); ok {
		f.note(r.GetPosition())
	}
}

// name returns a read that names the position held, and that position; other requests, and reads that name one already,
// as they are. The request itself is the caller's, so the field is set in a shallow copy.
func (f *follower) name(request any) (any, *akinv1.Position) {
	held := f.at.Load()
	r, ok := request.(interface {
		proto.Message
		GetAtLeast() *akinv1.Position
	})
	if held == nil || !ok || r.GetAtLeast() != nil {
		return request, nil
	}
	from := r.ProtoReflect()
	to := from.New()
	from.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		to.Set(field, value)
		return true
	})
	to.Set(to.Descriptor().Fields().ByName("at_least"), protoreflect.ValueOfMessage(held.ProtoReflect()))
	return to.Interface(), held
}
