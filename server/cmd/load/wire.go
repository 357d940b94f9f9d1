package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// wire is a connection to the server that speaks as much of HTTP/2 as searches need, since gRPC's own client fills a
// core before the server's is full of refusing. Requests are bytes that were encoded before, no call has a goroutine
// or a timer, and what is due together is written together. What a server can tell from outside is as with gRPC:
// headers, compressed by one table; one frame of data; limits of streams and of windows kept; calls that are late
// reset.
type wire struct {
	conn  net.Conn
	token string
	addr  string

	mu      sync.Mutex
	out     bytes.Buffer // to be written
	framer  *http2.Framer
	head    bytes.Buffer
	encoder *hpack.Encoder
	next    uint32           // number of the next stream
	open    map[uint32]*shot // waiting for an answer
	sent    []*shot          // in the order of their deadlines, the ended ones too
	queue   []*shot          // not sent yet: the server has as many streams as it wants
	most    int              // streams at a time
	window  int64            // bytes that the server takes
	err     error            // the connection has ended

	// The reader's own.
	decoder *hpack.Decoder
	code    int   // of the headers being read
	unread  int64 // bytes taken in that the server was not told of
}

// shot is one call.
type shot struct {
	request       []byte // a message with its prefix
	due, deadline time.Time
	done          func(took time.Duration, err error) // called once, without the wire's lock

	id    uint32
	ended bool
}

var (
	errShotLate    = status.Error(codes.DeadlineExceeded, "no answer within the deadline")
	errShotRefused = status.Error(codes.ResourceExhausted, "refused")
)

// dialWire opens a connection; readers of it run until it is closed.
func dialWire(addr, token string) (*wire, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	w := &wire{conn: conn, token: token, addr: addr, next: 1, open: make(map[uint32]*shot), most: 100, window: 65535}
	w.framer = http2.NewFramer(&w.out, bufio.NewReaderSize(conn, 64<<10))
	w.framer.SetReuseFrames()
	w.encoder = hpack.NewEncoder(&w.head)
	w.decoder = hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		if f.Name == "grpc-status" {
			w.code, _ = strconv.Atoi(f.Value) // what is no number is no status either
		}
	})
	w.out.WriteString(http2.ClientPreface)
	_ = w.framer.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}) // to memory: it cannot fail
	_ = w.framer.WriteWindowUpdate(0, 1<<30)
	if err := w.flush(); err != nil {
		return nil, err
	}
	go w.read()
	return w, nil
}

func (w *wire) close() { _ = w.conn.Close() } // nothing is lost

// broken reports whether the connection has ended.
func (w *wire) broken() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err != nil
}

// add takes a call in; flush sends it.
func (w *wire) add(s *shot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, s)
}

// flush writes what may be written, and ends calls whose deadline has passed.
func (w *wire) flush() error {
	w.mu.Lock()
	if w.err != nil {
		left := w.queue
		w.queue = nil
		w.mu.Unlock()
		for _, s := range left {
			s.done(0, w.err)
		}
		return w.err
	}
	now := time.Now()
	over := w.expire(now)
	for len(w.queue) > 0 && len(w.open) < w.most && w.window >= int64(len(w.queue[0].request)) {
		w.send(w.queue[0], now)
		w.queue = w.queue[1:]
	}
	var err error
	if w.out.Len() > 0 {
		_, err = w.conn.Write(w.out.Bytes())
		w.out.Reset()
	}
	w.mu.Unlock()
	for _, s := range over {
		s.done(now.Sub(s.due), errShotLate)
	}
	return err
}

// expire takes out calls whose deadline has passed. mu is held.
func (w *wire) expire(now time.Time) (over []*shot) {
	for len(w.sent) > 0 && (w.sent[0].ended || w.sent[0].deadline.Before(now)) {
		s := w.sent[0]
		w.sent = w.sent[1:]
		if !s.ended {
			s.ended = true
			delete(w.open, s.id)
			_ = w.framer.WriteRSTStream(s.id, http2.ErrCodeCancel) // to memory
			over = append(over, s)
		}
	}
	for len(w.queue) > 0 && w.queue[0].deadline.Before(now) {
		over = append(over, w.queue[0])
		w.queue = w.queue[1:]
	}
	return over
}

