package admit

import (
	"context"
	"encoding/binary"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// MaxMessage is the largest request in bytes, before and after decompression. One paper of the largest size and a batch
// of a thousand usual ones fit; what is larger goes by ImportPapers.
const MaxMessage = 4 << 20

// pieceBytes is how much of a message is asked for at a time: so much more than what is counted may be in memory.
const pieceBytes = 64 << 10

// wire is the part of gRPC's transport stream that messages are read from. gRPC's own reader takes a whole message
// before anyone is asked, so this package reads by itself; a test fails when a release of gRPC takes the methods away.
type wire interface {
	ReadMessageHeader(header []byte) error
	Read(n int) (mem.BufferSlice, error)
	RecvCompress() string
	WriteStatus(*status.Status) error
}

var (
	errTooLarge = Refuse(codes.ResourceExhausted, ReasonTooLarge,
		"a request holds at most 4 MiB, before and after decompression: "+
			"send fewer papers in one call, or use ImportPapers", 0)
	errNoMessage = Refuse(codes.InvalidArgument, reasonMessage, "the call ended before its request", 0)
	errTwo       = Refuse(codes.InvalidArgument, reasonMessage, "the call has more than one request", 0)
	errBroken    = Refuse(codes.InvalidArgument, reasonMessage,
		"the request is cut off, or is not what its headers say", 0)
	errNotInTime  = Refuse(codes.DeadlineExceeded, ReasonReceiveTimeout, "the request did not arrive in time", 0)
	errNoProtocol = Refuse(codes.Internal, reasonMessage, "this release of gRPC cannot be read from", 0)
)

// Receive reads one message of a call into m, counts it against the budget, and stops when the message does not come
// in time. only says that there must not be another one; a message of many is counted while it is read and decoded
// alone. The error is io.EOF where another message of many might have come and the client has closed its side;
// otherwise it is a status or the context's.
func (g *Gate) Receive(ctx context.Context, codec encoding.CodecV2, m any, only bool) error {
	stream, ok := grpc.ServerTransportStreamFromContext(ctx).(wire)
	if !ok {
		return errNoProtocol
	}
	r := receiver{gate: g, call: callOf(ctx), stream: stream}
	err := r.receive(ctx, codec, m, only)
	if r.wait.late != nil {
		g.receiving.end(&r.wait)
	}
	if only && err == nil && r.call != nil {
		r.call.bytes += r.taken // until the call ends
	} else {
		r.give(r.taken)
	}
	return err
}

// receiver reads one message.
type receiver struct {
	gate   *Gate
	call   *Call
	stream wire
	header [5]byte // of the message: whether it is compressed, and its length
	size   int64   // of what is read so far
	taken  int64   // from the budget
	wait   wait    // for the message
}

func (r *receiver) receive(ctx context.Context, codec encoding.CodecV2, m any, only bool) error {
	if only { // between two messages of many a client may take its time
		r.hurry()
	}
	header := r.header[:]
	if err := r.stream.ReadMessageHeader(header); err != nil {
		if errors.Is(err, io.EOF) && !only {
			return io.EOF
		}
		return r.failure(ctx, err, errNoMessage)
	}
	r.hurry()
	data, err := r.body()
	if err != nil {
		return r.failure(ctx, err, errBroken)
	}
	defer data.Free()
	if only {
		if err := r.stream.ReadMessageHeader(header); !errors.Is(err, io.EOF) {
			if err == nil {
				return errTwo
			}
			return r.failure(ctx, err, errBroken)
		}
	}
	// A message that could not grow beyond what is counted is not looked at.
	if message, ok := m.(proto.Message); ok && data.Len()*mostUnfolded > smallMessage {
		if err := r.take(unfolded(data, message.ProtoReflect().Descriptor())); err != nil {
			return err
		}
	}
	if err := codec.Unmarshal(data, m); err != nil {
		return Refuse(codes.InvalidArgument, reasonMessage, "the request is no message of this method: "+err.Error(), 0)
	}
	return nil
}

// hurry gives the message its time, once.
func (r *receiver) hurry() {
	if r.wait.late == nil && r.call != nil {
		r.gate.receiving.begin(&r.wait, func() { r.call.stop(r.stream, errNotInTime) })
	}
}

// body reads the bytes of a message whose header is in, and decompresses them.
func (r *receiver) body() (mem.BufferSlice, error) {
	length := int64(binary.BigEndian.Uint32(r.header[1:]))
	if length > MaxMessage {
		return nil, errTooLarge
	}
	var data mem.BufferSlice
	for read := int64(0); read < length; {
		n := min(length-read, pieceBytes)
		if err := r.take(n); err != nil {
			data.Free()
			return nil, err
		}
		piece, err := r.stream.Read(int(n))
		if err != nil {
			data.Free()
			return nil, err
		}
		if data == nil {
			data = piece
		} else {
			data = append(data, piece...)
		}
		read += n
	}
	if r.header[0] == 0 {
		return data, nil
	}
	defer data.Free()
	compressor := encoding.GetCompressor(r.stream.RecvCompress())
	if r.header[0] != 1 || compressor == nil {
		return nil, errBroken
	}
	return r.decompress(compressor, data)
}

// decompress counts what comes out of a compressed message as it grows.
func (r *receiver) decompress(compressor encoding.Compressor, data mem.BufferSlice) (out mem.BufferSlice, err error) {
	in := data.Reader()
	defer in.Close()
	plain, err := compressor.Decompress(in)
	if err != nil {
		return nil, errBroken
	}
	if closer, ok := plain.(io.Closer); ok {
		defer closer.Close()
	}
	pool := mem.DefaultBufferPool()
	for {
		if err := r.take(pieceBytes / 2); err != nil {
			out.Free()
			return nil, err
		}
		buffer := pool.Get(pieceBytes / 2)
		n, err := io.ReadFull(plain, *buffer)
		*buffer = (*buffer)[:n]
		out = append(out, mem.NewBuffer(buffer, pool))
		ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		switch {
		case err != nil && !ended:
			out.Free()
			return nil, errBroken
		case out.Len() > MaxMessage:
			out.Free()
			return nil, errTooLarge
		case ended:
			return out, nil
		}
	}
}

// take counts further bytes. A message is counted from the first byte once it is no longer small.
func (r *receiver) take(n int64) error {
	r.size += n
	due := r.size - r.taken
	if r.size <= smallMessage || due == 0 {
		return nil
	}
	if r.call != nil {
		if err := r.call.hold(r.gate.budget.limit/2, due); err != nil {
			return err
		}
	}
	if err := r.gate.budget.take(due); err != nil {
		if r.call != nil {
			r.call.drop(due)
		}
		return err
	}
	r.taken += due
	return nil
}

func (r *receiver) give(n int64) {
	r.gate.budget.give(n)
	if r.call != nil {
		r.call.drop(n)
	}
}

// failure says why a message did not come.
func (r *receiver) failure(ctx context.Context, err, otherwise error) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	if isStatus(err) {
		return err
	}
	return otherwise
}

