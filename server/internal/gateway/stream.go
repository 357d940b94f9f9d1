package gateway

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// stream answers a call of many requests or responses. It comes as Connect's stream, or as lines of JSON: one message a
// line each way, where a call of one request may also be plain JSON, or a GET.
func (g *gateway) stream(w http.ResponseWriter, r *http.Request, m *method) {
	ctx, cancel, err := g.begin(r, m)
	if err != nil {
		failStream(w, r, err)
		return
	}
	defer cancel()
	desc := &grpc.StreamDesc{
		StreamName: string(m.desc.Name()), ServerStreams: m.desc.IsStreamingServer(),
		ClientStreams: m.desc.IsStreamingClient(),
	}
	if m.desc.IsStreamingClient() {
		g.duplex(ctx, cancel, w, r, m, desc)
		return
	}
	in := m.in.New().Interface()
	if err := g.only(w, r, m, in); err != nil {
		failStream(w, r, err)
		return
	}
	inside, err := g.Conn.NewStream(ctx, desc, m.path)
	if err == nil {
		if err = inside.SendMsg(in); err == nil || errors.Is(err, io.EOF) { // then RecvMsg says why
			err = inside.CloseSend()
		}
	}
	if err != nil {
		failStream(w, r, err)
		return
	}
	out := newSink(w, r)
	out.end(g.pump(ctx, inside, m, out))
}

// only reads the one request of a call.
func (g *gateway) only(w http.ResponseWriter, r *http.Request, m *method, in proto.Message) error {
	form, f, _ := contentType(r.Header.Get("Content-Type"))
	if r.Method != http.MethodPost || f == single {
		held := hold{budget: g.budget}
		defer held.release()
		_, err := g.request(w, r, m, in, &held)
		return err
	}
	messages, err := g.newMessages(w, r, f)
	if err != nil {
		return err
	}
	defer messages.release()
	data, err := messages.one()
	if err != nil {
		return err
	}
	readToEnd(w)
	return form.decode(data, in)
}

// pump writes responses until the call ends. It returns nil when it ended well.
func (g *gateway) pump(ctx context.Context, inside grpc.ClientStream, m *method, out *sink) error {
	for {
		message := m.out.New().Interface()
		if err := inside.RecvMsg(message); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return told(ctx, err)
		}
		if err := out.send(message); err != nil {
			return err
		}
	}
}

// duplex carries requests in while it carries responses out. Over HTTP/1.1 too: a client that sends everything before
// it reads works as long as what it has not read fits into the network's buffers, and is told otherwise by
// SEND_TIMEOUT.
func (g *gateway) duplex(
	ctx context.Context, cancel context.CancelFunc, w http.ResponseWriter, r *http.Request, m *method,
	desc *grpc.StreamDesc,
) {
	form, f, _ := contentType(r.Header.Get("Content-Type"))
	if f == single {
		failStream(w, r, failed(codeInvalid, reasonContentType,
			"this method takes many requests: send "+typeLines+", one a line, or "+typeConnectJSON))
		return
	}
	_ = http.NewResponseController(w).EnableFullDuplex() // HTTP/2 has it anyway
	if r.ProtoMajor == 1 {
		// Reading is ended by a deadline that has passed, which net/http takes for the end of the connection: the next
		// request on it would be cancelled.
		w.Header().Set("Connection", "close")
	}
	messages, err := g.newMessages(w, r, f)
	if err != nil {
		failStream(w, r, err)
		return
	}
	inside, err := g.Conn.NewStream(ctx, desc, m.path)
	if err != nil {
		failStream(w, r, err)
		return
	}
	sent := make(chan error, 1)
	go func() {
		defer messages.release()
		err := forward(messages, form, m, inside)
		if err != nil {
			cancel() // the call cannot go on; its error is ours
		}
		sent <- err
	}()
	out := newSink(w, r)
	err = g.pump(ctx, inside, m, out)
	cancel()
	hurry(w, 1) // whoever sends on is not read any more
	if own := <-sent; own != nil && err != nil && !errors.Is(own, errEnded) {
		err = own
	}
	out.end(err)
}

// errEnded says that the call ended before its requests did: what it answers says why.
var errEnded = errors.New("the call has ended")