// send writes a call to out. mu is held.
func (w *wire) send(s *shot, now time.Time) {
	s.id = w.next
	w.next += 2
	w.open[s.id] = s
	w.sent = append(w.sent, s)
	w.window -= int64(len(s.request))
	w.head.Reset()
	field := func(name, value string) {
		_ = w.encoder.WriteField(hpack.HeaderField{Name: name, Value: value}) // to memory
	}
	field(":method", "POST")
	field(":scheme", "http")
	field(":path", akinv1.SimilarityService_SearchPapers_FullMethodName)
	field(":authority", w.addr)
	field("content-type", "application/grpc")
	field("user-agent", "akin-load")
	field("te", "trailers")
	field("grpc-timeout", strconv.FormatInt(max(1, s.deadline.Sub(now).Milliseconds()), 10)+"m")
	if w.token != "" {
		field("authorization", "Bearer "+w.token)
	}
	_ = w.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: s.id, BlockFragment: w.head.Bytes(), EndHeaders: true})
	_ = w.framer.WriteData(s.id, true, s.request)
}

// read takes in what the server sends until the connection ends.
func (w *wire) read() {
	var err error
	for err == nil {
		err = w.take()
	}
	w.mu.Lock()
	w.err = fmt.Errorf("connection to the server: %w", err)
	left := w.queue
	for _, s := range w.open {
		s.ended = true
		left = append(left, s)
	}
	w.queue, w.sent = nil, nil
	clear(w.open)
	w.mu.Unlock()
	for _, s := range left {
		s.done(0, w.err)
	}
}

// take takes one frame in.
func (w *wire) take() error {
	frame, err := w.framer.ReadFrame()
	if err != nil {
		return err
	}
	switch f := frame.(type) {
	case *http2.HeadersFrame:
		if !f.HeadersEnded() {
			return errors.New("headers that are continued")
		}
		w.code = -1
		if _, err := w.decoder.Write(f.HeaderBlockFragment()); err != nil {
			return err
		}
		if f.StreamEnded() {
			w.end(f.StreamID, statusOf(w.code))
		}
	case *http2.RSTStreamFrame:
		if f.ErrCode == http2.ErrCodeCancel { // the deadline, which the server keeps too
			w.end(f.StreamID, errShotLate)
			return nil
		}
		w.end(f.StreamID, status.Error(codes.Unavailable, "reset: "+f.ErrCode.String()))
	case *http2.DataFrame:
		if w.unread += int64(f.Length); w.unread >= 1<<28 {
			return w.say(func() error {
				err := w.framer.WriteWindowUpdate(0, uint32(w.unread))
				w.unread = 0
				return err
			})
		}
	case *http2.WindowUpdateFrame:
		if f.StreamID == 0 {
			w.mu.Lock()
			w.window += int64(f.Increment)
			w.mu.Unlock()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			return w.say(func() error { return w.framer.WritePing(true, f.Data) })
		}
	case *http2.SettingsFrame:
		if f.IsAck() {
			return nil
		}
		if most, ok := f.Value(http2.SettingMaxConcurrentStreams); ok {
			w.mu.Lock()
			w.most = int(most)
			w.mu.Unlock()
		}
		return w.say(w.framer.WriteSettingsAck)
	case *http2.GoAwayFrame:
		return fmt.Errorf("ended by the server: %v %s", f.ErrCode, f.DebugData())
	}
	return nil
}

// say writes a frame of the connection itself.
func (w *wire) say(frame func() error) error {
	w.mu.Lock()
	err := frame()
	w.mu.Unlock()
	if err != nil {
		return err
	}
	return w.flush()
}

// end ends the call of a stream.
func (w *wire) end(id uint32, err error) {
	w.mu.Lock()
	s := w.open[id]
	if s != nil {
		s.ended = true
		delete(w.open, id)
	}
	w.mu.Unlock()
	if s == nil {
		return // it was late
	}
	now := time.Now()
	if err == nil && now.After(s.deadline) {
		err = errShotLate
	}
	s.done(now.Sub(s.due), err)
}

// statusOf is the error of a code in trailers; -1: there was none.
func statusOf(code int) error {
	switch code {
	case 0:
		return nil
	case int(codes.ResourceExhausted):
		return errShotRefused
	case int(codes.DeadlineExceeded):
		return errShotLate
	case -1:
		return status.Error(codes.Internal, "an answer without a status")
	}
	return status.Error(codes.Code(code), "failed")
}

// shots are requests that were encoded before, each with the prefix of gRPC.
func shots(texts []string) ([][]byte, error) {
	all := make([][]byte, len(texts))
	for i, text := range texts {
		message, err := proto.Marshal(textQuery(text))
		if err != nil {
			return nil, err
		}
		all[i] = binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
		all[i] = append(all[i], message...)
	}
	return all, nil
}