// Bytes that decoding adds for each message and each string within a message.
const (
	messageBytes = 256
	stringBytes  = 24
	// mostUnfolded is the most that a message takes for each byte of it: a message takes two.
	mostUnfolded = 1 + messageBytes/2
)

// unfolded estimates what a message takes in memory beyond its encoded bytes: two bytes may stand for a whole message
// of many fields.
func unfolded(data mem.BufferSlice, md protoreflect.MessageDescriptor) int64 {
	if len(data) == 1 {
		return unfold(data[0].ReadOnlyData(), md, 0)
	}
	return unfold(data.Materialize(), md, 0)
}

func unfold(b []byte, md protoreflect.MessageDescriptor, depth int) (total int64) {
	if depth > 20 {
		return 0
	}
	for len(b) > 0 {
		num, typ, tag := protowire.ConsumeTag(b)
		if tag < 0 {
			return total
		}
		size := protowire.ConsumeFieldValue(num, typ, b[tag:])
		if size < 0 {
			return total
		}
		if field := md.Fields().ByNumber(num); typ == protowire.BytesType && field != nil {
			value, _ := protowire.ConsumeBytes(b[tag:])
			switch {
			case field.Kind() == protoreflect.MessageKind:
				total += messageBytes + unfold(value, field.Message(), depth+1)
			case field.IsList():
				total += stringBytes
			}
		}
		b = b[tag+size:]
	}
	return total
}