// forward sends the messages of a body inside, to the last one.
func forward(messages *messages, form codec, m *method, inside grpc.ClientStream) error {
	for {
		data, err := messages.next()
		if errors.Is(err, io.EOF) {
			return inside.CloseSend()
		}
		if inside.Context().Err() != nil {
			return errEnded
		}
		if err != nil {
			return err
		}
		message := m.in.New().Interface()
		if err := form.decode(data, message); err != nil {
			return err
		}
		if err := inside.SendMsg(message); err != nil {
			return errEnded
		}
	}
}

// sink writes the responses of a stream.
type sink struct {
	w       http.ResponseWriter
	form    codec
	framing framing
	zipped  bool
	zipper  *gzip.Writer // of lines
	begun   bool
}

func newSink(w http.ResponseWriter, r *http.Request) *sink {
	form, f, _ := contentType(r.Header.Get("Content-Type"))
	s := &sink{w: w, form: form, framing: f}
	if r.Method != http.MethodPost || f == single {
		s.form, s.framing = jsonCodec, lines
	}
	name := "Accept-Encoding"
	if s.framing == envelopes {
		name = "Connect-Accept-Encoding"
	}
	s.zipped = accepts(r.Header.Values(name), "gzip")
	return s
}

// begin writes the headers, once. A call that fails before it has a response is answered with an HTTP status where
// lines are spoken; Connect's streams always begin with 200.
func (s *sink) begin() {
	if s.begun {
		return
	}
	s.begun = true
	h := s.w.Header()
	switch {
	case s.framing == lines:
		h.Set("Content-Type", typeLines)
		h.Add("Vary", "Accept-Encoding")
		if s.zipped {
			h.Set("Content-Encoding", "gzip")
			s.zipper = zippers.Get().(*gzip.Writer)
			s.zipper.Reset(s.w)
		}
	case s.form == protoCodec:
		h.Set("Content-Type", typeConnectProto)
	default:
		h.Set("Content-Type", typeConnectJSON)
	}
	if s.framing == envelopes && s.zipped {
		h.Set("Connect-Content-Encoding", "gzip")
	}
	h.Set("X-Accel-Buffering", "no") // nginx would hold a stream back
	s.w.WriteHeader(http.StatusOK)
}

// send writes one response and flushes it.
func (s *sink) send(m proto.Message) error {
	data, err := s.form.encode(m)
	if err != nil {
		return err
	}
	s.begin()
	if s.framing == lines {
		return s.line(data)
	}
	flags := byte(0)
	if s.zipped && len(data) >= fromGzip {
		flags, data = envelopeCompressed, zip(data)
	}
	return s.frame(flags, data)
}

func (s *sink) frame(flags byte, data []byte) error {
	frame := make([]byte, envelopeHeader, envelopeHeader+len(data))
	frame[0] = flags
	binary.BigEndian.PutUint32(frame[1:], uint32(len(data)))
	return s.write(s.w, append(frame, data...))
}

func (s *sink) line(data []byte) error {
	data = append(data, '\n')
	if s.zipper == nil {
		return s.write(s.w, data)
	}
	if err := s.write(s.zipper, data); err != nil {
		return err
	}
	if err := s.zipper.Flush(); err != nil {
		return err
	}
	return http.NewResponseController(s.w).Flush()
}

func (s *sink) write(w io.Writer, data []byte) error {
	patient(s.w)
	if _, err := w.Write(data); err != nil {
		return err
	}
	return http.NewResponseController(s.w).Flush()
}

// end writes the end of the stream: Connect's last message; of lines nothing, or the error as the last line and the end
// of the connection, so that nobody takes what came for the whole.
func (s *sink) end(err error) {
	if s.framing == lines && !s.begun && err != nil {
		fail(s.w, err)
		return
	}
	s.begin()
	last := struct {
		Error    *failure            `json:"error,omitempty"`
		Metadata map[string][]string `json:"metadata,omitempty"`
	}{}
	if err != nil {
		last.Error = describe(err)
	}
	data, marshalErr := json.Marshal(last)
	if marshalErr != nil { // what it holds always marshals
		panic(http.ErrAbortHandler)
	}
	switch {
	case s.framing == envelopes:
		_ = s.frame(envelopeEnd, data) // whoever does not take it has gone
	case err != nil:
		_ = s.line(data)
		panic(http.ErrAbortHandler)
	}
	if s.zipper != nil {
		_ = s.zipper.Close()
		zippers.Put(s.zipper)
	}
}

// failStream answers a call that could not begin.
func failStream(w http.ResponseWriter, r *http.Request, err error) { newSink(w, r).end(err) }
